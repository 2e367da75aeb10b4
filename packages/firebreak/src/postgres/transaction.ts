/**
 * One transaction over many units of work.
 *
 * I1  Nothing is sent before a unit needs it: BEGIN, a unit's savepoint and its end travel with the next statement, and
 *     the last of them with COMMIT. A unit without a statement costs nothing.
 * I2  A unit ends exactly once, when its last statement has been answered: released, or rolled back to its savepoint. From
 *     then on its handles are dead, and its verdict stands, whatever its code does later.
 * I3  A unit with a failed statement cannot succeed, also when its code hides the error: the server has dropped its writes.
 * I4  Once the transaction is lost, nothing more of any unit is sent. The engine loses it, or a unit that is required, never the
 *     code of a user: what a statement of the user raises fails its unit and nobody else.
 * I5  Without savepoints the units stand or fall together: the first that fails is thrown as `Unguarded`, nothing is left of
 *     any, and the caller runs them again with savepoints.
 * I6  Without savepoints a write that answers nothing is deferred: it travels in front of the next statement, whosoever's that
 *     is. The server keeps the order as written. One that fails there ends the run as `Unguarded`, whatever the bodies make
 *     of the errors they see: its own unit hears of it in the next run, in which nothing is deferred.
 * I7  What is still deferred when the last unit has ended goes before COMMIT, not with it: it may have to be cut short at the
 *     end of its time, and COMMIT must not be; and without the transaction's id nobody could ask what became of COMMIT.
 * I8  A body never runs beside itself: one that is out of time and still going is not run again.
 * I9  With savepoints every unit may wait for its own locks. When they hold the transaction for too long all together, it
 *     ends as busy, and smaller groups get past each other; but not while a body is going that would be run again (I8).
 * I10 What a unit can change for those behind it is put back where its effect is `settings`, and needs a transaction of its
 *     own where it is `session`. Both need the unit's savepoint, which alone ends read-only mode. In a transaction of its own
 *     what it has deferred runs before that, with the settings it was meant to have.
 */
import type { CommitScope, SqlUnit, Verdict } from '../contracts/database.ts'
import { FirebreakError, isFirebreakError } from '../contracts/errors.ts'
import { insideUnits, type OpenUnits } from '../node/open-units.ts'
import { requiredError, TransactionWatch } from '../node/transaction-watch.ts'
import { nextTurn } from '../node/turn.ts'
import type { BatchInserts } from './batch-insert.ts'
import type { Doubt } from './commit-fate.ts'
import type { Connections } from './connections.ts'
import type { Link } from './link.ts'
import { isConnectionError, isDatabaseCode, postgresError, userError } from './postgres-errors.ts'
import type { Answer, Step } from './round-trip.ts'
import { Outdated, RunAgain, Unguarded } from './run-again.ts'
import { larger, type StatementEffect } from './statement-effect.ts'
import { askId, begin, commit, endOfSavepoint, restore, rollback, runDeferred, savepoint } from './transaction-steps.ts'
import { type Cargo, type Carrier, type Origin, UnitHandle, UnitScope, UnitState } from './unit-handle.ts'
import { verdictOf } from './unit-verdict.ts'

export interface Committed<T> {
  readonly verdicts: readonly Verdict<T>[]
  /** Set where only the server can tell whether it holds. */
  readonly doubt?: Doubt
}

/** `guarded`: each unit has a savepoint. `own`: its units are one piece of work, which may do anything to its session. */
export interface TransactionMode {
  readonly guarded: boolean
  readonly own: boolean
}

/** What bounds the units of a transaction: their time, and whose turn it is. */
interface Turn {
  readonly watch: TransactionWatch
  readonly open: OpenUnits
}

/** Steps, and bytes of their texts and values, that may wait for the next trip. */
const deferredMax = 256
const deferredBytesMax = 256 * 1024
const statementShown = 200

export class Transaction implements Carrier {
  readonly inserts: BatchInserts
  readonly #link: Link
  readonly #connections: Connections
  readonly #mode: TransactionMode
  /** Goes to the server in front of the next statement. */
  #ahead: Step[] = [begin, askId]
  /** Of the writes in `#ahead`. */
  #deferredBytes = 0
  #begun = false
  #transactionId = ''
  #lost: { readonly error: unknown } | undefined
  /** The largest of its units. */
  #effect: StatementEffect = 'none'
  /** The catalogue is not that of the effects. */
  #isOutdated = false
  /** The unit that is running. */
  #place = 0

  constructor(link: Link, connections: Connections, mode: TransactionMode) {
    this.#mode = mode
    this.inserts = connections.inserts
    this.#link = link
    this.#connections = connections
  }

  /** The session is not as it was before, also when nothing was committed. */
  get leavesTraces(): boolean {
    return this.#effect === 'session'
  }

  /** Runs the units and commits, or leaves nothing. */
  async run<T>(units: readonly SqlUnit<T>[]): Promise<Committed<T>> {
    const { clock, transactionMaxMs } = this.#connections.settings
    const watch = new TransactionWatch(clock, transactionMaxMs)
    const verdicts: Verdict<T>[] = []
    try {
      await insideUnits(this.#link.place, (open) => this.#runAll(units, verdicts, { watch, open }))
    } catch (error) {
      await this.#rollBack()
      // Asked only now: a body whose statement was cut short has heard of it by now, and ended.
      if (error instanceof RunAgain && watch.going > 0)
        error.instead ??= { place: this.#place, error: this.#connections.outOfTime() }
      throw error
    } finally {
      watch.stop()
    }
    const doubt = this.#begun ? await this.#commit() : undefined
    return doubt === undefined ? { verdicts } : { verdicts, doubt }
  }

  async #runAll<T>(units: readonly SqlUnit<T>[], verdicts: Verdict<T>[], turn: Turn): Promise<void> {
    const startedAtMs = this.#connections.settings.clock.monotonic()
    for (const unit of units) {
      if (this.#mode.guarded) await this.#giveBack(turn.watch, startedAtMs)
      this.#place = verdicts.length
      verdicts.push(await this.#runUnit(unit, verdicts, turn))
    }
    if (this.#deferredBytes > 0) await this.#runUnit((handle) => handle.send(this.#ahead.splice(-1)), [], turn) // I7
  }

  // I9. A body whose statement was cut short needs a moment to hear of it and to end.
  async #giveBack(watch: TransactionWatch, startedAtMs: number): Promise<void> {
    const { clock, path, groupMaxMs } = this.#connections.settings
    const waitedMs = clock.monotonic() - startedAtMs
    if (waitedMs <= groupMaxMs) return
    await new Promise<void>((resolve) => nextTurn(resolve))
    if (watch.going === 0) throw new FirebreakError('FB_DATABASE_BUSY', { path, waitedMs })
  }

  async #runUnit<T>(
    unit: (user: UnitHandle, commit: CommitScope<T>) => Promise<T>,
    before: readonly Verdict<T>[],
    { watch, open }: Turn,
  ): Promise<Verdict<T>> {
    const state = new UnitState()
    const [user, scope] = [new UnitHandle(this, state, 'user'), new UnitScope(this, state, before)]
    open.begin()
    let ended: Verdict<T>
    try {
      ended = { ok: true, value: await watch.run(() => unit(user, scope)) }
    } catch (error) {
      ended = { ok: false, error }
    } finally {
      state.ended = true
      open.end()
    }
    if (state.underWay.size > 0) await this.#hearOut(state, ended)
    this.#refuseWhenLost()
    const verdict = verdictOf(state, ended, !this.#mode.own)
    if (!verdict.ok && state.required) {
      const { path, transactionMaxMs } = this.#connections.settings
      throw requiredError(verdict.error, path, transactionMaxMs)
    }
    if (!verdict.ok && !this.#mode.guarded && state.refused === undefined) throw new Unguarded(verdict.error)
    this.#leave(state, verdict.ok)
    return verdict
  }

  /** I2: the server is still at work for a unit whose code has ended, or is out of time. */
  async #hearOut(state: UnitState, ended: Verdict): Promise<void> {
    if (!ended.ok && isFirebreakError(ended.error, 'FB_TRANSACTION_TIMEOUT')) await this.cancel()
    await Promise.allSettled(state.underWay)
  }

  /** Ends a unit's savepoint, and puts back what it has changed (I10). */
  #leave({ opened, effect }: UnitState, succeeded: boolean): void {
    if (!opened || !this.#mode.guarded) return
    this.#ahead.push(...endOfSavepoint(succeeded, effect !== 'none' && this.#mode.own))
    if (effect === 'none') return
    // It may have dropped prepared statements, ours too.
    if (effect === 'session') this.#link.statements.forgetAll()
    this.#ahead.push(...restore)
  }

  admit(unit: UnitState, text: string, given?: StatementEffect): void {
    const effect = this.#isOutdated ? 'session' : (given ?? this.#connections.effects.of(text))
    if (effect === 'none') return
    if (effect === 'session' && !this.#mode.own) throw this.#refuse(unit, text)
    if (!this.#mode.guarded) throw this.#runAgain(new Unguarded())
    unit.effect = larger(unit.effect, effect)
    this.#effect = larger(this.#effect, effect)
  }

  #refuse(unit: UnitState, text: string): unknown {
    unit.refused ??= new FirebreakError('FB_TRANSACTION_SHARED', { statement: text.slice(0, statementShown) })
    // Without a savepoint what it has written cannot be told from what others have.
    if (this.#mode.guarded || !(unit.opened || unit.wrote)) return unit.refused
    const again = new Unguarded()
    again.instead = { place: this.#place, error: unit.refused }
    return this.#runAgain(again)
  }

  #runAgain(error: RunAgain): unknown {
    this.#lost ??= { error }
    return this.#lost.error
  }

  async send({ unit, by, steps, last }: Cargo): Promise<readonly Answer[]> {
    this.#refuseWhenLost()
    if (!unit.opened && this.#mode.guarded) this.#ahead.push(savepoint)
    const isLedgers = by === 'ledger' && this.#deferredBytes === 0
    const ahead = this.#takeAhead()
    const trip = this.#link.trip([...ahead, ...steps], last)
    try {
      await this.#link.send(trip)
    } catch (cause) {
      const step = ahead[trip.answers.length]
      throw this.#failed(cause, step === undefined ? by : step === runDeferred ? 'deferred' : 'ahead')
    } finally {
      if (ahead[0] === begin) this.#hasBegun(trip.answers)
    }
    if (ahead[0] === begin) await this.#judgeAnew(unit, isLedgers)
    this.#refuseWhenLost()
    return trip.answers.slice(ahead.length)
  }

  /** I4. */
  #refuseWhenLost(): void {
    if (this.#lost !== undefined) throw this.#lost.error
  }

  /** What a failed statement means for the transaction (I4); the error as its sender is to see it. */
  #failed(cause: unknown, whose: Origin | 'ahead' | 'deferred'): unknown {
    const { path } = this.#connections.settings
    // I6: it was deferred, and nobody who waits here has sent it.
    if (whose === 'ahead' && !this.#mode.guarded && !isConnectionError(cause))
      return this.#runAgain(new Unguarded(cause))
    // A time limit that a unit has set may end the session at any later statement.
    const isUnits = this.#effect !== 'none' && isConnectionError(cause)
    const isUsers = whose === 'user' || whose === 'deferred' || isUnits
    const error = isUsers ? userError(cause, path) : postgresError(cause, path)
    if (whose === 'ahead' || whose === 'deferred' || isDatabaseCode(error)) this.#lost ??= { error }
    return error
  }

  defer(step: Step): boolean {
    if (this.#mode.guarded || this.#lost !== undefined || this.#ahead.length >= deferredMax) return false
    const bytes = step.values.reduce((sum, value) => sum + (value?.length ?? 0), step.text.length)
    if (this.#deferredBytes + bytes > deferredBytesMax) return false
    this.#deferredBytes += bytes
    this.#ahead.push(step)
    return true
  }

  cancel(): Promise<void> {
    return this.#connections.cancel(this.#link)
  }

  #hasBegun(answers: readonly Answer[]): void {
    this.#begun = true
    const [id = '', version] = answers[1]?.rows[0] ?? []
    this.#transactionId = id ?? ''
    this.#isOutdated = version !== undefined && version !== this.#connections.effects.version
    if (this.#isOutdated) this.#effect = 'session'
  }

  /** The catalogue is newer than what statements were judged by. A statement of the ledger is what it is. */
  async #judgeAnew(unit: UnitState, isLedgers: boolean): Promise<void> {
    if (!this.#isOutdated) return
    if (isLedgers) {
      this.#effect = 'none'
      this.#isOutdated = false
      try {
        await this.#connections.readEffects(this.#link)
      } catch (error) {
        this.#lost ??= { error }
      }
      return
    }
    // Where no neighbour is, the statement may have done anything.
    unit.effect = 'session'
    if (!(this.#mode.own && this.#mode.guarded)) this.#lost ??= { error: new Outdated() }
  }

  #takeAhead(): readonly Step[] {
    this.#deferredBytes = 0
    return this.#ahead.splice(0)
  }

  async #commit(): Promise<Doubt | undefined> {
    const steps = [...this.#takeAhead(), commit]
    const trip = this.#link.trip(steps)
    try {
      await this.#link.send(trip)
    } catch (cause) {
      if (trip.answers.length < steps.length) return this.#afterFailedCommit(cause, trip.sent)
    }
    const tag = trip.answers.at(-1)?.tag
    // The server says so when it was asked to commit what it had already given up.
    if (tag !== 'COMMIT') throw new Error(`the server ended the transaction with ${tag}`)
    return undefined
  }

  async #afterFailedCommit(cause: unknown, sent: boolean): Promise<Doubt> {
    const isDoubtful = sent && isConnectionError(cause)
    if (!isDoubtful) {
      await this.#rollBack()
      // What is checked at the end is checked by triggers and constraints of the user.
      throw userError(cause, this.#connections.settings.path)
    }
    const { backend, run } = this.#link
    return { transactionId: this.#transactionId, backend, run, cause, inUnit: this.#effect !== 'none' }
  }

  // Best effort: what cannot be rolled back goes with its connection.
  async #rollBack(): Promise<void> {
    if (!this.#begun) return
    try {
      await this.#link.answers([rollback])
    } catch (error) {
      this.#link.cut(error)
    }
  }
}
