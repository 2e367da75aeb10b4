/** What a ledger knows of single events, for a person who follows one. Reads only, without payloads. */
import type { Database, SqlRow } from '../contracts/database.ts'
import type { Position } from '../contracts/log.ts'
import type { DeadLetterState } from './letters.ts'

type Source = Pick<Database, 'query'>

/** A dead letter of an event. */
export interface TracedLetter {
  readonly id: string
  readonly state: DeadLetterState
  readonly position: Position
  readonly key: string | null
  readonly headers: Readonly<Record<string, string>>
  readonly publishedAtMs: number
  readonly errorClass: string
  readonly message: string
  readonly attempts: number
}

const letterColumns = `id, state, topic, part, position, msg_key, headers, log_at_ms, error_class, message, attempts`
const letters = `SELECT ${letterColumns} FROM fb_dead_letters
  WHERE event_id LIKE $1 OR correlation_id LIKE $1 ORDER BY id LIMIT $2`
// A wildcard in the place of what LIKE obeys: who asks compares the ids itself.
const pattern = (text: string): string => text.replace(/[%_\\]/g, '_')

/** Letters whose event id or correlation id begins like `start`, and perhaps others that look like it. */
export async function tracedLetters(source: Source, start: string, max: number): Promise<readonly TracedLetter[]> {
  return (await source.query(letters, [`${pattern(start)}%`, max])).map(letterOf)
}

const letterOf = (row: SqlRow): TracedLetter => ({
  id: String(row['id']),
  state: row['state'] as DeadLetterState,
  position: { topic: String(row['topic']), partition: Number(row['part']), offset: Number(row['position']) },
  key: row['msg_key'] as string | null,
  headers: headersOf(row),
  publishedAtMs: Number(row['log_at_ms']),
  errorClass: String(row['error_class']),
  message: String(row['message']),
  attempts: (JSON.parse(String(row['attempts'])) as readonly unknown[]).length,
})

/** An event that is committed and not in the log. */
export interface TracedWaiting {
  readonly topic: string
  readonly key: string | null
  readonly headers: Readonly<Record<string, string>>
  readonly atMs: number
  /** Its number, where the log has refused it. */
  readonly blocked: number | null
}

const waiting = `SELECT o.topic, o.msg_key, o.headers, o.at_ms, b.seq AS blocked FROM fb_outbox o
  LEFT JOIN fb_blocked_events b ON b.seq = o.seq AND b.state = 'blocked'
  WHERE o.headers LIKE $1 ORDER BY o.shard, o.seq LIMIT $2`

/** Events of the outbox in whose headers the text stands somewhere, and perhaps others. */
export async function tracedWaiting(source: Source, text: string, max: number): Promise<readonly TracedWaiting[]> {
  const rows = await source.query(waiting, [`%${pattern(text)}%`, max])
  return rows.map((row) => ({
    topic: String(row['topic']),
    key: row['msg_key'] as string | null,
    headers: headersOf(row),
    atMs: Number(row['at_ms']),
    blocked: row['blocked'] as number | null,
  }))
}

const headersOf = (row: SqlRow): Readonly<Record<string, string>> => JSON.parse(String(row['headers'] ?? '{}'))

/** What became of a record in one service, as far as its tables say. */
export type TracedState =
  | { readonly state: 'handled' }
  | { readonly state: 'parked'; readonly attempts: number; readonly dueAtMs: number | null }
  /** Its position is finished, and the inbox does not know it: skipped, a duplicate, or forgotten. */
  | { readonly state: 'passed' }
  | { readonly state: 'waiting' }

/** `inboxId`: the identity by which the inbox knows it. */
export async function tracedState(
  source: Source,
  { topic, partition, offset }: Position,
  inboxId: string | null,
): Promise<TracedState> {
  const at = [topic, partition]
  const parkedRow = 'SELECT attempts, due_at_ms FROM fb_parked WHERE topic = $1 AND part = $2 AND position = $3'
  const [parked] = await source.query(parkedRow, [...at, offset])
  if (parked !== undefined) {
    const attempts = (JSON.parse(String(parked['attempts'])) as readonly unknown[]).length
    return { state: 'parked', attempts, dueAtMs: parked['due_at_ms'] as number | null }
  }
  const marks = await source.query('SELECT 1 AS one FROM fb_inbox WHERE event_id = $1', [inboxId])
  if (marks.length > 0) return { state: 'handled' }
  const nextRow = 'SELECT next_position FROM fb_partitions WHERE topic = $1 AND part = $2'
  const [row] = await source.query<{ next_position: number | null }>(nextRow, at)
  return { state: offset < (row?.next_position ?? 0) ? 'passed' : 'waiting' }
}
