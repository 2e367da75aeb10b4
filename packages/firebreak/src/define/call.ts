import type { CallSignature } from '../contracts/call.ts'
import { FirebreakError } from '../contracts/errors.ts'
import { type OptionTable, other, strangers } from '../contracts/option.ts'
import type { Schema, SchemaOutput } from '../contracts/schema.ts'
import { policy } from '../policy/definition/policy.ts'
import type { Policy } from '../policy/definition/policy-spec.ts'
import { callProblems } from './call-problems.ts'
import type { FinalAnswers } from './final-answers.ts'

export type CallMethod = 'GET' | 'HEAD' | 'PUT' | 'DELETE' | 'POST' | 'PATCH'

/** What a call without a schema for its request takes. */
export type PlainRequest = Readonly<Record<string, unknown>>

/** Fields that the path wants of the request: `:routeId` wants `routeId`. */
type FieldsOf<Path extends string> = Path extends `${string}/:${infer Rest}`
  ? Rest extends `${infer Field}/${infer More}`
    ? Field | FieldsOf<`/${More}`>
    : Rest
  : never

export interface CallSpec<Req extends Schema, Res extends Schema, Path extends string> {
  readonly name: string
  /** The dependency: the name under which `createCaller` knows its address. */
  readonly to: string
  readonly method: CallMethod
  /**
   * `/routes/:routeId` takes `routeId` from the request. What is left of the request goes into the query of GET, HEAD and
   * DELETE, and into the JSON body of the others.
   */
  readonly path: Path & (FieldsOf<Path> extends keyof SchemaOutput<Req> ? unknown : never)
  /** Default: anything that JSON can carry. */
  readonly request?: Req
  /** Default: whatever comes, as `unknown`. */
  readonly response?: Res
  /**
   * Whether sending it twice is harmless. Default: yes, but for POST and PATCH. `'key'`: it is, because the other side
   * knows a repetition by the header `Idempotency-Key`.
   */
  readonly idempotent?: boolean | 'key'
  /** Default: `policy()`; with a single attempt where a second one could do harm. */
  readonly policy?: Policy
  /**
   * Which answers are final, where that differs from the default: `{ 404: false, 501: true }`. A final answer says that the
   * request is wrong: it is not sent again, and the record of a handler is a dead letter at once. Default: 3xx and 4xx, but
   * 401, 403, 407, 408, 425 and 429.
   */
  readonly final?: FinalAnswers
  /** Answers when the call has failed, for any reason but that the request is wrong. */
  readonly fallback?: (request: SchemaOutput<Req>, error: unknown) => SchemaOutput<Res> | Promise<SchemaOutput<Res>>
  readonly description?: string
}

/** A declared sync request. It cannot exist without a policy. Inert data; `call()` builds it. */
export interface CallDefinition<Req extends Schema = Schema, Res extends Schema = Schema>
  extends CallSignature<Req, Res> {
  readonly method: CallMethod
  readonly path: string
  readonly idempotent: boolean | 'key'
  readonly policy: Policy
  readonly final: FinalAnswers
  readonly fallback: ((request: never, error: unknown) => unknown) | null
  readonly description: string
}

// biome-ignore lint/suspicious/noExplicitAny: a call of any schemas, as `unknown` would not accept narrower ones
export type AnyCall = CallDefinition<any, any>

export const callOptions: OptionTable<CallSpec<Schema, Schema, string>> = {
  name: other,
  to: other,
  method: other,
  path: other,
  request: other,
  response: other,
  idempotent: other,
  policy: other,
  final: other,
  fallback: other,
  description: other,
}

const anything: Schema = Object.freeze({
  '~standard': Object.freeze({ version: 1, vendor: 'firebreak', validate: (value: unknown) => ({ value }) }),
})

/**
 * Defines a call.
 *
 * **Errors** `FB_CONFIG` with every mistake at once, the arithmetic beside it: a retry or a hedge of what must not be sent
 * twice, a path that cannot be filled.
 *
 * @example
 * ```ts
 * import { call, policy } from 'firebreak'
 * import { z } from 'zod'
 *
 * export const quote = call({
 *   name: 'pricing.quote',
 *   to: 'pricing',
 *   method: 'GET',
 *   path: '/routes/:routeId/quote',
 *   request: z.object({ routeId: z.string() }),
 *   response: z.object({ priceMinor: z.int() }),
 *   policy: policy({ deadlineMs: 1000, attemptTimeoutMs: 300 }),
 * })
 * ```
 */
export function call<
  const Path extends string,
  Req extends Schema = Schema<PlainRequest>,
  Res extends Schema = Schema<unknown>,
>(spec: CallSpec<Req, Res, Path>): CallDefinition<Req, Res> {
  const idempotent = spec.idempotent ?? (spec.method !== 'POST' && spec.method !== 'PATCH')
  const found: CallDefinition<Req, Res> = Object.freeze({
    kind: 'call',
    name: spec.name,
    to: spec.to,
    method: spec.method,
    path: spec.path,
    request: spec.request ?? (anything as Req),
    response: spec.response ?? (anything as Res),
    idempotent,
    policy: spec.policy ?? policy(idempotent === false ? { attemptsMax: 1 } : {}),
    final: Object.freeze({ ...spec.final }),
    fallback: (spec.fallback as CallDefinition['fallback'] | undefined) ?? null,
    description: spec.description ?? '',
  })
  // Judged as it was given: a copy of a list, or of a number, would look like an object.
  const problems = [...callProblems({ ...found, final: spec.final ?? {} }), ...strangers(callOptions, spec)]
  if (problems.length > 0) {
    throw new FirebreakError('FB_CONFIG', { problems: problems.map((one) => `call ${spec.name}: ${one}`).join('\n') })
  }
  return found
}
