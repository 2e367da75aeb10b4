import type { Database, DatabaseCapabilities, Sql, SqlRow, SqlValue } from '../contracts/database.ts'
import type { Attempt, DeadReason } from '../contracts/disposition.ts'
import type { LogEntry } from '../contracts/log.ts'
import { storable } from '../contracts/text/storable.ts'
import { checkSeals, keptColumns, keptRecord, letterSeal, sealOf } from './kept.ts'

/**
 * `open` waits for a person; `replaying` is parked again in its service; `resolved` succeeded on replay; `superseded` was
 * replaced by an edited copy; `discarded` was given up with a reason.
 */
export type DeadLetterState = 'open' | 'replaying' | 'resolved' | 'superseded' | 'discarded'

/** A record that its service could not handle: original bytes, every attempt, and what people did about it. */
export interface DeadLetter {
  readonly id: string
  readonly state: DeadLetterState
  readonly reason: DeadReason
  /** It killed the process. */
  readonly crash: boolean
  /** Its lane waits for it. */
  readonly hold: boolean
  readonly entry: LogEntry
  readonly lane: string
  readonly eventId: string | null
  readonly eventType: string | null
  readonly correlationId: string | null
  readonly errorClass: string
  readonly message: string
  /** Equal for failures of one kind: error class and first frame of the service's own code. */
  readonly fingerprint: string
  readonly attempts: readonly Attempt[]
  readonly replays: number
  readonly atMs: number
  readonly history: readonly DeadLetterAction[]
}

export interface DeadLetterAction {
  readonly atMs: number
  readonly action: 'dead-lettered' | 'replayed' | 'edited' | 'discarded' | 'resolved'
  readonly by: string
  readonly note: string
}

export interface DeadLetterFilter {
  readonly state?: DeadLetterState
  readonly eventType?: string
  readonly fingerprint?: string
  /** Only ids between these two, both included. */
  readonly ids?: { readonly least: string; readonly most: string }
}

/** A page of a list: the letters behind the one with the id `after`, at most `max` of them. */
export interface DeadLetterPage extends DeadLetterFilter {
  readonly after?: string
  readonly max?: number
}

/** Where a letter stands in the order of the log. */
export interface LetterPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly id: string
}

const columns = [...letterSeal.columns, 'seal']
const insert = `INSERT INTO fb_dead_letters (${columns.join(', ')}) VALUES (${columns.map((_, i) => `$${i + 1}`).join(', ')})`
const reopen = `UPDATE fb_dead_letters SET state = 'open', reason = $2, hold = $3, crash = $4, error_class = $5, message = $6, fingerprint = $7,
  attempts = $8, at_ms = $9, history = $10, seal = $11 WHERE id = $1`
const setState = `UPDATE fb_dead_letters SET state = $2, hold = 0, replays = $3, history = $4, seal = $6
  WHERE id = $1 AND state = $5 RETURNING id`

/** In the order of the seal. */
function valuesOf(letter: DeadLetter): SqlValue[] {
  const { entry } = letter
  return [
    ...[letter.id, letter.state, letter.reason, letter.crash ? 1 : 0, letter.hold ? 1 : 0],
    ...[entry.topic, entry.partition, entry.offset, letter.lane, ...keptColumns(entry), entry.atMs],
    ...[letter.eventId, letter.eventType, letter.correlationId].map(keptText),
    ...[letter.errorClass, letter.message, letter.fingerprint].map(keptText),
    ...[JSON.stringify(letter.attempts), letter.replays, letter.atMs, JSON.stringify(letter.history)],
  ]
}

/** As the database has it: half a character is a replacement there. */
const keptText = (text: string | null): string | null => storable(text)?.toWellFormed() ?? null

export async function insertLetter(sql: Sql, letter: DeadLetter): Promise<void> {
  const values = valuesOf(letter)
  await sql.query(insert, [...values, sealOf(values)])
}

/** A replay that failed again: the same letter, with the attempts of the replay behind the earlier ones. */
export async function reopenLetter(sql: Sql, before: DeadLetter, failed: DeadLetter): Promise<void> {
  const { reason, hold, crash, errorClass, message, fingerprint, attempts, atMs, history } = failed
  const again = { reason, hold, crash, errorClass, message, fingerprint, attempts, atMs, history }
  await sql.query(reopen, [
    ...[before.id, reason, hold ? 1 : 0, crash ? 1 : 0],
    ...[errorClass, message, fingerprint].map(keptText),
    ...[JSON.stringify(attempts), atMs, JSON.stringify(history)],
    sealOf(valuesOf({ ...before, ...again, state: 'open' })),
  ])
}

export interface StateChange {
  readonly from: DeadLetterState
  readonly to: DeadLetterState
  readonly action: DeadLetterAction
}

/** False when somebody else changed the letter first. */
export async function changeLetter(sql: Sql, letter: DeadLetter, change: StateChange): Promise<boolean> {
  const replays = letter.replays + (change.to === 'replaying' || change.to === 'superseded' ? 1 : 0)
  const history = [...letter.history, change.action]
  const seal = sealOf(valuesOf({ ...letter, state: change.to, hold: false, replays, history }))
  const params = [letter.id, change.to, replays, JSON.stringify(history), change.from, seal]
  return (await sql.query(setState, params)).length > 0
}

/** How a replay ended, otherwise than in another failure. */
export interface ReplayEnd {
  readonly to: 'resolved' | 'discarded'
  readonly atMs: number
  readonly by: string
  readonly note: string
}

/** What a replay that succeeded makes of its letter. */
export const resolvedAt = (atMs: number): ReplayEnd => ({ to: 'resolved', atMs, by: 'replay', note: '' })

/** Decides the letter of a replay that has ended. One that is not there, or that somebody has decided, stays as it is. */
export async function endReplay(
  sql: Sql,
  kept: Pick<DatabaseCapabilities, 'dialect'>,
  id: string,
  { to, atMs, by, note }: ReplayEnd,
): Promise<void> {
  const letter = await findLetter(sql, id, kept)
  if (letter?.state === 'replaying')
    await changeLetter(sql, letter, { from: 'replaying', to, action: { atMs, action: to, by, note } })
}

/**
 * Newest first.
 *
 * **Guarantee** Page by page each letter that is there all the time comes once, while others are added and decided: its id
 * begins with the time and never changes, not by a replay that fails either.
 */
export async function listLetters(database: Database, page: DeadLetterPage = {}): Promise<readonly DeadLetter[]> {
  const { where, params } = conditions(page, page.after === undefined ? [] : [['id <', page.after]])
  const sql = `SELECT * FROM fb_dead_letters ${where} ORDER BY id DESC LIMIT $${params.length + 1}`
  const rows = await database.query(sql, [...params, page.max ?? 100])
  return checkSeals(letterSeal, rows, database.capabilities).map(letterOf)
}

/** In the order of the log, behind `after`: the order in which letters of one key must come back. */
export async function lettersInLogOrder(
  database: Database,
  filter: DeadLetterFilter,
  { after, max }: { readonly after: LetterPlace | undefined; readonly max: number },
): Promise<readonly DeadLetter[]> {
  const behind = after === undefined ? [] : [after.topic, after.partition, after.offset, after.id]
  const { where, params } = conditions(filter, [])
  const at = behind.map((_, i) => `$${params.length + i + 1}`).join(', ')
  const isBehind = after === undefined ? '' : `${where === '' ? 'WHERE' : 'AND'} (topic, part, position, id) > (${at})`
  const sql = `SELECT * FROM fb_dead_letters ${where} ${isBehind} ORDER BY topic, part, position, id
    LIMIT $${params.length + behind.length + 1}`
  const rows = await database.query(sql, [...params, ...behind, max])
  return checkSeals(letterSeal, rows, database.capabilities).map(letterOf)
}

export async function countLetters(database: Database, filter: DeadLetterFilter = {}): Promise<number> {
  const { where, params } = conditions(filter, [])
  const [row] = await database.query<{ n: number }>(`SELECT COUNT(*) AS n FROM fb_dead_letters ${where}`, params)
  return row?.n ?? 0
}

export async function findLetter(
  source: Pick<Database, 'query'> | Sql,
  id: string,
  kept: Pick<DatabaseCapabilities, 'dialect'>,
): Promise<DeadLetter | undefined> {
  const rows = await source.query('SELECT * FROM fb_dead_letters WHERE id = $1', [id])
  const [row] = checkSeals(letterSeal, rows, kept)
  return row && letterOf(row)
}

/** The ids that begin like this, `max` at most: of an empty one none, for it is the beginning of all of them. */
export async function letterIdsLike(source: Pick<Database, 'query'>, start: string, max: number): Promise<string[]> {
  if (start === '') return []
  const sql = 'SELECT id FROM fb_dead_letters WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3'
  return (await source.query<{ id: string }>(sql, [start, `${start}~`, max])).map(({ id }) => id)
}

/** How many records are being replayed on other topics than these. No topic has a slash: with one it is that of jobs. */
export async function countReplayingElsewhere(database: Database, topics: readonly string[]): Promise<number> {
  const others = topics.map((_, i) => ` AND topic <> $${i + 1}`).join('')
  const sql = `SELECT COUNT(*) AS n FROM fb_dead_letters WHERE state = 'replaying' AND topic NOT LIKE '%/%'${others}`
  const [row] = await database.query<{ n: number }>(sql, topics)
  return row?.n ?? 0
}

/** Lanes of a partition that wait for a person. */
export async function heldLanes(
  database: Database,
  at: { topic: string; partition: number },
): Promise<readonly string[]> {
  const sql = "SELECT lane FROM fb_dead_letters WHERE state = 'open' AND hold = 1 AND topic = $1 AND part = $2"
  return (await database.query<{ lane: string }>(sql, [at.topic, at.partition])).map((row) => row.lane)
}

function conditions(
  { state, eventType, fingerprint, ids }: DeadLetterFilter,
  more: readonly (readonly [string, string])[],
): { where: string; params: SqlValue[] } {
  const wanted: readonly (readonly [string, string | undefined])[] = [
    ['state =', state],
    ['event_type =', eventType],
    ['fingerprint =', fingerprint],
    ['id >=', ids?.least],
    ['id <=', ids?.most],
    ...more,
  ]
  const given = wanted.filter((one): one is readonly [string, string] => one[1] !== undefined)
  const parts = given.map(([compared], i) => `${compared} $${i + 1}`)
  return { where: parts.length > 0 ? `WHERE ${parts.join(' AND ')}` : '', params: given.map(([, value]) => value) }
}

function letterOf(row: SqlRow): DeadLetter {
  const text = (column: string): string => String(row[column])
  const maybe = (column: string): string | null => row[column] as string | null
  return {
    id: text('id'),
    state: text('state') as DeadLetterState,
    reason: text('reason') as DeadReason,
    crash: row['crash'] === 1,
    hold: row['hold'] === 1,
    entry: {
      topic: text('topic'),
      partition: Number(row['part']),
      offset: Number(row['position']),
      ...keptRecord(row),
      atMs: Number(row['log_at_ms']),
    },
    lane: text('lane'),
    eventId: maybe('event_id'),
    eventType: maybe('event_type'),
    correlationId: maybe('correlation_id'),
    errorClass: text('error_class'),
    message: text('message'),
    fingerprint: text('fingerprint'),
    attempts: JSON.parse(text('attempts')) as Attempt[],
    replays: Number(row['replays']),
    atMs: Number(row['at_ms']),
    history: JSON.parse(text('history')) as DeadLetterAction[],
  }
}
