/**
 * When a cron runs next. A cron names wall times: what clocks show in its zone. On a night when those clocks are changed, a wall
 * time may exist not at all or twice.
 *
 * I1 Hours that somebody chose, `0 2 * * *`, run once for each date and wall time: one that does not exist at the first instant
 *    after the gap, one that exists twice at the first of the two.
 * I2 Every hour or every so many, `0 * * * *`, runs by elapsed time: a wall time that does not exist as much later as the clocks
 *    were put forward, one that exists twice at both.
 * I3 An instant is one slot, however many wall times lead to it.
 */
import { invariant } from '../contracts/errors.ts'
import { dateAt } from '../node/clock.ts'
import type { ZoneRules } from '../node/time/zones.ts'
import type { Cron } from './cron.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

// No zone has ever been further from UTC than this.
const offsetMaxMs = 16 * hourMs
// 29 February on a given weekday can be 40 years away: 1900 and 2100 have none.
const daysMax = 41 * 366

/**
 * The first instant after `afterMs` at which it runs, in ms since the epoch.
 */
export function nextSlot(cron: Cron, zone: ZoneRules, afterMs: number): number {
  // Earlier dates are over by then in every zone.
  const firstDay = Math.floor((afterMs - offsetMaxMs) / dayMs)
  for (let day = firstDay; day < firstDay + daysMax; day++) {
    const slotMs = slotOfDay(cron, zone, { day, afterMs })
    if (slotMs === undefined) continue
    // Clocks that are put back over midnight show the next date before the rest of this one.
    return Math.min(slotMs, slotOfDay(cron, zone, { day: day + 1, afterMs }) ?? slotMs)
  }
  invariant(false, `cron ${cron.text} runs within 41 years`)
}

/**
 * The last instant after `afterMs` and not after `untilMs` at which it runs; undefined where there is none. As few slots are looked for
 * as the bits of the span have, however many there are in it.
 */
export function lastSlot(
  cron: Cron,
  zone: ZoneRules,
  { afterMs, untilMs }: { readonly afterMs: number; readonly untilMs: number },
): number | undefined {
  let found: number | undefined
  let [fromMs, toMs] = [afterMs, untilMs]
  // What comes next after an instant is never earlier for a later instant.
  while (fromMs < toMs) {
    const middleMs = Math.floor((fromMs + toMs) / 2)
    const slotMs = nextSlot(cron, zone, middleMs)
    if (slotMs > untilMs) toMs = middleMs
    else {
      found = slotMs
      fromMs = slotMs
    }
  }
  return found
}

interface Wanted {
  /** Days since 1970-01-01, by the calendar of the zone. */
  readonly day: number
  readonly afterMs: number
}

/** The first slot of a date that is late enough. */
function slotOfDay(cron: Cron, zone: ZoneRules, { day, afterMs }: Wanted): number | undefined {
  if (!isDay(cron, day)) return undefined
  const change = changeAround(zone, day)
  let found: number | undefined
  for (const hour of cron.hours)
    for (const minute of cron.minutes)
      for (const slotMs of slotsOf(cron, change, day * dayMs + hour * hourMs + minute * minuteMs))
        if (slotMs > afterMs && slotMs < (found ?? Number.POSITIVE_INFINITY)) found = slotMs
  return found
}

function isDay({ days, months, weekdays, isEitherDay }: Cron, day: number): boolean {
  const date = dateAt(day * dayMs)
  if (!months.includes(date.getUTCMonth() + 1)) return false
  const fits = [days.includes(date.getUTCDate()), weekdays.includes(date.getUTCDay())]
  return isEitherDay ? fits.includes(true) : !fits.includes(false)
}

/** The change of the clocks around a date; where there is none, both offsets are the same. */
interface Change {
  readonly oldOffsetMs: number
  readonly newOffsetMs: number
  /** The first instant with the new offset. */
  readonly atMs: number
}

/** At most one: no zone changes its clocks twice within three days. */
function changeAround(zone: ZoneRules, day: number): Change {
  const offsetMsAt = (instantMs: number): number => Math.round(zone.offsetMinutesAt(instantMs) * minuteMs)
  let beforeMs = day * dayMs - offsetMaxMs
  let atMs = (day + 1) * dayMs + offsetMaxMs
  const oldOffsetMs = offsetMsAt(beforeMs)
  const newOffsetMs = offsetMsAt(atMs)
  if (oldOffsetMs === newOffsetMs) return { oldOffsetMs, newOffsetMs, atMs: beforeMs }
  while (atMs - beforeMs > 1) {
    const middleMs = Math.floor((beforeMs + atMs) / 2)
    if (offsetMsAt(middleMs) === newOffsetMs) atMs = middleMs
    else beforeMs = middleMs
  }
  return { oldOffsetMs, newOffsetMs, atMs }
}

/** The instants at which a wall time runs; it is given in ms, as if it were one of UTC. */
function slotsOf(cron: Cron, { oldOffsetMs, newOffsetMs, atMs }: Change, wallMs: number): readonly number[] {
  const byOldMs = wallMs - oldOffsetMs
  const byNewMs = wallMs - newOffsetMs
  const instants = [...(byOldMs < atMs ? [byOldMs] : []), ...(byNewMs >= atMs ? [byNewMs] : [])]
  if (cron.isEveryHour) return instants.length === 0 ? [byOldMs] : instants
  return [instants[0] ?? atMs]
}
