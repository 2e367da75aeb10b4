import type { Database, Sql, SqlValue } from '../contracts/database.ts'
import type { Original } from '../contracts/original.ts'
import { storable } from '../contracts/text/storable.ts'
import { keptRecord } from './kept.ts'
import type { OutboxRow } from './outbox.ts'

/**
 * `blocked` waits for a person, or for the log to change its mind; `retried` and `edited` are on their way again, the latter
 * with another payload; `discarded` was given up with a reason.
 */
export type BlockedState = 'blocked' | 'retried' | 'edited' | 'discarded'

/** An event that the log has refused. While it is blocked, the later events of its key wait behind it. */
export interface BlockedEvent {
  /** Its number in the outbox. */
  readonly number: number
  readonly state: BlockedState
  readonly topic: string
  readonly key: string | null
  readonly eventId: string | null
  readonly eventType: string | null
  readonly errorClass: string
  readonly message: string
  /** When it was first refused. */
  readonly atMs: number
  readonly tries: number
  /** As it waits; once it is decided, as it was until then. */
  readonly headers: Readonly<Record<string, string>>
  readonly value: Uint8Array | null
  readonly original?: Original
  readonly history: readonly BlockedAction[]
}

export interface BlockedAction {
  readonly atMs: number
  readonly action: 'blocked' | 'retried' | 'edited' | 'discarded'
  readonly by: string
  readonly note: string
}

export interface BlockedFilter {
  readonly state?: BlockedState | undefined
  readonly topic?: string
  readonly eventType?: string
}

/** A page of a list: the events behind the one with the number `after`, at most `max` of them. */
export interface BlockedPage extends BlockedFilter {
  readonly after?: number
  readonly max?: number
}

/** A row that was refused, and how. */
export interface Refusal {
  readonly row: OutboxRow
  readonly errorClass: string
  readonly message: string
}

/** Where a blocked row is, for who sends. */
export interface BlockedPlace {
  readonly shard: number
  readonly seq: number
  readonly topic: string
  readonly key: string | null
}

interface Row {
  readonly [column: string]: SqlValue
}

const insert = `INSERT INTO fb_blocked_events (seq, shard, state, topic, msg_key, event_id, event_type, error_class, message, at_ms, history)
  VALUES ($1, $2, 'blocked', $3, $4, $5, $6, $7, $8, $9, $10)
  ON CONFLICT (seq) DO UPDATE SET state = 'blocked', error_class = excluded.error_class, message = excluded.message,
  tries = fb_blocked_events.tries + 1, trying_until_ms = 0`
const places = `SELECT shard, seq, topic, msg_key FROM fb_blocked_events WHERE state = 'blocked' ORDER BY seq`
// Longer than a log tries by itself. A process that dies in the middle keeps people from deciding for so long.
const tryMaxMs = 60_000
const capTry = 'UPDATE fb_blocked_events SET trying_until_ms = $2 WHERE shard = $1 AND trying_until_ms > $2'
const beginTry = `UPDATE fb_blocked_events SET trying_until_ms = $2 WHERE seq = $1 AND state = 'blocked' RETURNING seq`
const endTry = `UPDATE fb_blocked_events SET trying_until_ms = 0, tries = tries + 1, error_class = COALESCE($2, error_class),
  message = COALESCE($3, message) WHERE seq = $1`
const went = `DELETE FROM fb_blocked_events WHERE seq = $1 AND state = 'blocked'`
const decide = `UPDATE fb_blocked_events SET state = $2, history = $3, headers = $4, value = $5, original = $6
  WHERE seq = $1 AND state = 'blocked' AND trying_until_ms <= $7 RETURNING seq`
const kept = `SELECT headers, value, original FROM fb_outbox WHERE shard = $1 AND seq = $2`

/** **Guarantee** A refusal that is known already keeps its first time and its history. */
export async function insertBlocked(sql: Sql, refusals: readonly Refusal[], nowMs: number): Promise<void> {
  const rows = refusals.map(({ row: { seq, shard, record }, errorClass, message }) => {
    const { ce_id: id = null, ce_type: type = null } = record.headers
    const first: BlockedAction = { atMs: nowMs, action: 'blocked', by: 'firebreak', note: message }
    const about = [record.topic, record.key, id, type, errorClass, message].map(storable)
    return [seq, shard, ...about, nowMs, JSON.stringify([first])]
  })
  await sql.batch(insert, rows)
}

export async function blockedPlaces(database: Database): Promise<readonly BlockedPlace[]> {
  const rows = await database.query<{ shard: number; seq: number; topic: string; msg_key: string | null }>(places)
  return rows.map(({ msg_key: key, ...row }) => ({ ...row, key }))
}

/** Nobody decides about them for a minute, or until `endTries`. **Shape** the numbers of those that are still blocked. */
export async function beginTries(sql: Sql, seqs: readonly number[], nowMs: number): Promise<ReadonlySet<number>> {
  const still = new Set<number>()
  for (const seq of seqs) if ((await sql.query(beginTry, [seq, nowMs + tryMaxMs])).length > 0) still.add(seq)
  return still
}

/** Who takes shards over: what the holder before was trying keeps nobody from deciding for longer, however wrong its clock. */
export async function capTries(sql: Sql, shards: readonly number[], nowMs: number): Promise<void> {
  await sql.batch(
    capTry,
    shards.map((shard) => [shard, nowMs + tryMaxMs]),
  )
}

/** **Shape** null: nothing new was heard of it. */
export interface TryEnd {
  readonly row: OutboxRow
  readonly errorClass: string | null
  readonly message: string | null
}

export async function endTries(sql: Sql, ends: readonly TryEnd[]): Promise<void> {
  const rows = ends.map(({ row, errorClass, message }) => [row.seq, storable(errorClass), storable(message)])
  if (rows.length > 0) await sql.batch(endTry, rows)
}

/** They have gone by themselves. */
export async function removeBlocked(sql: Sql, seqs: readonly number[]): Promise<void> {
  await sql.batch(
    went,
    seqs.map((seq) => [seq]),
  )
}

/** False when it is no longer blocked, or being tried. What the event was is kept. */
export async function decideBlocked(
  sql: Sql,
  { number, shard, history }: BlockedEvent & { readonly shard: number },
  { state, action, nowMs }: { state: Exclude<BlockedState, 'blocked'>; action: BlockedAction; nowMs: number },
): Promise<boolean> {
  const [row] = await sql.query<Row>(kept, [shard, number])
  const was = [row?.['headers'] ?? null, row?.['value'] ?? null, row?.['original'] ?? null]
  return (await sql.query(decide, [number, state, JSON.stringify([...history, action]), ...was, nowMs])).length > 0
}

const columns = `b.seq, b.shard, b.state, b.topic, b.msg_key, b.event_id, b.event_type, b.error_class, b.message, b.at_ms,
  b.tries, b.history, CASE WHEN b.state = 'blocked' THEN o.headers ELSE b.headers END AS headers,
  CASE WHEN b.state = 'blocked' THEN o.value ELSE b.value END AS value,
  CASE WHEN b.state = 'blocked' THEN o.original ELSE b.original END AS original`
const from = 'FROM fb_blocked_events b LEFT JOIN fb_outbox o ON o.shard = b.shard AND o.seq = b.seq'

/** Oldest first: the order in which they would leave. Their numbers never change. */
export async function listBlocked(database: Database, page: BlockedPage = {}): Promise<readonly BlockedEvent[]> {
  const { where, params } = conditions({ ...page, numberAbove: page.after })
  const sql = `SELECT ${columns} ${from} ${where} ORDER BY b.seq LIMIT $${params.length + 1}`
  return (await database.query<Row>(sql, [...params, page.max ?? 100])).map(blockedOf)
}

export async function countBlocked(database: Database, filter: BlockedFilter = {}): Promise<number> {
  const { where, params } = conditions(filter)
  const [row] = await database.query<{ n: number }>(`SELECT COUNT(*) AS n FROM fb_blocked_events b ${where}`, params)
  return row?.n ?? 0
}

export async function findBlocked(
  database: Database,
  number: number,
): Promise<(BlockedEvent & { readonly shard: number }) | undefined> {
  const [row] = await database.query<Row>(`SELECT ${columns} ${from} WHERE b.seq = $1`, [number])
  return row === undefined ? undefined : { ...blockedOf(row), shard: Number(row['shard']) }
}

function conditions(filter: BlockedFilter & { numberAbove?: number | undefined }): {
  where: string
  params: SqlValue[]
} {
  const all: readonly [string, string | number | undefined][] = [
    ['state =', filter.state],
    ['topic =', filter.topic],
    ['event_type =', filter.eventType],
    ['seq >', filter.numberAbove],
  ]
  const wanted = all.filter((one): one is [string, string | number] => one[1] !== undefined)
  const parts = wanted.map(([compared], i) => `b.${compared} $${i + 1}`)
  return { where: parts.length > 0 ? `WHERE ${parts.join(' AND ')}` : '', params: wanted.map(([, value]) => value) }
}

function blockedOf(row: Row): BlockedEvent {
  const text = (column: string): string => String(row[column])
  const maybe = (column: string): string | null => row[column] as string | null
  return {
    number: Number(row['seq']),
    state: text('state') as BlockedState,
    topic: text('topic'),
    eventId: maybe('event_id'),
    eventType: maybe('event_type'),
    errorClass: text('error_class'),
    message: text('message'),
    atMs: Number(row['at_ms']),
    tries: Number(row['tries']),
    ...keptRecord(row),
    history: JSON.parse(text('history')) as BlockedAction[],
  }
}
