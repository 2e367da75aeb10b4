/**
 * A sync edge: the policy of each calling instance, and the way there and back.
 *
 * I1 Every attempt is one visit, which arrives once, or never when the edge is cut as it sets out.
 * I2 An attempt is answered once; what comes back after it was given up is ignored.
 * I3 The news that an attempt was given up never overtakes the attempt.
 */
import { type Attempt, type AttemptFailure, type Caller, type CallFailure, Executor } from 'firebreak/internal'
import type { PlacedDraws } from '../math/random-streams.ts'
import type { FailureReason } from '../model/result.ts'
import type { SyncEdge } from '../model/scenario.ts'
import type { ArmStats } from './arm-stats.ts'
import { sample } from './distributions.ts'
import type { Call, LinkPart } from './parts.ts'
import type { Station } from './station.ts'
import { type Due, toUs, type VirtualTime } from './virtual-time.ts'
import { type Outcome, Visit, type VisitCaller } from './visit.ts'

export interface SyncLinkOptions {
  readonly edge: SyncEdge
  readonly from: Station
  readonly to: Station
  readonly time: VirtualTime
  readonly draws: PlacedDraws
  readonly stats: ArmStats
  /** What the network's delays are drawn with. */
  readonly purpose: number
  /** Chance of the policy of one instance. */
  readonly randomOf: (instance: number) => () => number
}

export class SyncLink implements LinkPart {
  readonly edge: SyncEdge
  /** Nothing passes, in either direction. */
  isCut = false
  readonly #to: Station
  readonly #time: VirtualTime
  readonly #draws: PlacedDraws
  readonly #stats: ArmStats
  readonly #purpose: number
  /** One per instance of the calling service; empty without a policy. */
  readonly #executors: readonly Executor[]

  constructor({ edge, from, to, time, draws, stats, purpose, randomOf }: SyncLinkOptions) {
    this.edge = edge
    this.#to = to
    this.#time = time
    this.#draws = draws
    this.#stats = stats
    this.#purpose = purpose
    const { policy } = edge
    const instances = policy === null ? 0 : from.model.instances
    this.#executors = Array.from({ length: instances }, (_, instance) => {
      return new Executor(policy as NonNullable<typeof policy>, {
        name: edge.id,
        clock: time,
        random: randomOf(instance),
      })
    })
  }

  get breakerOpens(): number {
    return this.#executors.reduce((sum, { breakerOpens }) => sum + breakerOpens, 0)
  }

  get openBreakers(): number {
    return this.#executors.reduce((sum, { isOpen }) => sum + (isOpen ? 1 : 0), 0)
  }

  /** `caller` may be notified before this returns. */
  call(visit: Visit, caller: Caller<undefined>): Call {
    const executor = this.#executors[visit.instance]
    if (executor === undefined) return this.#callOnce(visit, caller)
    const send = (attempt: Attempt<undefined>): void => this.#send(visit, attempt)
    return executor.start(send, caller, { deadlineAtMs: visit.deadlineAtMs })
  }

  /** Without a policy: one attempt, as long as it takes. */
  #callOnce(visit: Visit, caller: Caller<undefined>): Call {
    const attempt = new PlainAttempt(visit.deadlineAtMs, caller)
    this.#send(visit, attempt)
    return attempt
  }

  #send(from: Visit, attempt: Sent): void {
    this.#stats.attempted()
    const passage = new Passage(this, from, attempt)
    attempt.onGivenUp = passage.giveUp
    if (this.isCut) return
    const { network } = this.edge
    if (network.kind === 'constant') {
      passage.thereUs = toUs(network.ms)
      passage.backUs = passage.thereUs
    } else {
      const { request } = from
      const { uniform } = this.#draws.seek(this.#purpose ^ request.salt, request.n, passage.visit.number)
      passage.thereUs = toUs(sample(network, uniform))
      passage.backUs = toUs(sample(network, uniform))
    }
    this.#travel(passage.thereUs, passage)
  }

  /** A visit to the other side on behalf of `from`. */
  visitFrom(from: Visit, caller: VisitCaller, deadlineAtMs: number): Visit {
    return new Visit(from.request, this.#to.index, caller, deadlineAtMs)
  }

  arrive(visit: Visit): void {
    this.#to.arrive(visit)
  }

  /** The answer sets out. */
  answer(passage: Passage): void {
    if (!this.isCut) this.#travel(passage.backUs, passage)
  }

  /** The news that nobody waits any more sets out. */
  tell(visit: Visit, thereUs: number): void {
    if (this.isCut) return
    if (thereUs === 0) this.#to.abandon(visit)
    else this.#time.after(thereUs, { ticket: 0, fire: () => this.#to.abandon(visit) })
  }

  // What takes no time is no event.
  #travel(us: number, passage: Passage): void {
    if (us === 0) passage.fire()
    else this.#time.after(us, passage)
  }
}

/** What a passage needs of an attempt. */
type Sent = Pick<Attempt<undefined>, 'deadlineAtMs' | 'onGivenUp' | 'succeed' | 'fail'>

/** One attempt on its way: there, at the other service, and back. */
class Passage implements Due, VisitCaller {
  ticket = 0
  thereUs = 0
  backUs = 0
  readonly visit: Visit
  readonly #link: SyncLink
  readonly #attempt: Sent
  #outcome: Outcome
  #hasArrived = false

  constructor(link: SyncLink, from: Visit, attempt: Sent) {
    this.#link = link
    this.#attempt = attempt
    this.visit = link.visitFrom(from, this, attempt.deadlineAtMs)
  }

  fire(): void {
    if (!this.#hasArrived) {
      this.#hasArrived = true
      this.#link.arrive(this.visit)
    } else if (this.#outcome === undefined) this.#attempt.succeed(undefined)
    else this.#attempt.fail(failures[this.#outcome])
  }

  answered(outcome: Outcome): void {
    this.#outcome = outcome
    this.#link.answer(this)
  }

  readonly giveUp = (): void => {
    this.visit.isGivenUp = true
    this.#link.tell(this.visit, this.thereUs)
  }
}

/** An attempt without a policy around it. */
class PlainAttempt implements Sent, Call {
  readonly deadlineAtMs: number
  onGivenUp: (() => void) | undefined
  readonly #caller: Caller<undefined>
  #isOver = false

  constructor(deadlineAtMs: number, caller: Caller<undefined>) {
    this.deadlineAtMs = deadlineAtMs
    this.#caller = caller
  }

  succeed(): void {
    if (this.#end()) this.#caller.succeeded(undefined)
  }

  fail(failure: AttemptFailure): void {
    if (this.#end()) this.#caller.failed({ reason: 'failed', attempts: 1, budgetSpent: false, last: failure })
  }

  cancel(): void {
    if (this.#end()) this.onGivenUp?.()
  }

  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    return true
  }
}

const reasons: readonly FailureReason[] = [
  'timeout',
  'deadline',
  'open',
  'bulkhead',
  'limit',
  'error',
  'refused',
  'full',
  'shed',
  'crash',
  'dead-letter',
  'dropped',
  'broker',
  'unfinished',
]

// One object per reason: an attempt fails often, and the failure is always the same.
const failures = Object.fromEntries(
  reasons.map((reason) => [reason, Object.freeze({ kind: 'transient', error: reason })]),
) as Readonly<Record<FailureReason, AttemptFailure>>

/** The reason at the bottom of a failed call. */
export function reasonOf(failure: CallFailure): FailureReason {
  return failure.reason === 'failed' ? ((failure.last?.error as FailureReason) ?? 'error') : failure.reason
}
