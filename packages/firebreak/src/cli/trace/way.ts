import { tracedState } from '../../ledger/traces.ts'
import type { ServiceLedger } from '../program/session.ts'
import type { TracedEvent } from './events.ts'
import type { Found, LetterOf } from './find.ts'

/** An event with what became of it, and how many events lead to it. */
export interface Step {
  readonly event: TracedEvent
  readonly depth: number
  readonly outcomes: readonly Outcome[]
  /** Its cause is named and was not found. */
  readonly isCauseMissing: boolean
}

/** What became of an event in one service. */
export type Outcome = { readonly service: string } & (
  | { readonly state: 'handled' | 'passed' | 'waiting' | 'never-run' }
  | { readonly state: 'parked'; readonly attempts: number; readonly dueAtMs: number | null }
  | ({ readonly state: 'dead-lettered' } & Pick<LetterOf, 'letter'>)
)

interface System {
  readonly awake: readonly ServiceLedger[]
  /** Services that would handle an event of this type and have no ledger yet. */
  neverRun(type: string): readonly string[]
}

/** The events in order of causation, each before what it caused, and otherwise in order of time. */
export async function wayOf(found: Found, system: System): Promise<readonly Step[]> {
  const byTime = found.events.toSorted((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1))
  const known = new Set(byTime.map(({ id }) => id))
  const isRoot = ({ id, causationId }: TracedEvent): boolean =>
    causationId === null || causationId === id || !known.has(causationId)
  const caused = Map.groupBy(byTime, (event) => (isRoot(event) ? null : event.causationId))
  const steps: Step[] = []
  const seen = new Set<string>()
  const pending = (caused.get(null) ?? []).map((event) => ({ event, depth: 0 })).reverse()
  // Headers are what somebody wrote: events that cause each other begin where the first of them was published.
  const rest = byTime.values()
  for (;;) {
    const next = pending.pop() ?? strayOf(rest, seen)
    if (next === undefined) return steps
    const { event, depth } = next
    if (seen.has(event.id)) continue
    seen.add(event.id)
    const isCauseMissing = event.causationId !== null && !known.has(event.causationId)
    steps.push({ event, depth, isCauseMissing, outcomes: await outcomesOf(event, found.letters, system) })
    const children = caused.get(event.id) ?? []
    pending.push(...children.map((child) => ({ event: child, depth: depth + 1 })).reverse())
  }
}

function strayOf(events: Iterator<TracedEvent>, seen: ReadonlySet<string>) {
  for (let next = events.next(); next.done !== true; next = events.next())
    if (!seen.has(next.value.id)) return { event: next.value, depth: 0 }
  return undefined
}

async function outcomesOf(
  event: TracedEvent,
  letters: readonly LetterOf[],
  { awake, neverRun }: System,
): Promise<readonly Outcome[]> {
  const { position, inboxId, type } = event
  if (position === null) return []
  const outcomes: Outcome[] = []
  for (const { service, database } of awake) {
    const own = letters.find(
      ({ service: owner, letter }) => owner === service.name && letter.headers['ce_id'] === event.id,
    )
    if (own !== undefined) outcomes.push({ service: service.name, state: 'dead-lettered', letter: own.letter })
    else if (service.handlers.has(type))
      outcomes.push({ service: service.name, ...(await tracedState(database, position, inboxId)) })
  }
  return [...outcomes, ...neverRun(type).map((service) => ({ service, state: 'never-run' }) as const)]
}
