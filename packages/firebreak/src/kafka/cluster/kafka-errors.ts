import { protocolErrors, protocolErrorsCodesById } from '@platformatic/kafka'
import { errorMessage, FirebreakError, isFirebreakError } from '../../contracts/errors.ts'

/** Error codes of the protocol that something here decides on. **Source** kafka.apache.org/protocol, error codes */
export const code = {
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  brokerNotAvailable: 8,
  messageTooLarge: 10,
  notCoordinator: 16,
  recordListTooLarge: 18,
  illegalGeneration: 22,
  inconsistentGroupProtocol: 23,
  unknownMemberId: 25,
  rebalanceInProgress: 27,
  topicAuthorizationFailed: 29,
  clusterAuthorizationFailed: 31,
  invalidTimestamp: 32,
  topicAlreadyExists: 36,
  outOfOrderSequence: 45,
  invalidProducerEpoch: 47,
  invalidProducerIdMapping: 49,
  unknownProducerId: 59,
  nonEmptyGroup: 68,
  groupIdNotFound: 69,
  unsupportedCompression: 76,
  memberIdRequired: 79,
  fencedInstanceId: 82,
  invalidRecord: 87,
  producerFenced: 90,
  unknownTopicId: 100,
  inconsistentTopicId: 103,
  newLeaderElected: 108,
} as const

/** The broker has answered with an error code. */
export class ProtocolError extends Error {
  readonly errorCode: number

  constructor(errorCode: number) {
    super(nameOf(errorCode))
    this.name = 'ProtocolError'
    this.errorCode = errorCode
  }
}

/** `NOT_COORDINATOR`, for messages. */
export const nameOf = (errorCode: number): string =>
  (protocolErrorsCodesById as Readonly<Record<string, string>>)[errorCode] ?? `ERROR_${errorCode}`

// What the brokers say while they start, move leaders or are overloaded, beyond what the client's table calls retriable.
const alsoTransient: ReadonlySet<number> = new Set([
  -1,
  code.brokerNotAvailable,
  code.rebalanceInProgress,
  code.newLeaderElected,
])

/** Whether the same request may work a moment later. */
export function isTransient(errorCode: number): boolean {
  if (alsoTransient.has(errorCode)) return true
  return (
    (protocolErrors as Readonly<Record<string, { canRetry: boolean } | undefined>>)[nameOf(errorCode)]?.canRetry ===
    true
  )
}

// Of Node's TLS: the other side is there, and we will not have it, or it will not have us.
const tlsRefusals =
  /^(CERT_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET)|ERR_TLS_|ERR_SSL_|ERR_OSSL_|HOSTNAME_MISMATCH)/
const clientRefusals: ReadonlySet<unknown> = new Set(['PLT_KFK_UNSUPPORTED_API', 'PLT_KFK_UNSUPPORTED_COMPRESSION'])
const saslRefusals: ReadonlySet<unknown> = new Set([33, 34, 58])

interface Link {
  readonly message: string
  readonly code?: unknown
  /** Of the client's protocol errors. */
  readonly apiCode?: number
  readonly cause?: unknown
}

/** The error and everything that caused it, outermost first. */
function* chainOf(error: unknown): Iterable<Link> {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    yield at
    const { errors } = at as Partial<AggregateError>
    for (const inner of errors ?? []) if (inner instanceof Error) yield* chainOf(inner)
  }
}

/** What must be fixed in the set-up before anything works; undefined for errors that are transient. */
export function refusalOf(error: unknown): string | undefined {
  if (isFirebreakError(error, 'FB_LOG_REFUSED')) return error.message
  for (const link of chainOf(error)) {
    if (link instanceof ProtocolError && !isTransient(link.errorCode)) return link.message
    if (isRefusal(link)) return reasonOf(error)
  }
  return undefined
}

function isRefusal({ code, apiCode, message, cause }: Link): boolean {
  if (typeof code === 'string' && tlsRefusals.test(code)) return true
  if (clientRefusals.has(code) || saslRefusals.has(apiCode)) return true
  if (code === 'PLT_KFK_USER') return message.startsWith('Broker requires TLS')
  // The client gives every error of signing in this code. With a cause it is the cause that counts: the connection ended, or
  // the server that issues the tokens cannot be reached.
  return code === 'PLT_KFK_AUTHENTICATION' && cause === undefined
}

/** What went wrong on the way to a broker or in its answer, as one of the `FB_LOG_` errors. */
export function asLogError(error: unknown, path: string): FirebreakError {
  if (isFirebreakError(error)) return error
  const refusal = refusalOf(error)
  return refusal === undefined
    ? new FirebreakError('FB_LOG_UNAVAILABLE', { path, reason: reasonOf(error) }, error)
    : new FirebreakError('FB_LOG_REFUSED', { path, reason: refusal }, error)
}

/** The messages of the chain; the last one usually has the cause. */
function reasonOf(error: unknown): string {
  const parts = new Set<string>()
  for (const { message } of chainOf(error)) if (message !== '') parts.add(message.replace(/\.$/, ''))
  return parts.size === 0 ? errorMessage(error) : [...parts].join(': ')
}
