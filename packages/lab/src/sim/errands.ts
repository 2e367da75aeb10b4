import type { Caller, CallFailure } from 'firebreak/internal'
import type { LinkGroup } from './arm-graph.ts'
import type { Call, LinkPart, OutboxPart, QueuePart } from './parts.ts'
import { reasonOf } from './sync-link.ts'
import type { Errands, Outcome, Visit, VisitHost } from './visit.ts'

/** What every visit to a service does after its own work. */
export interface ErrandPlan {
  readonly host: VisitHost
  /** One group after the other. Members of a parallel one are called at the same time. */
  readonly groups: readonly LinkGroup<LinkPart>[]
  /** Published before the answer, one after the other: it waits for the broker. */
  readonly direct: readonly QueuePart[]
  /** Published with the answer. */
  readonly outbox: readonly OutboxPart[]
}

/**
 * The errands of one visit: calls, then messages, then the answer.
 *
 * I1 The host is told once, unless the errands were cancelled. After that no call of theirs is under way.
 */
export class VisitErrands implements Errands {
  readonly visit: Visit
  readonly #plan: ErrandPlan
  #group = -1
  #underWay: Leg[] = []
  #left = 0
  #published = 0
  #isOver = false

  constructor(plan: ErrandPlan, visit: Visit) {
    this.#plan = plan
    this.visit = visit
  }

  begin(): void {
    this.#nextGroup()
  }

  cancel(): void {
    this.#isOver = true
    for (const leg of this.#underWay) leg.cancel()
  }

  /** All calls of a leg are done. */
  legDone(): void {
    if (this.#isOver || --this.#left > 0) return
    const group = this.#plan.groups[this.#group]
    const following = group?.links[this.#underWay.length]
    if (following === undefined) this.#nextGroup()
    else this.#startLegs([following])
  }

  legFailed(outcome: Outcome): void {
    if (this.#isOver) return
    this.cancel()
    this.#plan.host.returned(this.visit, outcome)
  }

  #nextGroup(): void {
    const group = this.#plan.groups[++this.#group]
    this.#underWay = []
    if (group === undefined) this.#publish()
    else this.#startLegs(group.isParallel ? group.links : group.links.slice(0, 1))
  }

  #startLegs(links: readonly LinkPart[]): void {
    const legs = links.map((link) => new Leg(this, link))
    this.#underWay.push(...legs)
    this.#left = legs.length
    // A leg that fails at once ends the errands before the next one has started.
    for (const leg of legs) if (!this.#isOver) leg.start()
  }

  #publish(): void {
    const channel = this.#plan.direct[this.#published++]
    if (channel === undefined) {
      for (const outbox of this.#plan.outbox) outbox.publish(this.visit)
      this.#plan.host.returned(this.visit, undefined)
      return
    }
    channel.publishAndWait(this.visit, (outcome) => {
      if (this.#isOver) return
      if (outcome === undefined) this.#publish()
      else this.legFailed(outcome)
    })
  }
}

/** One member of a group: its calls, one after the other. */
class Leg implements Caller<undefined> {
  readonly #errands: VisitErrands
  readonly #link: LinkPart
  #call: Call | undefined
  #started = 0

  constructor(errands: VisitErrands, link: LinkPart) {
    this.#errands = errands
    this.#link = link
  }

  start(): void {
    const number = ++this.#started
    const call = this.#link.call(this.#errands.visit, this)
    // It may be over by now, and another one under way.
    if (number === this.#started) this.#call = call
  }

  cancel(): void {
    this.#call?.cancel()
  }

  succeeded(): void {
    if (this.#started < this.#link.edge.calls) this.start()
    else this.#errands.legDone()
  }

  failed(failure: CallFailure): void {
    const { optional, fallback } = this.#link.edge
    if (optional || fallback) this.succeeded()
    else this.#errands.legFailed(reasonOf(failure))
  }
}
