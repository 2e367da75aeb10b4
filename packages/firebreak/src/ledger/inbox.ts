import type { Database, Sql, SqlValue } from '../contracts/database.ts'

const insert = 'INSERT INTO fb_inbox (event_id, at_ms, mark) VALUES ($1, $2, $3) ON CONFLICT (event_id) DO NOTHING'
const lookupWidth = 64
const inList = Array.from({ length: lookupWidth }, (_, i) => `$${i + 1}`).join(', ')
const lookup = `SELECT event_id FROM fb_inbox WHERE event_id IN (${inList})`
const own = 'SELECT mark FROM fb_inbox WHERE event_id = $1'
const highest = 'SELECT MAX(event_id) AS id FROM fb_inbox'
const stretch = 'SELECT event_id FROM fb_inbox WHERE event_id > $1 ORDER BY event_id LIMIT 1 OFFSET $2'
const forget = 'DELETE FROM fb_inbox WHERE event_id > $1 AND event_id <= $2 AND at_ms < $3'
const sweepEvery = 5000

/**
 * The ids of the events that this service has handled. Forgets what is older than the window.
 *
 * Forgetting is a slow walk through the ids instead of an index on time: the index would cost a second write for every
 * mark, the walk two reads.
 */
export class Inbox {
  readonly #database: Database
  readonly #windowMs: number
  /** The number of the next mark. Starts at random: no two processes write the same one. */
  #marks: number
  /** No id above it was marked, as far as this process knows; undefined before the first look. */
  #highest = ''
  #looked = false
  #sweptTo = ''
  #sinceSweep = 0

  constructor(database: Database, options: { windowMs: number; random: () => number }) {
    this.#database = database
    this.#windowMs = options.windowMs
    this.#marks = Math.floor(options.random() * 2 ** 52)
  }

  /** Marks events as handled. Undefined when all were new; otherwise says for each whether it was marked before. */
  async mark(sql: Sql, ids: readonly string[], nowMs: number): Promise<readonly boolean[] | undefined> {
    const first = this.#marks
    this.#marks += ids.length
    this.#sinceSweep += ids.length
    for (const id of ids) if (id > this.#highest) this.#highest = id
    const added = await sql.run(
      insert,
      ids.map((id, i) => [id, nowMs, first + i]),
    )
    if (added === ids.length) return undefined
    // Rare, so it may be slow: whose mark is not the one just written was there before.
    const known: boolean[] = []
    for (const [i, id] of ids.entries()) {
      const [row] = await sql.query<{ mark: number }>(own, [id])
      known.push(row?.mark !== first + i)
    }
    return known
  }

  /** Forgets marks beyond the window, a stretch at a time. Late is harmless, so errors wait for the next time. */
  async sweepWhenDue(nowMs: number): Promise<void> {
    if (this.#sinceSweep < sweepEvery) return
    this.#sinceSweep = 0
    try {
      const [end] = await this.#database.query<{ event_id: string }>(stretch, [this.#sweptTo, sweepEvery * 2 - 1])
      await this.#database.query(forget, [this.#sweptTo, end?.event_id ?? lastId, nowMs - this.#windowMs])
      this.#sweptTo = end?.event_id ?? ''
    } catch {
      return
    }
  }

  /**
   * Which of these events have been handled, as far as a cheap look can tell: the commit asks again, with authority. Ids
   * are ordered by time, so that what is new is above everything marked so far and needs no look at all.
   */
  async find(ids: readonly string[]): Promise<ReadonlySet<string>> {
    if (!this.#looked) {
      const [row] = await this.#database.query<{ id: string | null }>(highest)
      if ((row?.id ?? '') > this.#highest) this.#highest = row?.id ?? ''
      this.#looked = true
    }
    const found = new Set<string>()
    const old = ids.filter((id) => id <= this.#highest)
    for (let from = 0; from < old.length; from += lookupWidth) {
      // A statement of fixed width, so that it is prepared once.
      const params: SqlValue[] = old.slice(from, from + lookupWidth)
      while (params.length < lookupWidth) params.push(null)
      for (const row of await this.#database.query<{ event_id: string }>(lookup, params)) found.add(row.event_id)
    }
    return found
  }
}

// Above every id that an envelope can carry into the table.
const lastId = '\u{10ffff}'
