import type { Clock } from '../contracts/clock.ts'
import type { Attempt, AttemptFailure, Caller, CallFailure } from './attempt.ts'
import type { ExecutorState } from './attempt-run.ts'
import { callError, failureOf } from './call-error.ts'
import type { Policy } from './definition/policy-spec.ts'
import { Dependency } from './dependency.ts'
import { type CallOptions, Execution } from './execution.ts'
import { TimeoutLine } from './timeout-line.ts'

export interface ExecutorOptions {
  /** Of the dependency; for errors. */
  readonly name: string
  readonly clock: Clock
  readonly random: () => number
  /** Shared with other executors of the same dependency; made from the policy otherwise. */
  readonly dependency?: Dependency
}

export interface ExecuteOptions extends CallOptions {
  /** Ends the call: it rejects with the signal's reason, and attempts under way are given up. */
  readonly signal?: AbortSignal
  /** What an error of an attempt means; default: errors of firebreak by their kind, all others are transient. */
  readonly classify?: (error: unknown) => AttemptFailure
}

/**
 * Runs calls under a policy: deadline, retry under the budget, breaker, limit, bulkhead, timeout of the attempt.
 *
 * The same object serves production, where `execute` wraps it in promises, and the lab, which calls `start` in virtual time.
 */
export class Executor {
  readonly policy: Policy
  readonly dependency: Dependency
  readonly #name: string
  readonly #state: ExecutorState

  constructor(policy: Policy, { name, clock, random, dependency }: ExecutorOptions) {
    this.policy = policy
    this.#name = name
    this.dependency = dependency ?? new Dependency(name, policy, clock.monotonic())
    const attempts = new TimeoutLine(clock)
    const waits = new TimeoutLine(clock)
    this.#state = { policy, dependency: this.dependency, clock, random, attempts, waits }
  }

  get breakerOpens(): number {
    return this.dependency.breakerOpens
  }

  get isOpen(): boolean {
    return this.dependency.openUntilMs(this.#state.clock.monotonic()) !== undefined
  }

  /** Starts a call; `caller` is told once, possibly before this returns. A `send` that throws has failed, transiently. */
  start<T>(send: (attempt: Attempt<T>) => void, caller: Caller<T>, options: CallOptions = {}): Execution<T> {
    const call = new Execution(this.#state, send, caller, options)
    call.begin()
    return call
  }

  /**
   * Runs `run` once per attempt until one succeeds.
   *
   * **Errors** `FB_CALL_TIMEOUT`, `FB_CALL_DEADLINE`, `FB_CALL_OPEN`, `FB_CALL_BUSY`; what the last attempt threw when it
   * failed otherwise; the reason of `signal`.
   */
  execute<T>(run: (attempt: Attempt<T>) => T | PromiseLike<T>, options: ExecuteOptions = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { signal, classify = failureOf } = options
      if (signal?.aborted) return reject(signal.reason)
      const send = (attempt: Attempt<T>): void => {
        try {
          const result = run(attempt)
          if (isThenable(result))
            result.then(
              (value) => attempt.succeed(value),
              (error) => attempt.fail(meaning(classify, error)),
            )
          else attempt.succeed(result)
        } catch (error) {
          attempt.fail(meaning(classify, error))
        }
      }
      const failed = (failure: CallFailure): void => reject(callError(this.#name, this.policy, failure))
      if (signal === undefined) {
        this.start(send, { succeeded: resolve, failed }, options)
        return
      }
      let call: Execution<T> | undefined
      const abort = (): void => {
        call?.cancel()
        reject(signal.reason)
      }
      const stopListening = (): void => signal.removeEventListener('abort', abort)
      signal.addEventListener('abort', abort, { once: true })
      call = this.start(send, tellingFirst(stopListening, { succeeded: resolve, failed }), options)
      // `run` itself may have aborted it.
      if (signal.aborted) call.cancel()
    })
  }
}

// Builders of queries have a `then` and are no promises; taken for a value they would run outside the policy.
function isThenable<T>(result: T | PromiseLike<T>): result is PromiseLike<T> {
  return typeof (result as Partial<PromiseLike<T>> | null | undefined)?.then === 'function'
}

const outcomes: ReadonlySet<unknown> = new Set<AttemptFailure['kind']>(['transient', 'permanent', 'throttled'])

// Without this the attempt would keep its places until its time is over.
function meaning(classify: (error: unknown) => AttemptFailure, error: unknown): AttemptFailure {
  try {
    const found = classify(error)
    return outcomes.has(found.kind) ? found : { kind: 'transient', error }
  } catch (thrown) {
    return { kind: 'transient', error: thrown }
  }
}

function tellingFirst<T>(first: () => void, caller: Caller<T>): Caller<T> {
  return {
    succeeded(value) {
      first()
      caller.succeeded(value)
    },
    failed(failure) {
      first()
      caller.failed(failure)
    },
  }
}
