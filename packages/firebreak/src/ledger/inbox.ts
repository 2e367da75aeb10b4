import type { Database, Sql } from '../contracts/database.ts'
import { countForgotten, dropDays, type InboxTables, inboxTables, lookupWidth, makeDays } from './inbox-tables.ts'
import { inLedger } from './ledger-place.ts'

const own = 'SELECT mark FROM fb_inbox WHERE event_id = $1'
const highest = 'SELECT MAX(event_id) AS id FROM fb_inbox'
const unmark = 'DELETE FROM fb_inbox WHERE event_id = $1 AND mark = $2'
const sweepEvery = 5000
const turnEveryMs = 3_600_000

/** What marking came to. */
export interface Marks {
  /** The mark of the first id; the others have the numbers after it. */
  readonly first: number
  /** Those that had been marked before. */
  readonly known: ReadonlySet<string>
}

export interface InboxOptions {
  /** How long a mark is kept. */
  readonly windowMs: number
  readonly random: () => number
  /** Clearing has failed. It is tried again: until then the inbox keeps more than it has to. */
  readonly onError: (error: unknown) => void
}

const none: ReadonlySet<string> = new Set()

/**
 * The ids of the events that this service has handled. Forgets what is older than the window.
 *
 * Forgetting is a slow walk through the ids instead of an index on time: the index would cost a second write for every
 * mark, the walk two reads.
 */
export class Inbox {
  readonly #database: Database
  readonly #windowMs: number
  readonly #onError: (error: unknown) => void
  readonly #tables: InboxTables
  /** The number of the next mark. Starts at random: no two processes write the same one. */
  #marks: number
  #sweptTo = ''
  #sinceSweep = 0
  #turnAtMs = 0
  #sweeping = false

  constructor(database: Database, options: InboxOptions) {
    this.#database = inLedger(database)
    this.#windowMs = options.windowMs
    this.#onError = options.onError
    this.#tables = inboxTables(database.capabilities)
    this.#marks = Math.floor(options.random() * 2 ** 52)
  }

  /** Marks events as handled; no id twice. Dated by the time of the ledger. */
  async mark(sql: Sql, ids: readonly string[], nowMs: number): Promise<Marks> {
    const first = this.#marks
    this.#marks += ids.length
    this.#sinceSweep += ids.length
    const added = await sql.batch(this.#tables.insert, this.#tables.rows(ids, nowMs, first))
    if (added === ids.length) return { first, known: none }
    // Rare, so it may be slow: whose mark is not the one just written was there before.
    const known = new Set<string>()
    for (const [i, id] of ids.entries()) {
      const [row] = await sql.query<{ mark: number }>(own, [id])
      if (row?.mark !== first + i) known.add(id)
    }
    return { first, known }
  }

  /** Takes marks back whose units have come to nothing. */
  async unmark(sql: Sql, marks: readonly (readonly [id: string, mark: number])[]): Promise<void> {
    await sql.batch(unmark, marks)
  }

  /**
   * Forgets marks beyond the window, a stretch at a time, by the time of the ledger; the days of ids are those of wall clocks.
   * Late is harmless: nobody has to wait for it.
   */
  async sweepWhenDue(nowMs: number, wallMs: number = nowMs): Promise<void> {
    const turns = nowMs >= this.#turnAtMs
    if (this.#sweeping || (this.#sinceSweep < sweepEvery && !turns)) return
    this.#sinceSweep = 0
    this.#sweeping = true
    try {
      if (turns) {
        this.#turnAtMs = nowMs + turnEveryMs
        await makeDays(this.#database, wallMs)
        await dropDays(this.#database, nowMs, this.#windowMs)
      }
      const { walked } = this.#tables
      const stretch = `SELECT event_id FROM ${walked} WHERE event_id > $1 ORDER BY event_id LIMIT 1 OFFSET $2`
      const forget = `DELETE FROM ${walked} WHERE event_id > $1 AND event_id <= $2 AND at_ms < $3`
      const [end] = await this.#database.query<{ event_id: string }>(stretch, [this.#sweptTo, sweepEvery * 2 - 1])
      const params = [this.#sweptTo, end?.event_id ?? lastId, nowMs - this.#windowMs]
      const [verdict] = await this.#database.commit([
        async (sql) => countForgotten(sql, await sql.batch(forget, [params])),
      ])
      if (verdict?.ok === false) throw verdict.error
      this.#sweptTo = end?.event_id ?? ''
    } catch (error) {
      this.#onError(error)
    } finally {
      this.#sweeping = false
    }
  }

  /** The highest id that is marked; empty when there is none. */
  async highest(): Promise<string> {
    const [row] = await this.#database.query<{ id: string | null }>(highest)
    return row?.id ?? ''
  }

  /** Which of these events have been handled, as far as a look can tell: the commit asks again, with authority. */
  async find(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>()
    for (let from = 0; from < ids.length; from += lookupWidth) {
      const params = this.#tables.among(ids.slice(from, from + lookupWidth))
      for (const row of await this.#database.query<{ event_id: string }>(this.#tables.lookup, params))
        found.add(row.event_id)
    }
    return found
  }
}

// Above every id that an envelope can carry into the table.
const lastId = '\u{10ffff}'
