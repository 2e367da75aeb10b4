import { toRfc3339 } from '../node/clock.ts'
import { type ZoneRules, zoneRules } from '../node/time/zones.ts'
import { type Cron, cron } from './cron.ts'
import { lastSlot, nextSlot } from './next-slot.ts'
import type { ScheduleDefinition, Slot } from './schedule.ts'

/** When a schedule is due, by the rules of its zone as they are known here. */
export interface SchedulePlan {
  readonly name: string
  /** Cron and zone as one text: two plans with the same are one plan. */
  readonly spec: string
  readonly cron: Cron
  readonly rules: ZoneRules
}

export const planOf = ({ name, cron, zone }: ScheduleDefinition): SchedulePlan => ({
  name,
  spec: `${cron.text.trim()} ${zone}`,
  cron,
  rules: zoneRules(zone),
})

/** A zone has no blank in its name. */
export function partsOfSpec(spec: string): { readonly cron: string; readonly zone: string } {
  const end = spec.lastIndexOf(' ')
  return { cron: spec.slice(0, end), zone: spec.slice(end + 1) }
}

/** The plan that somebody else has written down. **Errors** `FB_CONFIG` where this Node does not know the zone. */
export function planOfSpec(name: string, spec: string): SchedulePlan {
  const { cron: text, zone } = partsOfSpec(spec)
  return { name, spec, cron: cron(text), rules: zoneRules(zone) }
}

/** The first slot after `afterMs`. */
export const nextOf = ({ cron, rules }: SchedulePlan, afterMs: number): number => nextSlot(cron, rules, afterMs)

/** The last slot after `afterMs` and not after `untilMs`; undefined where there is none. */
export const lastOf = (
  { cron, rules }: SchedulePlan,
  span: { readonly afterMs: number; readonly untilMs: number },
): number | undefined => lastSlot(cron, rules, span)

export function slotOf({ name, rules }: SchedulePlan, atMs: number): Slot {
  const wallMs = atMs + Math.round(rules.offsetMinutesAt(atMs) * 60_000)
  return { name, atMs, local: toRfc3339(wallMs).slice(0, 16) }
}
