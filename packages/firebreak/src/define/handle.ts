import type { Context } from '../contracts/context.ts'
import { seconds } from '../contracts/duration.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { AnyEvent, Payload } from '../contracts/event.ts'
import type { AnyJob, JobPayload, JobResult } from '../contracts/job.ts'
import type { JobContext } from '../contracts/job-context.ts'
import { choice, filled, ms, type OptionTable, optionProblems, other, type Problems } from '../contracts/option.ts'
import { fieldOf, textOf } from '../contracts/text/text-of.ts'
import { type RetryPolicy, retryDefaults, retryProblems } from '../policy/definition/retry.ts'
import type { AnyCall } from './call.ts'
import { callDisagreements } from './call-agreement.ts'

export interface HandlerOptions {
  /** Replaces single fields of the default policy. */
  readonly retry?: Partial<RetryPolicy>
  /** Time for one attempt; default 30 s. */
  readonly deadlineMs?: number
  /** After the last attempt: `skip` dead-letters and lets the key go on, `hold` lets the key wait for a person. */
  readonly onExhausted?: 'skip' | 'hold'
  /**
   * `own`: its transaction shares a commit with no other, so it may hold locks or change its session without being run
   * twice. `shared` (default): it shares one, unless a statement is seen that cannot; then it is run again alone.
   */
  readonly transaction?: 'shared' | 'own'
  /**
   * Every call that it may make; anything else is refused. While the breaker of a dependency is open, the handlers that call
   * it wait, and no others; a call with a fallback makes nobody wait.
   */
  readonly calls?: readonly AnyCall[]
}

/** What the handlers of events and of jobs have in common. */
export interface HandlerTerms {
  /** Of the event or the job. */
  readonly type: string
  readonly retry: RetryPolicy
  readonly deadlineMs: number
  readonly onExhausted: 'skip' | 'hold'
  readonly transaction: 'shared' | 'own'
  readonly calls: readonly AnyCall[]
}

/** What a service does with one event. Inert data; `handle()` builds it. */
export interface Handler extends HandlerTerms {
  readonly kind: 'handler'
  readonly event: AnyEvent
  readonly run: (payload: never, ctx: Context) => Promise<void> | void
}

/** What a service does when it is asked for a job. Inert data; `handle()` builds it. */
export interface JobHandler extends HandlerTerms {
  readonly kind: 'job-handler'
  readonly job: AnyJob
  readonly run: (payload: never, ctx: never) => unknown
}

/** What a handler does with one event. Returning is done; throwing is a failed attempt, which is tried again. */
export type HandlerRun<E extends AnyEvent> = (payload: Payload<E>, ctx: Context) => Promise<void> | void

/** What a handler does when it is asked for a job. What it returns is the result; throwing is a failed attempt. */
export type JobRun<J extends AnyJob> = (
  input: JobPayload<J>,
  ctx: JobContext<J>,
) => Promise<JobResult<J>> | JobResult<J>

/** The options first, for a handler that is longer than they are. */
export interface HandlerSpec<E extends AnyEvent> extends HandlerOptions {
  readonly run: HandlerRun<E>
}

/** The same of a job. */
export interface JobHandlerSpec<J extends AnyJob> extends HandlerOptions {
  readonly run: JobRun<J>
}

/**
 * Defines the handler of an event, or of a job.
 *
 * **Guarantee** Runs at least once per event and one after the other per key; what it does inside its unit of work takes
 * effect once within the inbox window; of a job, always once. **Errors** `FB_CONFIG`.
 *
 * @example
 * ```ts
 * import { event, handle, minutes } from 'firebreak'
 * import { z } from 'zod'
 *
 * const schema = z.object({ orderId: z.string(), amountMinor: z.int() })
 * const OrderPlaced = event({ type: 'order.placed', topic: 'orders', key: 'orderId', schema })
 *
 * export const storing = handle(OrderPlaced, async (order, ctx) => {
 *   await ctx.transaction((tx) => tx.query('INSERT INTO orders VALUES ($1, $2)', [order.orderId, order.amountMinor]))
 * })
 * export const calling = handle(OrderPlaced, {
 *   retry: { attemptsMax: 20 },
 *   deadlineMs: minutes(2),
 *   run: (order, ctx) => fetch(`https://example.com/${order.orderId}`, { signal: ctx.signal }).then(() => undefined),
 * })
 * ```
 */
export function handle<J extends AnyJob>(job: J, how: JobRun<J> | JobHandlerSpec<J>, also?: HandlerOptions): JobHandler
// Last: the compiler tells of a mistake by the last one.
export function handle<E extends AnyEvent>(
  event: E,
  how: HandlerRun<E> | HandlerSpec<E>,
  also?: HandlerOptions,
): Handler
export function handle(definition: AnyEvent | AnyJob, how: unknown, also?: HandlerOptions): Handler | JobHandler {
  const { run, options, problems } = read(how, also)
  const { retry: given, onExhausted = 'skip', transaction = 'shared', deadlineMs = seconds(30) } = options
  const retry = filled(retryDefaults, given)
  const calls = Object.freeze([...(options.calls ?? [])])
  const wrong = retryProblems(given)
  const found = [
    ...problems,
    ...wrong,
    ...callDisagreements(calls),
    ...(wrong.length > 0 ? [] : layerProblems(retry, calls)),
  ]
  if (isJob(definition) && onExhausted === 'hold')
    found.push("a job without attempts left ends, and its key goes on: onExhausted 'hold' is for events only")
  if (typeof run !== 'function') found.push(`it needs a function that takes the payload, not ${textOf(run, 100)}`)
  if (found.length > 0) {
    const problems = found.map((one) => `handler of ${textOf(fieldOf(definition, 'type'), 100)}: ${one}`).join('\n')
    throw new FirebreakError('FB_CONFIG', { problems })
  }
  const terms = { type: definition?.type, retry: Object.freeze(retry), deadlineMs, onExhausted, transaction, calls }
  if (isJob(definition))
    return Object.freeze({ kind: 'job-handler', job: definition, run: run as JobHandler['run'], ...terms })
  return Object.freeze({ kind: 'handler', event: definition, run: run as Handler['run'], ...terms })
}

const isJob = (definition: AnyEvent | AnyJob): definition is AnyJob => fieldOf(definition, 'kind') === 'job'

/** Both ways to write it; what is given may come from JavaScript. */
function read(
  how: unknown,
  also: HandlerOptions | undefined,
): { readonly run: unknown; readonly options: HandlerOptions; readonly problems: Problems } {
  if (typeof how === 'function' || typeof how !== 'object' || how === null)
    return { run: how, options: also ?? {}, problems: optionProblems(handlerOptions, also) }
  const twice = also === undefined ? [] : ['its options are given twice: beside run, or behind the function, not both']
  return {
    run: fieldOf(how, 'run'),
    options: how as HandlerOptions,
    problems: [...optionProblems(handlerSpecOptions, how), ...twice],
  }
}

export const handlerOptions: OptionTable<HandlerOptions> = {
  retry: other,
  deadlineMs: ms({ least: 1, default: seconds(30), meaning: 'time of one attempt' }),
  onExhausted: choice({
    choices: ['skip', 'hold'],
    default: 'skip',
    meaning: 'after the last attempt the key goes on, or waits for a person',
  }),
  transaction: choice({
    choices: ['shared', 'own'],
    default: 'shared',
    meaning: 'whether its transaction shares a commit with others',
  }),
  calls: other,
}
const handlerSpecOptions: OptionTable<HandlerSpec<AnyEvent>> = { ...handlerOptions, run: other }

// Attempts of two layers multiply, and a handler that is tried again sends everything again.
function layerProblems({ attemptsMax }: RetryPolicy, calls: readonly AnyCall[]): readonly string[] {
  if (!(attemptsMax > 1)) return []
  return calls.flatMap((one) => {
    const each = one.policy.attemptsMax
    const found: string[] = []
    if (each > 1) {
      found.push(
        `${attemptsMax} attempts of the handler x ${each} of the call ${one.name} = ${attemptsMax * each}: retry at one ` +
          'layer, with attemptsMax 1 in the policy of the call or in the retry of the handler',
      )
    }
    if (one.idempotent === false) {
      found.push(
        `${attemptsMax} attempts of the handler could make ${one.name}, which is not idempotent, take effect ` +
          `${attemptsMax} times: add idempotent: 'key' to the call, or set attemptsMax of the handler to 1`,
      )
    }
    return found
  })
}
