import type { FailureReason } from '../model/result.ts'
import type { Due } from './virtual-time.ts'

/** How something ended; undefined: well. */
export type Outcome = FailureReason | undefined

/** What a visit is on behalf of: a request from outside, and what it is drawn with. */
export interface Origin {
  /** From 0 within its source. */
  readonly n: number
  /** Of its source: the same number from another source is another request. */
  readonly salt: number
  readonly key: number
  readonly critical: boolean
  readonly arrivedUs: number
  /** How often it has visited each service: what a visit is drawn with is tied to its number. */
  readonly visits: number[]
  /** What became of it is known. */
  readonly isSettled: boolean
  /** A message has been set off on its behalf. */
  published(): void
  /** One of its messages is done, or has failed for good. */
  processed(outcome: Outcome): void
}

/** Who waits for a visit. */
export interface VisitCaller {
  /** Called once, unless the caller has given the visit up. */
  answered(outcome: Outcome): void
}

/** What a visit does after its own work: calls to others, messages. */
export interface OutgoingWork {
  begin(): void
  /** Gives up what is under way. The visit is not notified. */
  cancel(): void
}

/** Notified when a visit's own work is done, and when what it sent out is. */
export interface VisitHost {
  worked(visit: Visit): void
  returned(visit: Visit, outcome: Outcome): void
}

/** One piece of work at a service, from its arrival there until it leaves. */
export class Visit implements Due {
  ticket = 0
  state: 'new' | 'queued' | 'working' | 'calling' | 'gone' = 'new'
  readonly request: Origin
  /** Of all visits of its request to this service, from 0. */
  readonly number: number
  readonly caller: VisitCaller
  readonly deadlineAtMs: number
  host: VisitHost | undefined
  instance = 0
  /** Its place among those that are there. */
  place = 0
  arrivedUs = 0
  startedUs = 0
  /** When its own work ends; what is left of it while the service hangs. */
  endsUs = 0
  leftUs = 0
  fails = false
  /** Its caller does not wait any more. */
  isGivenUp = false
  outgoing: OutgoingWork | undefined

  constructor(request: Origin, service: number, caller: VisitCaller, deadlineAtMs: number) {
    this.request = request
    this.number = request.visits[service] as number
    request.visits[service] = this.number + 1
    this.caller = caller
    this.deadlineAtMs = deadlineAtMs
  }

  fire(): void {
    this.host?.worked(this)
  }
}
