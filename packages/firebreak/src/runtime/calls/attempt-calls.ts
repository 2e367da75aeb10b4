import type {
  AnyCallSignature,
  CallOptions,
  CallRequest,
  CallResponse,
  HandlerCallOptions,
} from '../../contracts/call.ts'
import type { Envelope } from '../../contracts/envelope.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { HandlerTerms } from '../../define/handle.ts'
import type { Caller } from './caller.ts'

/** What a call inherits from the attempt that makes it. */
export interface AttemptTime {
  readonly remainingMs: number
  readonly signal: AbortSignal
}

/**
 * The calls of one attempt. The n-th call of a name has the same idempotency key in every attempt of its event, also after a
 * crash: what it did before is not done again.
 */
export class AttemptCalls {
  readonly #caller: Caller | undefined
  readonly #envelope: Envelope
  readonly #handler: HandlerTerms
  readonly #counts = new Map<string, number>()

  constructor(caller: Caller | undefined, envelope: Envelope, handler: HandlerTerms) {
    this.#caller = caller
    this.#envelope = envelope
    this.#handler = handler
  }

  /** **Errors** `FB_NOT_CALLABLE`, those of `Caller.call`. */
  send<C extends AnyCallSignature>(
    definition: C,
    request: CallRequest<C>,
    { remainingMs, signal }: AttemptTime,
    options: HandlerCallOptions,
  ): Promise<CallResponse<C>> {
    const { name } = definition
    if (this.#caller === undefined || !this.#handler.calls.some((one) => one === (definition as unknown))) {
      const who = `the handler of ${this.#handler.type}`
      return Promise.reject(new FirebreakError('FB_NOT_CALLABLE', { who, call: name }))
    }
    const count = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, count)
    const { id, correlationId, traceparent } = this.#envelope
    const own: CallOptions = {
      ...options,
      deadlineMs: Math.min(remainingMs, options.deadlineMs ?? Number.POSITIVE_INFINITY),
      signal,
      correlationId,
      traceparent,
      idempotencyKey: `${id}:${name}${count === 1 ? '' : `:${count}`}`,
    }
    return this.#caller.call(definition, request, own)
  }
}
