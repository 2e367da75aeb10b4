/**
 * One transaction over many units of work.
 *
 * I1  Nothing is sent before a unit needs it: BEGIN, a unit's savepoint and its end travel with the next statement, and
 *     the last of them with COMMIT. A unit without a statement costs nothing.
 * I2  A unit ends exactly once, when its last statement has been answered: released, or rolled back to its savepoint. From
 *     then on its handle is dead.
 * I3  A unit with a failed statement cannot succeed: the server has dropped its writes. One that hides the error and ends
 *     as if all were well takes the commit with it, because whoever counts on its effects would never know.
 * I4  Once the transaction is lost, nothing more of any unit is sent.
 * I5  Without savepoints the units stand or fall together: the first that fails is thrown as `Unguarded`, nothing is left of
 *     any, and whoever runs them runs them again with savepoints.
 * I6  Without savepoints a write that answers nothing is deferred: it travels in front of the next statement, whosoever's that
 *     is. The server keeps the order as written. One that fails there ends the run as `Unguarded`, whatever the bodies make
 *     of the errors they see: its own unit hears of it in the next run, in which nothing is deferred.
 * I7  What is still deferred when the last unit has ended goes before COMMIT, not with it: it may have to be cut short at the
 *     end of its time, and COMMIT must not be; and without the transaction's id nobody could ask what became of COMMIT.
 * I8  A body never runs beside itself: one that is out of time and still going is not run again.
 * I9  With savepoints every unit may wait for its own locks. When they hold the transaction for too long all together, it
 *     ends as busy, and smaller groups get past each other; but not while a body is going that would be run again (I8).
 */
import type { SqlUnit, Verdict } from '../contracts/database.ts'
import { FirebreakError, invariant, isFirebreakError } from '../contracts/errors.ts'
import { TransactionWatch } from '../node/transaction-watch.ts'
import { nextTurn } from '../node/turn.ts'
import type { BatchInserts } from './batch-insert.ts'
import type { Connections } from './connections.ts'
import type { Link } from './link.ts'
import { isConnectionError, postgresError } from './postgres-errors.ts'
import type { Answer, Step } from './round-trip.ts'
import { type Cargo, type Carrier, UnitHandle } from './unit-handle.ts'

/** A COMMIT that was sent and never answered. */
export interface Doubt {
  readonly transactionId: string
  readonly backend: number
  /** Of the run of the server in which the id was given out. */
  readonly run: string
  readonly cause: unknown
}

export interface Committed {
  readonly verdicts: readonly Verdict[]
  /** Set where only the server can tell whether it holds. */
  readonly doubt?: Doubt
}

const control = (text: string): Step => ({ text, values: [] })
const begin = control('BEGIN')
const commit = control('COMMIT')
const rollback = control('ROLLBACK')
const savepoint = control('SAVEPOINT firebreak_unit')
const undo = control('ROLLBACK TO firebreak_unit')
const release = control('RELEASE firebreak_unit')
const askId = control('SELECT pg_current_xact_id()')

/** Steps, and bytes of their texts and values, that may wait for the next trip. */
const deferredMax = 256
const deferredBytesMax = 256 * 1024

const done: Verdict = Object.freeze({ ok: true })

/** A unit has failed in a transaction without savepoints. */
export class Unguarded extends Error {
  /** The place of the unit whose body is out of time and still going. */
  going: number | undefined
  constructor(cause?: unknown) {
    super('an earlier statement of this commit has failed; its units run again', { cause })
  }
}

export class Transaction implements Carrier {
  readonly inserts: BatchInserts
  readonly #link: Link
  readonly #connections: Connections
  /** Each unit has a savepoint of its own. */
  readonly #guarded: boolean
  /** Goes to the server in front of the next statement. */
  #ahead: Step[] = [begin, askId]
  /** Of the writes in `#ahead`. */
  #deferredBytes = 0
  #begun = false
  #transactionId = ''
  /** Why the transaction as a whole cannot stand. */
  #lost: { readonly error: unknown } | undefined

  constructor(link: Link, connections: Connections, guarded: boolean) {
    this.#guarded = guarded
    this.inserts = connections.inserts
    this.#link = link
    this.#connections = connections
  }

  /** Runs the units and commits, or leaves nothing. */
  async run(units: readonly SqlUnit[]): Promise<Committed> {
    const { clock, transactionMaxMs, groupMaxMs } = this.#connections.settings
    const watch = new TransactionWatch(clock, transactionMaxMs)
    const startedAtMs = clock.now()
    const verdicts: Verdict[] = []
    try {
      for (const unit of units) {
        if (this.#guarded && clock.now() - startedAtMs > groupMaxMs) await this.#giveBack(watch, startedAtMs)
        verdicts.push(await this.#runUnit(unit, watch))
      }
      if (this.#deferredBytes > 0) await this.#runUnit(this.#sendDeferred, watch)
    } catch (error) {
      await this.#rollBack()
      // Asked only now: a body whose statement was cut short has heard of it by now, and ended.
      if (error instanceof Unguarded && watch.going > 0) error.going = verdicts.length
      throw error
    } finally {
      watch.stop()
    }
    const doubt = this.#begun ? await this.#commit() : undefined
    return doubt === undefined ? { verdicts } : { verdicts, doubt }
  }

  // I9. A body whose statement was cut short needs a moment to hear of it and to end.
  async #giveBack(watch: TransactionWatch, startedAtMs: number): Promise<void> {
    const { clock, path } = this.#connections.settings
    await new Promise<void>((resolve) => nextTurn(resolve))
    if (watch.going === 0) throw new FirebreakError('FB_DATABASE_BUSY', { path, waitedMs: clock.now() - startedAtMs })
  }

  // I7: the last of them takes the others along.
  readonly #sendDeferred = async (handle: UnitHandle): Promise<void> => {
    await handle.send(this.#ahead.splice(-1))
  }

  async #runUnit(unit: (handle: UnitHandle) => Promise<void>, watch: TransactionWatch): Promise<Verdict> {
    const handle = new UnitHandle(this)
    let failure: { readonly error: unknown } | undefined
    try {
      await watch.run(() => unit(handle), handle)
    } catch (error) {
      failure = { error }
    }
    await handle.end(isFirebreakError(failure?.error, 'FB_TRANSACTION_TIMEOUT'))
    if (this.#lost !== undefined) throw this.#lost.error
    if (failure !== undefined && isDatabaseError(failure.error)) throw failure.error
    if (failure === undefined && handle.failure !== undefined) throw handle.failure.error
    if (!this.#guarded) {
      if (failure !== undefined) throw new Unguarded(failure.error)
      return done
    }
    if (handle.opened) this.#ahead.push(...(failure === undefined ? [release] : [undo, release]))
    return failure === undefined ? done : { ok: false, error: failure.error }
  }

  async send({ steps, last, opens }: Cargo): Promise<readonly Answer[]> {
    if (this.#lost !== undefined) throw this.#lost.error
    if (opens && this.#guarded) this.#ahead.push(savepoint)
    const ahead = this.#takeAhead()
    const trip = this.#link.trip([...ahead, ...steps], last)
    try {
      await this.#link.send(trip)
    } catch (cause) {
      const error = postgresError(cause, this.#connections.settings.path)
      const isLost = isDatabaseError(error)
      const isSomebodyElses = !this.#guarded && !isLost && trip.answers.length < ahead.length
      const thrown = isSomebodyElses ? new Unguarded(cause) : error
      if (isLost || isSomebodyElses) this.#lost ??= { error: thrown }
      throw thrown
    } finally {
      if (ahead[0] === begin) this.#hasBegun(trip.answers)
    }
    return trip.answers.slice(ahead.length)
  }

  defer(step: Step): boolean {
    if (this.#guarded || this.#ahead.length >= deferredMax) return false
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
    this.#transactionId = answers[1]?.rows[0]?.[0] ?? ''
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
    invariant(tag === 'COMMIT', `a transaction ended with ${tag}`)
    return undefined
  }

  async #afterFailedCommit(cause: unknown, sent: boolean): Promise<Doubt> {
    const isDoubtful = sent && isConnectionError(cause)
    if (!isDoubtful) {
      await this.#rollBack()
      throw postgresError(cause, this.#connections.settings.path)
    }
    const { backend, run } = this.#link
    return { transactionId: this.#transactionId, backend, run, cause }
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

// Not the unit's own: whoever raises it says that the transaction as a whole cannot stand.
function isDatabaseError(error: unknown): boolean {
  return isFirebreakError(error) && error.code.startsWith('FB_DATABASE_')
}
