import { sleep } from '../../contracts/clock.ts'
import { isFirebreakError } from '../../contracts/errors.ts'
import { retryDefaults } from '../../policy/definition/retry.ts'
import type { AfterFailure, FailurePolicy } from '../instance/decide.ts'
import type { Instance } from '../instance/instance.ts'
import { decode } from '../message/decode.ts'
import { describeError } from '../message/fingerprint.ts'
import type { Delivery } from '../partition/partition.ts'
import { decideNext, haltOver } from './after-attempt.ts'
import { runAttempt } from './attempt.ts'
import { type AttemptState, firstState, recordFailure } from './attempt-state.ts'
import { type LetterCause, settleDead, settleParked, settleWithoutRunning } from './settlements.ts'

/** `held`: a dead letter holds its lane. `left`: not settled here; the next owner of the partition will see it again. */
export type DeliveryEnd = 'finished' | 'held' | 'left' | ParkedUntil

export interface ParkedUntil {
  /** On the monotonic scale. */
  readonly parkedUntilMs: number
  /** The date that its row bears. */
  readonly dateMs: number | null
}

/**
 * The hot path: what happens to one record, in nine steps. Every way out has committed the outcome, except `left`.
 */
export async function deliver(instance: Instance, delivery: Delivery): Promise<DeliveryEnd> {
  // 1 Decode and validate. Synchronous schemas cost no turn of the event loop.
  const reading = decode(instance, delivery)
  if (reading !== undefined) await reading
  // 2 Already done? The commit asks again, with authority.
  if (delivery.handled !== false && (await alreadyDone(instance, delivery)))
    return end(settleWithoutRunning(instance, delivery, 'duplicate'))
  if (delivery.handler === null && delivery.broken === undefined)
    return end(settleWithoutRunning(instance, delivery, 'skipped'))
  // 3 Open the context: what earlier attempts left.
  let state = firstState(delivery)
  for (;;) {
    // 4 Run the handler under its policy; 5 collect its unit of work; 6 commit it, with the position.
    const failure = await runAttempt(instance, delivery, state)
    if (failure === undefined) return 'finished'
    // What fails because the runtime stops, or the partition goes, is nobody's failure: the next owner delivers it again.
    if (isOver(instance, delivery)) return 'left'
    // 7 Decide.
    state = recordFailure(instance, delivery, state, failure)
    const disposition = decideNext(instance, policyOf(delivery), state)
    // 8 Wait, park or dead-letter; 9 which completes the offset in the same commit.
    const way = await applyDisposition(instance, delivery, disposition, state)
    if (way !== 'again') return way
    // A payload belongs to its attempt: what the handler changed in it is gone.
    await decode(instance, delivery)
    if (disposition.kind === 'retry') state = { ...state, previousDelayMs: disposition.delayMs }
  }
}

async function alreadyDone(instance: Instance, { handled, inboxId }: Delivery): Promise<boolean> {
  if (handled !== 'ask' || inboxId === null) return handled === true
  try {
    return (await instance.committer.inbox.find([inboxId])).size > 0
  } catch {
    return false // The commit looks again, with authority.
  }
}

const isOver = ({ stopping }: Instance, { partition }: Delivery): boolean => stopping.aborted || partition.fenced

const policyOf = ({ handler }: Delivery): FailurePolicy => ({
  ...(handler?.retry ?? retryDefaults),
  onExhausted: handler?.onExhausted ?? 'skip',
})

async function applyDisposition(
  instance: Instance,
  delivery: Delivery,
  to: AfterFailure,
  state: AttemptState,
): Promise<DeliveryEnd | 'again'> {
  const { partition, parked } = delivery
  switch (to.kind) {
    case 'retry':
      await sleep(instance.clock, to.delayMs, partition.signal)
      return isOver(instance, delivery) ? 'left' : 'again'
    case 'park':
      // A parked record that was not even started is as it was.
      if (parked !== null && state.attempts === parked.attempts)
        return { parkedUntilMs: to.dueAtMs, dateMs: parked.dueAtMs }
      return end(settleParked(instance, delivery, to.dueAtMs, state), (dateMs) => ({
        parkedUntilMs: to.dueAtMs,
        dateMs,
      }))
    case 'dead-letter':
      return end(settleDead(instance, delivery, causeOf(to, state), state), () => (to.hold ? 'held' : 'finished'))
    case 'halt':
      haltOver(instance, state)
      return 'left'
  }
}

function causeOf({ reason, hold }: AfterFailure & { readonly kind: 'dead-letter' }, state: AttemptState): LetterCause {
  return { reason, hold, error: state.error, described: state.described ?? describeError(state.error) }
}

// A settlement fails only when the record is no longer ours, or when nothing can be settled at all.
async function end<T>(settled: Promise<T>, wayOf: (result: T) => DeliveryEnd = finished): Promise<DeliveryEnd> {
  try {
    return wayOf(await settled)
  } catch (error) {
    if (isFirebreakError(error, 'FB_FENCED')) return 'left'
    throw error
  }
}

const finished = (): DeliveryEnd => 'finished'
