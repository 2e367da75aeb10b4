import type { AnyCallSignature, CallRequest, CallResponse, HandlerCallOptions } from '../../contracts/call.ts'
import type { Sql, SqlParam, SqlRow } from '../../contracts/database.ts'
import type { Envelope } from '../../contracts/envelope.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyEvent, TombstoneKey } from '../../contracts/event.ts'
import type { AnyJob, EnqueueOptions } from '../../contracts/job.ts'
import type { AnyMessage } from '../../contracts/message.ts'
import { seenToWrite, statementInvalid } from '../../contracts/sql/sql-text.ts'
import type { Transaction } from '../../contracts/transaction.ts'
import type { HandlerTerms } from '../../define/handle.ts'
import { inContextOfNow, isInsideUnit } from '../../node/open-units.ts'
import type { Expiring } from '../../policy/deadline-watch.ts'
import { AttemptCalls } from '../calls/attempt-calls.ts'
import type { Unit, UnitOutcome } from '../commit/unit.ts'
import { isInfrastructure } from '../instance/decide.ts'
import type { Instance } from '../instance/instance.ts'
import type { Slots } from '../instance/slots.ts'
import type { Cause } from '../message/envelope-codec.ts'
import { UnitMessages, type UnitTerms } from '../message/unit-messages.ts'
import { resultOf } from '../user-code/thenable.ts'
import { about, type Subject } from './about.ts'
import { AlreadyHandled } from './already-handled.ts'
import { AttemptSignal } from './attempt-signal.ts'

/** Who raised an error: the code of the user, or firebreak for this unit. */
export type Party = 'handler' | 'engine'

type SettledOutcome = Exclude<UnitOutcome, object>

/** Why the commit came to nothing, and who is to answer for it. */
export interface CommitFailure {
  readonly by: Party
  readonly error: unknown
}

/** What one attempt is about. */
export interface AttemptSpec {
  readonly subject: Subject
  readonly envelope: Envelope
  readonly attempt: number
  readonly handler: HandlerTerms
  /** Where its handler has a place. */
  readonly slots: Slots
  /** What is committed whatever the handler does: the mark, the account, the position, the end of a job. */
  readonly unit: Unit
}

/**
 * What happens in one attempt, behind the context that its handler holds. Modes:
 *
 *     open -> committing -> committed     the one commit succeeded; what the handler does now is outside of it
 *     open -> committing -> failed        the commit failed; `failure` says why and by whom, even if the handler hides it
 *     open -> committing                  for good: the handler is through and wants nothing, so only `complete` waits
 *     open -> ended                       deadline, fence or an error of the handler; every call is refused from here on
 *
 * I1 A handler that has passed its deadline is not waited for, in any mode; a commit under way still decides the outcome.
 * I2 Events and jobs are taken once, after the body; one that comes later is refused, because it could not leave any more. Behind a
 *    commit that has taken effect that is told as well, whatever the handler does with the refusal.
 */
export class UnitOfWork implements Expiring, UnitTerms {
  readonly #instance: Instance
  readonly #spec: AttemptSpec
  readonly deadlineAtMs: number
  #mode: 'open' | 'committing' | 'committed' | 'failed' | 'ended' = 'open'
  readonly #outgoing: UnitMessages
  #calls: AttemptCalls | undefined
  #signal: AttemptSignal | undefined
  #slotHeld = true
  #isLate = false
  #committing: Promise<SettledOutcome> | undefined
  failure: CommitFailure | undefined
  outcome: SettledOutcome | undefined
  /** The service's own database could not be read: no handler is to blame for that. */
  readFailure: unknown
  /** The refusal of an event that was published after the commit; it has been told. */
  lost: FirebreakError | undefined
  /** Set by the code that waits for the handler; called at most once. */
  onExpire: ((error: unknown) => void) | undefined

  constructor(instance: Instance, spec: AttemptSpec) {
    this.#instance = instance
    this.#spec = spec
    this.deadlineAtMs = instance.clock.monotonic() + spec.handler.deadlineMs
    this.#outgoing = new UnitMessages(instance, this)
  }

  causeOf(): Cause {
    const { correlationId, id, traceparent } = this.#spec.envelope
    return { correlationId, causationId: id, traceparent }
  }

  refuseLate(message: AnyMessage): void {
    if (this.#outgoing.isTaken || (this.#mode !== 'open' && this.#mode !== 'committing')) throw this.#tooLate(message)
  }

  get envelope(): Envelope {
    return this.#spec.envelope
  }

  get key(): string | null {
    return this.#spec.subject.entry.key
  }

  get attempt(): number {
    return this.#spec.attempt
  }

  // Made on demand: most handlers never look at it, and a controller costs more than an empty handler.
  get signal(): AbortSignal {
    const { partition, job } = this.#spec.unit
    this.#signal ??= new AttemptSignal(partition?.signal ?? job?.signal, this.#mode === 'ended')
    return this.#signal.signal
  }

  query<Row = SqlRow>(sql: string, params?: readonly SqlParam[]): Promise<readonly Row[]> {
    const rows = this.#read<Row>(sql, params)
    // As with a transaction: a handler that does not await must not end the process.
    rows.catch(() => undefined)
    return rows
  }

  async #read<Row>(sql: string, params: readonly SqlParam[] | undefined): Promise<readonly Row[]> {
    if (isInsideUnit()) throw new FirebreakError('FB_TRANSACTION_NESTED', { what: 'ctx.query' })
    if (this.#mode !== 'open') throw this.ended()
    const { ownDatabase, database } = this.#instance
    if (seenToWrite(sql, database.capabilities.dialect))
      throw statementInvalid('ctx.query only reads: write in ctx.transaction', sql)
    try {
      return await ownDatabase.query<Row>(sql, params)
    } catch (error) {
      if (isInfrastructure(error)) this.readFailure = error
      throw error
    }
  }

  transaction<T>(body: (tx: Transaction) => Promise<T>): Promise<T> {
    const result = this.#transact(body)
    // The attempt knows of every failure: a handler that does not await must not end the process.
    result.catch(() => undefined)
    return result
  }

  async #transact<T>(body: (tx: Transaction) => Promise<T>): Promise<T> {
    if (isInsideUnit()) throw new FirebreakError('FB_TRANSACTION_NESTED', { what: 'ctx.transaction' })
    if (typeof body !== 'function') throw statementInvalid('its body is no function', 'ctx.transaction(body)')
    // A group that fails as a whole is tried unit by unit: a body that runs again publishes again.
    const addedBefore = this.#outgoing.count
    let result: { value: T } | undefined
    const run = inContextOfNow(async (sql: Sql, ledger: Sql): Promise<void> => {
      const made = body(this.#outgoing.begin(sql, ledger, addedBefore))
      result = { value: made instanceof Promise ? await made : await resultOf<T>(made) }
      await this.#spec.unit.job?.takeResult(result.value)
    })
    const outcome = await this.#commit(run)
    // Somebody else has handled this event meanwhile: the handler has nothing left to do.
    if (outcome === 'duplicate' || result === undefined) throw new AlreadyHandled()
    return result.value
  }

  publish(event: AnyEvent, payload: unknown, at?: TombstoneKey): void {
    this.#outgoing.publish(event, payload, at)
  }

  enqueue(job: AnyJob, input: unknown, options?: EnqueueOptions): void {
    this.#outgoing.enqueue(job, input, options)
  }

  call<C extends AnyCallSignature>(
    definition: C,
    request: CallRequest<C>,
    options: HandlerCallOptions = {},
  ): Promise<CallResponse<C>> {
    const result = this.#mode === 'open' ? this.#send(definition, request, options) : Promise.reject(this.ended())
    // A handler that does not await must not end the process.
    result.catch(() => undefined)
    return result
  }

  #send<C extends AnyCallSignature>(
    definition: C,
    request: CallRequest<C>,
    options: HandlerCallOptions,
  ): Promise<CallResponse<C>> {
    const { caller, clock } = this.#instance
    this.#calls ??= new AttemptCalls(caller, this.#spec.envelope, this.#spec.handler)
    const time = { remainingMs: this.deadlineAtMs - clock.monotonic(), signal: this.signal }
    return this.#calls.send(definition, request, time, options)
  }

  /** Ends the attempt after its handler has: commits what it has not committed itself. */
  complete(): Promise<SettledOutcome> {
    if (this.#mode === 'open') {
      if (this.#outgoing.count === 0) return this.#commitBare()
      return this.#outgoing.hasPending ? this.#commitLate() : this.#commit(null)
    }
    // The handler did not await its transaction: its outcome is still the outcome of the attempt.
    if (this.#mode === 'committing' && this.#committing !== undefined) return this.#committing
    if (this.#mode === 'committed' && this.outcome !== undefined) return Promise.resolve(this.outcome)
    return Promise.reject(this.failure === undefined ? this.ended() : this.failure.error)
  }

  /** Nothing is committed yet, nor about to be. */
  get isOpen(): boolean {
    return this.#mode === 'open'
  }

  /** The deadline has passed. A commit under way decides by itself: its outcome is known soon and is the truth. */
  expire(): void {
    const error = this.#late()
    if (this.#mode === 'open') this.end(error)
    if (this.#mode === 'committing') this.#isLate = true
    else this.onExpire?.(error)
  }

  /** What the commit under way, if any, comes to: true when it has taken effect. Not asked after `complete`, which tells. */
  async settled(): Promise<boolean> {
    if (this.#mode === 'committing') await this.#committing?.catch(() => undefined)
    return this.#mode === 'committed'
  }

  end(reason?: unknown): void {
    if (this.#mode === 'open') this.#mode = 'ended'
    this.#signal?.end(reason)
    this.#releaseSlot()
  }

  #releaseSlot(): void {
    if (!this.#slotHeld) return
    this.#slotHeld = false
    this.#spec.slots.release()
  }

  #startCommit(): void {
    this.#mode = 'committing'
    // While somebody is under suspicion it keeps its place to the end, so that who runs alone is alone.
    const { partition, job } = this.#spec.unit
    if (!(partition?.suspicious || job?.isAlone)) this.#releaseSlot()
  }

  // What adds nothing of its own is spared the closures and the promise of `#commit`: they are garbage per event.
  #commitBare(): Promise<SettledOutcome> {
    this.#startCommit()
    this.#outgoing.take()
    return this.#instance.committer.commit(this.#spec.unit).then(settledOf, (error) => {
      // Something of the handler may go on with the signal: it ends with the attempt.
      this.failure = { by: 'engine', error }
      throw error
    })
  }

  /** Schemas that still validate are waited for before the commit: it is shared with others. */
  async #commitLate(): Promise<SettledOutcome> {
    try {
      await this.#outgoing.take()
      if (this.#mode !== 'open') throw this.#late()
    } catch (error) {
      this.failure = { by: 'handler', error }
      throw error
    }
    return this.#commit(null)
  }

  #commit(body: Unit['body']): Promise<SettledOutcome> {
    if (this.#mode !== 'open') return Promise.reject(this.ended())
    this.#startCommit()
    const { unit } = this.#spec
    // Asked for after the body, which may publish too.
    const outgoing: Unit['outgoing'] = () => this.#outgoing.take()
    const own = unit.own || (body !== null && this.#spec.handler.transaction === 'own')
    this.#committing = this.#instance.committer.commit({ ...unit, body, outgoing, own }).then(
      (outcome) => {
        if (typeof outcome === 'object') return this.#commitFailed({ by: 'handler', error: outcome.failed })
        this.#mode = 'committed'
        this.outcome = outcome
        if (this.#isLate) this.expire()
        return outcome
      },
      (error) => this.#commitFailed({ by: 'engine', error }),
    )
    return this.#committing
  }

  #commitFailed(failure: CommitFailure): never {
    this.#mode = 'failed'
    this.failure = failure
    if (this.#isLate) this.expire()
    throw failure.error
  }

  #late(): FirebreakError {
    const { envelope, handler } = this.#spec
    return new FirebreakError('FB_DELIVERY_TIMEOUT', { type: envelope.type, deadlineMs: handler.deadlineMs })
  }

  #tooLate({ type }: AnyMessage): FirebreakError {
    // An attempt that has failed is tried again, and adds it again.
    if (this.#mode === 'ended' || this.#mode === 'failed') return this.ended()
    const error = this.ended(`, after whose commit ${type} was added,`)
    const tell = (): void => {
      if (this.outcome === 'duplicate' || this.lost !== undefined) return
      this.lost = error
      this.#instance.emit({ kind: 'error-after-commit', error, ...about(this.#spec.subject) })
    }
    if (this.#mode === 'committing' && this.#committing !== undefined) this.#committing.then(tell, () => undefined)
    else tell()
    return error
  }

  ended(when = ''): FirebreakError {
    const what = `${this.#spec.envelope.type} (attempt ${this.#spec.attempt})${when}`
    return new FirebreakError('FB_UNIT_ENDED', { what })
  }
}

/** A unit without code of the user cannot be failed by it. */
function settledOf(outcome: UnitOutcome): SettledOutcome {
  if (typeof outcome === 'object') throw outcome.failed
  return outcome
}
