import type { Clock } from '../contracts/clock.ts'
import type { Database, Sql } from '../contracts/database.ts'
import { inLedger } from './ledger-place.ts'

const name = 'ledger-time'
// While it runs: a death loses less than that, which keeps marks so much longer.
const keepEveryMs = 60_000
// Two instances are apart by one interval each at most.
const slackMs = 2 * keepEveryMs

const begin = `UPDATE fb_meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = '${name}' RETURNING value`
const advance = `UPDATE fb_meta SET value = $1 WHERE name = '${name}' AND value = $2 RETURNING value`
const select = `SELECT value FROM fb_meta WHERE name = '${name}'`

/**
 * How long the instances of a service have been at work on its ledger, by the clocks of their processes that never go back.
 * Marks of the inbox are dated and forgotten by it: a wall clock that jumps would forget them early.
 *
 * I1 It is never ahead of the time that has passed: what nobody was there for does not count, nor what an instance slept
 *    through while others moved it.
 * I2 An instance that dates something has moved the number in the table since it began, so that others do not take their own idle time
 *    for that of all.
 */
export class LedgerTime {
  readonly #database: Database
  readonly #clock: Pick<Clock, 'monotonic'>
  #known: { readonly ms: number; readonly sinceMs: number } | undefined
  #kept = { text: '', atMs: 0 }
  #keeping = false

  constructor(database: Database, clock: Pick<Clock, 'monotonic'>) {
    this.#database = inLedger(database)
    this.#clock = clock
  }

  /** For what is dated in the transaction of `sql`. */
  async now(sql: Sql): Promise<number> {
    if (this.#known === undefined) {
      const [row] = await sql.query<{ value: string }>(begin)
      this.#set(Number(row?.value ?? 0), row?.value ?? '')
    }
    return this.#nowMs
  }

  /** What every instance has reached: ages are counted from it. Written down now and then. */
  async reached(): Promise<number> {
    if (this.#clock.monotonic() - this.#kept.atMs >= keepEveryMs) await this.keep()
    return Math.max(0, this.#nowMs - slackMs)
  }

  /** Writes it down, so that who starts next goes on from there. */
  async keep(): Promise<void> {
    if (this.#known === undefined || this.#keeping) return
    this.#keeping = true
    try {
      const [verdict] = await this.#database.commit([(sql) => this.#write(sql)])
      if (verdict?.ok === false) throw verdict.error
    } finally {
      this.#keeping = false
    }
  }

  async #write(sql: Sql): Promise<void> {
    const before = this.#kept.text
    const text = String(this.#nowMs)
    if ((await sql.query(advance, [text, before])).length > 0) return this.#set(Number(text), text)
    const [row] = await sql.query<{ value: string }>(select)
    // Others have moved it: they were there, and know how much time has passed.
    const ms = Math.max(Number(row?.value ?? 0), Math.min(this.#nowMs, Number(before) + keepEveryMs))
    const moved = await sql.query(advance, [String(ms), row?.value ?? ''])
    this.#set(ms, moved.length > 0 ? String(ms) : (row?.value ?? ''))
  }

  get #nowMs(): number {
    if (this.#known === undefined) return 0
    return this.#known.ms + Math.floor(this.#clock.monotonic() - this.#known.sinceMs)
  }

  #set(ms: number, text: string): void {
    const atMs = this.#clock.monotonic()
    this.#known = { ms, sinceMs: atMs }
    this.#kept = { text, atMs }
  }
}
