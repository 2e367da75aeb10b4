import type { AnyCallSignature, CallOptions, CallRequest, CallResponse } from '../../contracts/call.ts'
import { callTime } from '../../contracts/call-time.ts'
import type { Clock } from '../../contracts/clock.ts'
import type { Entropy } from '../../contracts/entropy.ts'
import { FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import type { Fact } from '../../contracts/journal.ts'
import { bytes, type OptionTable, optionProblems, other, valueProblems } from '../../contracts/option.ts'
import { textOf } from '../../contracts/text/text-of.ts'
import type { AnyCall } from '../../define/call.ts'
import { systemClock } from '../../node/clock.ts'
import { systemEntropy } from '../../node/entropy.ts'
import { type Fetch, systemFetch } from '../../node/fetch.ts'
import type { Attempt, CallFailure } from '../../policy/attempt.ts'
import { failureOf } from '../../policy/call-error.ts'
import type { Execution } from '../../policy/execution.ts'
import type { Executor } from '../../policy/executor.ts'
import { childTrace } from '../message/envelope-codec.ts'
import { inTime } from '../user-code/in-time.ts'
import { swallowErrors } from '../user-code/swallow-errors.ts'
import { isThenable, settled } from '../user-code/thenable.ts'
import { failedCall } from './call-failure.ts'
import { checkRequest, type Outgoing, outgoing } from './call-request.ts'
import { type Answer, brokenConnection, readAnswer } from './call-response.ts'
import { CircuitFacts } from './circuit-facts.ts'
import { Dependencies, type Endpoint } from './dependencies.ts'

const reasonMax = 500

export interface CallerOptions {
  /** Where each dependency is: `{ pricing: 'http://127.0.0.1:4001' }`. */
  readonly endpoints: Readonly<Record<string, string | Endpoint>>
  /** Bytes of one answer, unpacked; default 1 MiB. */
  readonly responseBytesMax?: number
  /** Told when breakers open and close, and when a budget is spent. */
  readonly observe?: (fact: Fact) => void
  readonly clock?: Clock
  readonly entropy?: Entropy
  readonly fetch?: Fetch
}

export const callerOptions: OptionTable<CallerOptions> = {
  endpoints: other,
  responseBytesMax: bytes({ least: 1, default: 1024 * 1024, meaning: 'bytes of one answer, unpacked' }),
  observe: other,
  clock: other,
  entropy: other,
  fetch: other,
}

/** Makes calls. One per process: give it to every runtime and every HTTP handler that calls somebody. */
export interface Caller {
  /**
   * Sends a declared call under its policy, and answers with its validated response.
   *
   * **Guarantee** Nothing is sent after its deadline, and only what is idempotent is sent twice.
   * **Errors** `FB_CALL_…`; `FB_CONFIG` where the dependency is unknown or its calls contradict each other; the reason of
   * `signal`.
   */
  call<C extends AnyCallSignature>(
    definition: C,
    request: CallRequest<C>,
    options?: CallOptions,
  ): Promise<CallResponse<C>>
  readonly dependencies: Dependencies
}

/**
 * Makes a caller; nothing is sent before the first call. **Errors** `FB_CONFIG`.
 *
 * @example
 * ```ts
 * import { call, createCaller } from 'firebreak'
 *
 * const ping = call({ name: 'pricing.ping', to: 'pricing', method: 'GET', path: '/ping' })
 * const caller = createCaller({ endpoints: { pricing: 'http://127.0.0.1:4001' } })
 * export const answer = caller.call(ping, {}, { deadlineMs: 500 })
 * ```
 */
export function createCaller(options: CallerOptions): Caller {
  const problems = optionProblems(callerOptions, options)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return new HttpCaller(options)
}

/** One call with everything that all its attempts share. */
interface Job {
  readonly call: AnyCall
  readonly executor: Executor
  readonly request: unknown
  readonly outgoing: Outgoing
  readonly options: CallOptions
  readonly headers: Readonly<Record<string, string>>
  readonly traceparent: string
}

/**
 * I1 An attempt goes out once, and not at all when its time is over.
 * I2 All attempts of a call carry the same idempotency key and correlation, each a span of its own.
 */
class HttpCaller implements Caller {
  readonly dependencies: Dependencies
  readonly #clock: Clock
  readonly #entropy: Entropy
  readonly #fetch: Fetch
  readonly #bytesMax: number
  readonly #facts: CircuitFacts | undefined

  constructor({ endpoints, clock = systemClock, entropy = systemEntropy, ...rest }: CallerOptions) {
    this.dependencies = new Dependencies(endpoints, { clock, entropy })
    this.#clock = clock
    this.#entropy = entropy
    this.#fetch = rest.fetch ?? systemFetch
    this.#bytesMax = rest.responseBytesMax ?? 1024 * 1024
    const observe = rest.observe && swallowErrors(rest.observe)
    this.#facts = observe && new CircuitFacts((fact) => observe({ ...fact, atMs: clock.now() }))
  }

  call<C extends AnyCallSignature>(
    definition: C,
    request: CallRequest<C>,
    options: CallOptions = {},
  ): Promise<CallResponse<C>> {
    return this.#call(definition, request, options) as Promise<CallResponse<C>>
  }

  async #call(signature: AnyCallSignature, given: unknown, options: CallOptions): Promise<unknown> {
    // A signature is what users see of a definition: `call()` makes both.
    const call = signature as AnyCall
    const executor = this.dependencies.executor(call)
    const wrong = valueProblems('call: deadlineMs', callTime, options.deadlineMs)
    if (wrong.length > 0) throw new FirebreakError('FB_CONFIG', { problems: wrong.join('\n') })
    // The time counts from here, also while a schema validates.
    const deadlineAtMs = this.#clock.monotonic() + (options.deadlineMs ?? Number.POSITIVE_INFINITY)
    const checked = checkRequest(call, given)
    const request = checked instanceof Promise ? await this.#inTime(call, checked, options) : checked
    const correlationId = headerText(options.correlationId ?? this.#entropy.uuid())
    const headers: Record<string, string> = { accept: 'application/json', 'x-correlation-id': correlationId }
    if (call.idempotent === 'key')
      headers['idempotency-key'] = headerText(options.idempotencyKey ?? this.#entropy.uuid())
    if (options.priority === 'critical') headers['x-priority'] = 'critical'
    const traceparent = options.traceparent ?? childTrace(null, this.#entropy)
    const out = outgoing(call, request)
    if (out.body !== undefined) headers['content-type'] = 'application/json'
    return this.#run({ call, executor, request, outgoing: out, options, headers, traceparent }, deadlineAtMs)
  }

  /** A schema that never answers has no more time than the call. */
  #inTime(call: AnyCall, checked: Promise<unknown>, { deadlineMs }: CallOptions): Promise<unknown> {
    const own = call.policy.deadlineMs
    const leftMs = Math.max(0, deadlineMs !== undefined && deadlineMs < own ? deadlineMs : own)
    return inTime({ clock: this.#clock, type: `the request of call ${call.name}`, deadlineMs: leftMs }, checked)
  }

  #run(job: Job, deadlineAtMs: number): Promise<unknown> {
    const { call, executor, options } = job
    const { signal, shard } = options
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      let execution: Execution<unknown> | undefined
      const abort = (): void => {
        execution?.cancel()
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', abort, { once: true })
      const succeeded = (value: unknown): void => {
        signal?.removeEventListener('abort', abort)
        resolve(value)
      }
      const failed = (failure: CallFailure): void => {
        signal?.removeEventListener('abort', abort)
        if (failure.budgetSpent) this.#facts?.budget(call.to, true)
        this.#otherwise(job, failure).then(resolve, reject)
      }
      const how = { deadlineAtMs, idempotent: call.idempotent !== false, ...(shard === undefined ? {} : { shard }) }
      execution = executor.start((attempt) => this.#send(job, attempt), { succeeded, failed }, how)
    })
  }

  #send(job: Job, attempt: Attempt<unknown>): void {
    if (attempt.number > 1) this.#facts?.budget(job.call.to, false)
    attempt.onGivenUp = () => this.#look(job)
    this.#exchange(job, attempt).then((answer) => {
      if (answer === undefined) return
      if ('failure' in answer) attempt.fail(answer.failure)
      else attempt.succeed(answer.value)
      this.#look(job)
    })
  }

  /** Never rejects. Undefined: nothing was sent, because the time-out of the attempt is due in this moment. */
  async #exchange(job: Job, attempt: Attempt<unknown>): Promise<Answer | undefined> {
    const { call } = job
    try {
      const endpoint = this.dependencies.endpoint(call.to)
      const made = headersOf(call, endpoint)
      const headers = made instanceof Promise ? await made : made
      const { signal, endsAtMs } = attempt
      const leftMs = endsAtMs - this.#clock.monotonic()
      if (leftMs <= 0) return undefined
      for (const name in job.headers) headers.set(name, job.headers[name] as string)
      headers.set('x-request-timeout-ms', String(Math.max(1, Math.floor(leftMs))))
      headers.set('traceparent', childTrace(job.traceparent, this.#entropy))
      const { target, body = null } = job.outgoing
      const init: RequestInit = { method: call.method, headers, body, redirect: 'manual', signal }
      const response = await this.#fetch(endpoint.url + target, init)
      const limits = { bytesMax: this.#bytesMax, nowMs: this.#clock.now(), signal, sent: headers }
      return await readAnswer(call, response, { ...limits, clock: this.#clock, endsAtMs })
    } catch (error) {
      return { failure: error instanceof FirebreakError ? failureOf(error) : brokenConnection(call, error) }
    }
  }

  #look({ executor, options, call }: Job): void {
    if (this.#facts === undefined) return
    const nowMs = this.#clock.monotonic()
    const breaker = executor.dependency.breaker(options.shard, nowMs)
    this.#facts.look(breaker, { dependency: call.to, shard: options.shard ?? null, nowMs })
  }

  /** The fallback, or the error. */
  async #otherwise({ call, executor, request, options }: Job, failure: CallFailure): Promise<unknown> {
    const nowMs = this.#clock.monotonic()
    const breaker = executor.dependency.breaker(options.shard, nowMs)
    const openMs = breaker?.state(nowMs) === 'open' ? breaker.openUntilMs - nowMs : 0
    // A place is free after an attempt at the latest; at random, so that those who wait do not come back together.
    const waitMs = openMs > 0 ? openMs : call.policy.attemptTimeoutMs * this.#entropy.random()
    const error = failedCall(call, failure, Math.max(1, Math.ceil(waitMs)))
    if (call.fallback === null || error.kind !== 'transient') throw error
    return answerOfFallback(call, request, error)
  }
}

/** The fallback is code of others: what it throws says whose it is, unless it says what it means. */
async function answerOfFallback(call: AnyCall, request: unknown, error: FirebreakError): Promise<unknown> {
  try {
    const made: unknown = call.fallback?.(request as never, error)
    const answer = isThenable(made) ? (await settled(made)).value : made
    if (isThenable(answer)) throw new TypeError('it resolves to another promise')
    return answer
  } catch (thrown) {
    if (isFirebreakError(thrown)) throw thrown
    const reason = `its fallback failed: ${textOf(thrown, reasonMax)}`
    throw new FirebreakError('FB_CALL_FAILED', { ...error.detail, reason }, thrown)
  }
}

// What goes wrong here is reported without the values: they are secrets.
function headersOf(call: AnyCall, { headers }: Endpoint): Headers | Promise<Headers> {
  const refused = (): never => {
    const reason = 'the headers of its endpoint could not be made'
    throw new FirebreakError('FB_CALL_FAILED', { dependency: call.to, call: call.name, reason })
  }
  try {
    const made = typeof headers === 'function' ? headers() : headers
    if (!isThenable(made)) return new Headers(made)
    return settled(made)
      .then(({ value }) => new Headers(value as ConstructorParameters<typeof Headers>[0]), refused)
      .catch(refused)
  } catch {
    return refused()
  }
}

/** Text as a header may carry it: what is not plain is encoded. */
const headerText = (text: string): string =>
  /^[\x21-\x7e]+$/.test(text) ? text : encodeURIComponent(text.toWellFormed())
