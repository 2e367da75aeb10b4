import type { Sql, SqlParam, SqlRow } from '../contracts/database.ts'
import { FirebreakError, isFirebreakError } from '../contracts/errors.ts'
import type { BatchInserts } from './batch-insert.ts'
import type { Answer, DriverQuery, Step } from './round-trip.ts'
import { answersNothing, changedRows, rowsOf } from './statement.ts'

/** What a unit reaches of the transaction it runs in. */
export interface Carrier {
  readonly inserts: BatchInserts
  send(cargo: Cargo): Promise<readonly Answer[]>
  /** True when it will send the step in front of the next one, and answer for its failure; then nobody waits for it. */
  defer(step: Step): boolean
  /** Ends the statement that the server is working on. */
  cancel(): Promise<void>
}

/** What a unit sends at once. */
export interface Cargo {
  readonly steps: readonly Step[]
  readonly last: DriverQuery | undefined
  /** It is the first of its unit, so the unit's savepoint goes in front. */
  readonly opens: boolean
}

const noValues: readonly SqlParam[] = Object.freeze([])

/** The handle of one unit. Its transaction reads `opened` and `failure`; `end` makes it dead. */
export class UnitHandle implements Sql {
  /** A statement has been sent, so there is a savepoint to end. */
  opened = false
  /** The first statement that failed and was not rolled back to a savepoint of the unit's own. */
  failure: { readonly error: unknown } | undefined
  readonly #carrier: Carrier
  readonly #underWay = new Set<Promise<unknown>>()
  #ended = false

  constructor(carrier: Carrier) {
    this.#carrier = carrier
  }

  async query<Row = SqlRow>(sql: string, params: readonly SqlParam[] = noValues): Promise<readonly Row[]> {
    const step = this.#carrier.inserts.step(sql, params)
    // After a failure the server refuses what comes: whoever goes on is told so.
    const mayWait = !this.#ended && this.failure === undefined && answersNothing(sql)
    if (mayWait && this.#carrier.defer(step)) return []
    const [answer] = await this.send([step])
    return answer === undefined ? [] : (rowsOf(answer) as readonly Row[])
  }

  async run(sql: string, rows: readonly (readonly SqlParam[])[]): Promise<number> {
    const answers = await this.send(this.#carrier.inserts.steps(sql, rows))
    return answers.reduce((sum, answer) => sum + changedRows(answer), 0)
  }

  async send(steps: readonly Step[], last?: DriverQuery): Promise<readonly Answer[]> {
    if (this.#ended) throw new FirebreakError('FB_UNIT_ENDED', { what: 'this handle' })
    if (steps.length === 0 && last === undefined) return []
    const sending = this.#carrier.send({ steps, last, opens: !this.opened })
    this.opened = true
    this.#underWay.add(sending)
    try {
      return await sending
    } catch (error) {
      // What never went to the server has not harmed the unit.
      if (!isFirebreakError(error, 'FB_INVARIANT')) this.failure ??= { error }
      // The driver's own stack ends at the socket; this one leads to the statement in the service's code.
      if (error instanceof Error) Error.captureStackTrace(error, this.send)
      throw error
    } finally {
      this.#underWay.delete(sending)
    }
  }

  /** Nothing more is taken; resolves when what is under way has been answered. */
  async end(hurry: boolean): Promise<void> {
    this.#ended = true
    if (this.#underWay.size === 0) return
    if (hurry) await this.#carrier.cancel()
    await Promise.allSettled(this.#underWay)
  }
}
