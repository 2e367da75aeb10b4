import type { CommitScope, Sql, SqlParam, SqlRow, Verdict } from '../contracts/database.ts'
import { FirebreakError, isFirebreakError } from '../contracts/errors.ts'
import { quieted, Unheard } from '../node/unheard.ts'
import type { BatchInserts } from './batch-insert.ts'
import type { Answer, DriverQuery, Step } from './round-trip.ts'
import { answersNothing, changedRows, rowsOf } from './statement.ts'
import type { StatementEffect } from './statement-effect.ts'

/** What a unit reaches of the transaction it runs in. */
export interface Carrier {
  readonly inserts: BatchInserts
  /** **Errors** where a statement of the user must not run in this transaction, or not yet. */
  admit(unit: UnitState, text: string, effect?: StatementEffect): void
  send(cargo: Cargo): Promise<readonly Answer[]>
  /** True when it will send the step in front of the next one, and answer for its failure; then nobody waits for it. */
  defer(step: Step): boolean
  /** Ends the statement that the server is working on. */
  cancel(): Promise<void>
}

/** What a unit sends at once. */
export interface Cargo {
  readonly unit: UnitState
  readonly by: Origin
  readonly steps: readonly Step[]
  readonly last: DriverQuery | undefined
}

/** Whose statement it is: what the user's raise is never the engine's. */
export type Origin = 'user' | 'ledger'

/** What its transaction knows of one unit. Written by its handles and by the transaction. */
export class UnitState {
  /** A statement has been sent, so there is a savepoint to end. */
  opened = false
  /** A write waits for the next statement, or has gone in front of one. */
  wrote = false
  /** The first statement that failed and was not rolled back to a savepoint of the unit's own. */
  failure: { readonly error: unknown; readonly by: Origin } | undefined
  /** A statement of it needs a transaction of its own: whatever its code makes of that, it cannot succeed here. */
  refused: FirebreakError | undefined
  /** What has to be put back behind it. */
  effect: StatementEffect = 'none'
  ended = false
  /** Without it the commit is nothing. */
  required = false
  /** What was refused before it was sent; what failed on the server is `failure`. */
  readonly unheard: Unheard = new Unheard()
  // Made on demand: most units defer all that they have.
  #underWay: Set<Promise<unknown>> | undefined

  /** Statements that the server has not answered. */
  get underWay(): ReadonlySet<Promise<unknown>> {
    return this.#underWay ?? nothingUnderWay
  }

  async track<T>(sending: Promise<T>): Promise<T> {
    this.#underWay ??= new Set()
    this.#underWay.add(sending)
    try {
      return await sending
    } finally {
      this.#underWay.delete(sending)
    }
  }
}

const nothingUnderWay: ReadonlySet<Promise<unknown>> = new Set()

/** What units of the library need. Hardly one of the user's units asks for the handle, so it is made on demand. */
export class UnitScope<T> implements CommitScope<T> {
  readonly before: readonly Verdict<T>[]
  readonly #carrier: Carrier
  readonly #unit: UnitState
  #ledger: UnitHandle | undefined

  constructor(carrier: Carrier, unit: UnitState, before: readonly Verdict<T>[]) {
    this.before = before
    this.#carrier = carrier
    this.#unit = unit
  }

  get ledger(): UnitHandle {
    this.#ledger ??= new UnitHandle(this.#carrier, this.#unit, 'ledger')
    return this.#ledger
  }

  require(): void {
    this.#unit.required = true
  }
}

const noValues: readonly SqlParam[] = Object.freeze([])

/** A handle of one unit; dead when the unit has ended. */
export class UnitHandle implements Sql {
  readonly unit: UnitState
  readonly #carrier: Carrier
  readonly #by: Origin

  constructor(carrier: Carrier, unit: UnitState, by: Origin) {
    this.#carrier = carrier
    this.unit = unit
    this.#by = by
  }

  query<Row = SqlRow>(sql: string, params: readonly SqlParam[] = noValues): Promise<readonly Row[]> {
    return this.quietly<readonly SqlRow[]>(() => {
      const step = this.#carrier.inserts.step(sql, params)
      this.admit(sql)
      // After a failure the server refuses what comes: code that goes on gets that error.
      const mayWait = this.unit.failure === undefined && answersNothing(sql)
      if (!mayWait || !this.#carrier.defer(step)) return this.#ask(step)
      this.unit.wrote = true
      return Promise.resolve([])
    }) as Promise<readonly Row[]>
  }

  batch(sql: string, rows: readonly (readonly SqlParam[])[]): Promise<number> {
    return this.quietly(() => {
      const steps = this.#carrier.inserts.steps(sql, rows)
      this.admit(sql)
      return this.#runAll(steps)
    })
  }

  /** Nobody has to wait for a statement: `void sql.query(…)` that fails ends no process, and its unit fails. */
  quietly<T>(statement: () => Promise<T>): Promise<T> {
    try {
      return quieted(statement())
    } catch (error) {
      return this.unit.unheard.add(error)
    }
  }

  async #ask(step: Step): Promise<readonly SqlRow[]> {
    const [answer] = await this.send([step])
    return answer === undefined ? [] : rowsOf(answer)
  }

  async #runAll(steps: readonly Step[]): Promise<number> {
    const answers = await this.send(steps)
    return answers.reduce((sum, answer) => sum + changedRows(answer), 0)
  }

  /** Asked before each statement that is not the transaction's own; `effect` where the text alone does not say. */
  admit(text: string, effect?: StatementEffect): void {
    if (this.unit.ended) throw new FirebreakError('FB_UNIT_ENDED', { what: 'this handle' })
    if (this.#by === 'user') this.#carrier.admit(this.unit, text, effect)
  }

  async send(steps: readonly Step[], last?: DriverQuery): Promise<readonly Answer[]> {
    const { unit } = this
    if (unit.ended) throw new FirebreakError('FB_UNIT_ENDED', { what: 'this handle' })
    if (steps.length === 0 && last === undefined) return []
    const sending = this.#carrier.send({ unit, by: this.#by, steps, last })
    unit.opened = true
    try {
      return await unit.track(sending)
    } catch (error) {
      // What never went to the server has not harmed the unit.
      if (!isFirebreakError(error, 'FB_INVARIANT')) unit.failure ??= { error, by: this.#by }
      // The driver's own stack ends at the socket; this one leads to the statement in the service's code.
      if (error instanceof Error) Error.captureStackTrace(error, this.send)
      throw error
    }
  }
}
