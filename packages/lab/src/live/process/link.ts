import type { Agent } from 'node:http'
import type { Policy } from 'firebreak'
import { type Attempt, type Caller, Executor } from 'firebreak/internal'
import type { PlacedDraws } from '../../math/random-streams.ts'
import type { SyncEdge } from '../../model/scenario.ts'
import { sample } from '../../sim/distributions.ts'
import type { Call, LinkPart } from '../../sim/parts.ts'
import type { Outcome, Visit } from '../../sim/visit.ts'
import type { AttemptStats } from './attempt-stats.ts'
import { ask, type CallCounts } from './http.ts'
import type { LiveTime } from './time.ts'

export interface RealLinkOptions {
  readonly edge: SyncEdge
  /** Of the service called. */
  readonly port: number
  readonly agent: Agent
  readonly time: LiveTime
  readonly draws: PlacedDraws
  readonly stats: AttemptStats
  /** What the network's delays are drawn with. */
  readonly purpose: number
  /** Of the calling service; each has a policy of its own. */
  readonly instances: number
  /** Chance of the policy of one instance. */
  readonly randomOf: (instance: number) => () => number
  /** Where a request counts its passages over this edge. */
  readonly place: number
}

/** A call without a policy: one attempt, as long as it takes. */
const unlimited: Policy = {
  kind: 'policy',
  deadlineMs: Number.POSITIVE_INFINITY,
  attemptTimeoutMs: Number.POSITIVE_INFINITY,
  attemptsMax: 1,
  backoff: { baseMs: 0, capMs: 0, jitter: 'none' },
  budget: null,
  breaker: null,
  bulkhead: null,
  limit: null,
  hedge: null,
}

/** A sync edge in its calling process: the policies of the instances, and HTTP to the other service. */
export class RealLink implements LinkPart {
  readonly edge: SyncEdge
  /** Nothing passes, in either direction. */
  isCut = false
  readonly #options: RealLinkOptions
  readonly #counts: CallCounts
  readonly #executors: readonly Executor[]

  constructor(options: RealLinkOptions) {
    const { edge, instances, time, randomOf, stats } = options
    this.edge = edge
    this.#options = options
    this.#counts = stats.callsTo(edge.to)
    this.#executors = Array.from({ length: instances }, (_, instance) => {
      return new Executor(edge.policy ?? unlimited, { name: edge.id, clock: time.clock, random: randomOf(instance) })
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
    const { time } = this.#options
    const executor = this.#executors[visit.instance] as Executor
    // Answers and time-outs come from outside of the calendar.
    const entering: Caller<undefined> = {
      succeeded: (value) => time.enter(() => caller.succeeded(value)),
      failed: (failure) => time.enter(() => caller.failed(failure)),
    }
    const send = (attempt: Attempt<undefined>): void => this.#send(visit, attempt)
    return executor.start(send, entering, { deadlineAtMs: visit.deadlineAtMs })
  }

  #send(from: Visit, attempt: Attempt<undefined>): void {
    const { stats, draws, purpose, place } = this.#options
    stats.attempted()
    if (this.isCut) return
    const { network } = this.edge
    const { request } = from
    const passages = request.visits[place] ?? 0
    request.visits[place] = passages + 1
    const { uniform } = draws.seek(purpose ^ request.salt, request.n, passages)
    this.#pass(from, attempt, { thereMs: sample(network, uniform), backMs: sample(network, uniform) })
  }

  #pass(from: Visit, attempt: Attempt<undefined>, { thereMs, backMs }: { thereMs: number; backMs: number }): void {
    const { agent, port, time } = this.#options
    let giveUp: (() => void) | undefined
    const answered = (outcome: Outcome): void => {
      if (!this.isCut) this.#after(backMs, () => settle(attempt, outcome))
    }
    attempt.onGivenUp = () => {
      // The news goes behind the request, which takes as long.
      if (!this.isCut) this.#after(thereMs, () => giveUp?.())
    }
    this.#after(thereMs, () => {
      const remainingMs = attempt.deadlineAtMs - time.clock.monotonic()
      giveUp = ask(agent, { port, identity: from.request, remainingMs }, this.#counts, answered)
    })
  }

  #after(delayMs: number, run: () => void): void {
    if (delayMs === 0) run()
    else this.#options.time.after(delayMs, run)
  }
}

function settle(attempt: Attempt<undefined>, outcome: Outcome): void {
  if (outcome === undefined) attempt.succeed(undefined)
  else attempt.fail({ kind: 'transient', error: outcome })
}
