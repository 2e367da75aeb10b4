import type { LogEntry, LogInspection, Position, TopicInfo } from '../../contracts/log.ts'
import type { TracedLetter, TracedWaiting } from '../../ledger/traces.ts'
import { inboxIdOf } from '../../runtime/message/envelope-codec.ts'

/** An event as its headers describe it, without its payload. */
export interface TracedEvent {
  readonly id: string
  readonly type: string
  readonly source: string
  readonly correlationId: string
  readonly causationId: string | null
  readonly key: string | null
  readonly inboxId: string | null
  readonly atMs: number
  /** Where it was met first; null while it waits in an outbox. */
  readonly position: Position | null
  /** In the outbox: whether the log has refused it, and under which number. */
  readonly outbox?: { readonly blocked: number | null }
}

type Described = Pick<LogEntry, 'headers' | 'key' | 'atMs'>

function eventOf({ headers, key, atMs }: Described, position: Position | null): TracedEvent | undefined {
  const id = headers['ce_id']
  if (id === undefined || id === '') return undefined
  return {
    id,
    type: headers['ce_type'] ?? '?',
    source: headers['ce_source'] ?? '?',
    correlationId: headers['ce_correlationid'] ?? id,
    causationId: headers['ce_causationid'] ?? null,
    inboxId: inboxIdOf({ headers } as LogEntry),
    ...{ key, atMs, position },
  }
}

export const eventOfLetter = ({ headers, key, publishedAtMs, position }: TracedLetter): TracedEvent | undefined =>
  eventOf({ headers, key, atMs: publishedAtMs }, position)

export function eventOfWaiting({ blocked, ...row }: TracedWaiting): TracedEvent | undefined {
  const event = eventOf(row, null)
  return event && { ...event, outbox: { blocked } }
}

/** How much of the log was looked at. */
export interface Looked {
  readonly records: number
  readonly of: number
}

export interface Scan {
  readonly events: readonly TracedEvent[]
  readonly looked: Looked
}

interface Part {
  readonly topic: string
  readonly partition: number
  readonly first: number
  /** Everything from here on has been read. */
  before: number
}

const stretch = 500
/** Of one correlation; more than a person reads. */
export const eventsMax = 1000

/**
 * Reads the log from its end towards its beginning, a stretch of each partition in turn, `max` records at most, and keeps
 * the events that are wanted.
 */
export async function scanLog(
  inspection: LogInspection,
  topics: readonly TopicInfo[],
  { max, isWanted, signal }: { max: number; isWanted: (event: TracedEvent) => boolean; signal: AbortSignal },
): Promise<Scan> {
  const parts = topics.flatMap(({ name, ends }): Part[] =>
    ends.map(({ partition, first, next }) => ({ topic: name, partition, first, before: next })),
  )
  const of = parts.reduce((sum, { first, before }) => sum + before - first, 0)
  const events: TracedEvent[] = []
  let records = 0
  while (records < max && events.length < eventsMax && !signal.aborted) {
    const left = parts.filter(({ first, before }) => before > first)
    if (left.length === 0) return { events, looked: { records: of, of } }
    for (const part of left) {
      const from = Math.max(part.first, part.before - Math.min(stretch, Math.max(0, max - records)))
      for await (const entry of between(inspection, part, from)) {
        const { topic, partition, offset } = entry
        const event = eventOf(entry, { topic, partition, offset })
        if (event !== undefined && isWanted(event)) events.push(event)
      }
      records += part.before - from
      part.before = from
    }
  }
  return { events, looked: { records, of } }
}

/** The records of a partition from an offset on to where reading has been. */
async function* between(inspection: LogInspection, { topic, partition, before }: Part, from: number) {
  for (let offset = from; offset < before; ) {
    const entries = await inspection.read({ topic, partition, offset }, before - offset)
    for (const entry of entries) if (entry.offset < before) yield entry
    const last = entries.at(-1)
    if (last === undefined) return
    offset = last.offset + 1
  }
}
