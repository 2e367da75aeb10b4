import { type FirebreakError, isFirebreakError } from '../contracts/errors.ts'
import { askedPauseMs } from '../policy/pause.ts'
import type { Refusal } from './admission-request.ts'
import { type ProblemAnswer, problemAnswer } from './problem.ts'

/** What a server says instead of the answer. */
export type FailureAnswer = ProblemAnswer<502 | 503 | 504>

// For room at a server, and for a dependency that has failed several times: longer than callers wait for one answer.
const roomAfterSec = 1
const healthAfterSec = 5

/** The answer to a request that was not started. */
export function refusalAnswer(refusal: Refusal): FailureAnswer {
  return refusal === 'full' || refusal === 'shed'
    ? busy('the server is busy, the request was not started', roomAfterSec)
    : late('the time of the request was over before it was started')
}

/**
 * What a failed call of a handler means for the handler's own caller; undefined for errors that are not of that kind.
 *
 * 503 with `Retry-After` where trying again at once is of no use: the dependency lets nothing through, or has been tried
 * again already. Retries happen at one layer this way, and do not multiply. 502: one attempt failed, another may not.
 */
export function failureAnswer(error: unknown): FailureAnswer | undefined {
  if (!isFirebreakError(error) || error.kind !== 'transient') return undefined
  switch (error.code) {
    case 'FB_CALL_DEADLINE':
    case 'FB_REQUEST_EXPIRED':
    case 'FB_REQUEST_ABANDONED':
      return late('the time of the request is over')
    case 'FB_CALL_OPEN':
    case 'FB_CALL_BUSY':
    case 'FB_CALL_THROTTLED':
      return busy('a service that it needs is not available', secondsOf(error))
    case 'FB_CALL_FAILED':
    case 'FB_CALL_TIMEOUT':
      return wasTriedAgain(error)
        ? busy('a service that it needs is not available', healthAfterSec)
        : problemAnswer(502, 'a service that it needs has failed')
    default:
      return undefined
  }
}

const wasTriedAgain = ({ detail }: FirebreakError): boolean =>
  Number(detail['attempts']) > 1 || detail['budgetSpent'] === true

const secondsOf = ({ detail }: FirebreakError): number =>
  Math.max(roomAfterSec, Math.ceil(askedPauseMs(detail['afterMs']) / 1000))

const busy = (detail: string, afterSec: number): FailureAnswer =>
  problemAnswer(503, detail, { headers: { 'retry-after': String(afterSec) } })

const late = (detail: string): FailureAnswer => problemAnswer(504, detail)
