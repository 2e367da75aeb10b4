import { sleep } from '../../contracts/clock.ts'
import type { Attempt } from '../../contracts/disposition.ts'
import { errorMessage, FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import { ageWhenDue, delayOf } from '../../ledger/parked.ts'
import { retryDefaults } from '../../policy/definition/retry.ts'
import {
  type AfterFailure,
  classify,
  classifyThrown,
  decide,
  type ErrorClassification,
  isUncounted,
  troubleWith,
} from '../instance/decide.ts'
import type { Engine } from '../instance/engine.ts'
import { type DescribedError, describeError } from '../message/fingerprint.ts'
import { type Delivery, decode, type Message } from '../message/message.ts'
import { type Failure, runAttempt } from './attempt.ts'
import { about, type History, settleAs, settleDead, settleParked, type Verdict, withAttempt } from './outcomes.ts'

/** `held`: a dead letter holds its lane. `left`: not settled here; whoever has the partition next will see it again. */
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
export async function deliver(engine: Engine, delivery: Delivery): Promise<DeliveryEnd> {
  // 1 Decode and validate. Synchronous schemas cost no turn of the event loop.
  const decoded = decode(engine, delivery)
  let message = decoded instanceof Promise ? await decoded : decoded
  // 2 Already done? The commit asks again, with authority.
  if (delivery.handled !== false && (await alreadyDone(engine, message)))
    return end(settleAs(engine, message, 'duplicate'))
  if (message.handler === null && message.broken === undefined) return end(settleAs(engine, message, 'skipped'))
  // 3 Open the context: what earlier attempts left.
  let tries = firstTry(message)
  for (;;) {
    // 4 Run the handler under its policy; 5 collect its unit of work; 6 commit it, with the position.
    const failure = await runAttempt(engine, message, tries)
    if (failure === undefined) return 'finished'
    // What fails because the runtime stops, or the partition goes, is nobody's failure: whoever comes next delivers it again.
    if (isOver(engine, message)) return 'left'
    // 7 Decide.
    tries = failed(engine, message, tries, failure)
    const disposition = judge(engine, message, tries)
    // 8 Wait, park or dead-letter; 9 which completes the offset in the same commit.
    const way = await follow(engine, message, disposition, tries)
    if (way !== 'again') return way
    // A payload belongs to its attempt: what the handler changed in it is gone.
    message = await decode(engine, delivery)
    if (disposition.kind === 'retry') tries = { ...tries, previousDelayMs: disposition.delayMs }
  }
}

/** What is known between two attempts. */
interface Tries extends History {
  /** Attempts that failed and count, in this process or earlier ones. */
  readonly count: number
  readonly classification: ErrorClassification
  readonly error: unknown
  readonly described: DescribedError | undefined
  readonly previousDelayMs: number
  readonly infrastructureFailures: number
}

const ownLossesMax = 3

const untried: Tries = {
  attempts: [],
  failingSinceMs: null,
  count: 0,
  classification: { kind: 'transient' },
  error: undefined,
  described: undefined,
  previousDelayMs: 0,
  infrastructureFailures: 0,
}

function firstTry(message: Message): Tries {
  const { parked } = message.delivery
  if (parked === null) return untried
  const { attempts } = message
  const ageMs = ageWhenDue(parked)
  // What it waited while nobody was there to try it does not count: no clock could tell.
  const failingSinceMs = ageMs === null ? null : parked.owedAtMs - ageMs
  const last = attempts.at(-1)
  if (last === undefined) return { ...untried, attempts, failingSinceMs }
  return {
    ...untried,
    attempts,
    failingSinceMs,
    count: last.number - (isUncounted(last.errorClass) ? 1 : 0),
    // It was put off after its last attempt: what it waited is what the next delay grows from.
    previousDelayMs: delayOf(parked),
  }
}

async function alreadyDone(engine: Engine, message: Message): Promise<boolean> {
  const { handled } = message.delivery
  if (handled !== 'ask' || message.delivery.inboxId === null) return handled === true
  try {
    return (await engine.committer.inbox.find([message.delivery.inboxId])).size > 0
  } catch {
    return false // The commit looks again, with authority.
  }
}

const isOver = ({ stopping }: Engine, { delivery }: Message): boolean => stopping.aborted || delivery.partition.fenced

function failed(
  engine: Engine,
  message: Message,
  tries: Tries,
  { error, by, startedAtMs, durationMs }: Failure,
): Tries {
  const classification = by === 'handler' || endsItsConnection(error, tries) ? classifyThrown(error) : classify(error)
  if (classification.kind === 'infrastructure') {
    engine.tell?.({ kind: 'trouble', where: troubleWith(error), error })
    return {
      ...tries,
      classification,
      error,
      infrastructureFailures: tries.infrastructureFailures + 1,
    }
  }
  if (classification.kind === 'fenced' || classification.kind === 'not-started')
    return { ...tries, classification, error }
  const number = tries.count + 1
  // First: whoever is told of it could change it.
  const described = describeError(error)
  const seen: Attempt = {
    number,
    startedAtMs,
    durationMs,
    ...described,
  }
  engine.tell?.({ kind: 'failed', attempt: number, error, ...about(message) })
  return {
    ...tries,
    count: classification.kind === 'throttled' ? tries.count : number,
    classification,
    error,
    described,
    attempts: withAttempt(tries.attempts, seen, engine.limits.attemptsKept),
    failingSinceMs: tries.failingSinceMs ?? engine.clock.monotonic(),
    infrastructureFailures: 0,
  }
}

/** A connection that is lost again and again at the statements of one unit, which is alone on it, is not lost by chance. */
function endsItsConnection(error: unknown, { infrastructureFailures }: Tries): boolean {
  return infrastructureFailures >= ownLossesMax && isFirebreakError(error) && error.detail['inUnit'] === true
}

function judge(engine: Engine, message: Message, tries: Tries): AfterFailure {
  const policy = {
    ...(message.handler?.retry ?? retryDefaults),
    onExhausted: message.handler?.onExhausted ?? 'skip',
  } as const
  const nowMs = engine.clock.monotonic()
  const failure = {
    classification: tries.classification,
    attempts: tries.classification.kind === 'infrastructure' ? tries.infrastructureFailures : tries.count,
    firstFailedAtMs: tries.failingSinceMs ?? nowMs,
    previousDelayMs: tries.previousDelayMs,
    nowMs,
  }
  return decide(failure, policy, engine.entropy.random)
}

async function follow(
  engine: Engine,
  message: Message,
  to: AfterFailure,
  tries: Tries,
): Promise<DeliveryEnd | 'again'> {
  const { partition, parked } = message.delivery
  switch (to.kind) {
    case 'retry':
      await sleep(engine.clock, to.delayMs, partition.signal)
      return isOver(engine, message) ? 'left' : 'again'
    case 'park':
      // A parked record that was not even started is as it was.
      if (parked !== null && tries.attempts === message.attempts)
        return { parkedUntilMs: to.dueAtMs, dateMs: parked.dueAtMs }
      return end(settleParked(engine, message, to.dueAtMs, tries), (dateMs) => ({ parkedUntilMs: to.dueAtMs, dateMs }))
    case 'dead-letter':
      return end(settleDead(engine, message, verdictOf(to, tries), tries), () => (to.hold ? 'held' : 'finished'))
    case 'halt':
      if (tries.classification.kind !== 'fenced') engine.halt(asError(tries.error))
      return 'left'
  }
}

function verdictOf({ reason, hold }: AfterFailure & { readonly kind: 'dead-letter' }, tries: Tries): Verdict {
  return { reason, hold, error: tries.error, described: tries.described ?? describeError(tries.error) }
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

const asError = (error: unknown): Error =>
  error instanceof Error ? error : new FirebreakError('FB_INVARIANT', { claim: errorMessage(error) })
