import type { Caller, CallFailure } from 'firebreak/internal'
import type { LinkGroup } from './arm-graph.ts'
import type { Call, LinkPart, OutboxPart, QueuePart } from './parts.ts'
import { reasonOf } from './sync-link.ts'
import type { Outcome, OutgoingWork, Visit, VisitHost } from './visit.ts'

/** What every visit to a service does after its own work. */
export interface OutgoingPlan {
  readonly host: VisitHost
  /** One group after the other. Members of a parallel one are called at the same time. */
  readonly groups: readonly LinkGroup<LinkPart>[]
  /** Published before the answer, one after the other: it waits for the broker. */
  readonly direct: readonly QueuePart[]
  /** Published with the answer. */
  readonly outbox: readonly OutboxPart[]
}

/**
 * What one visit sends out: calls, then messages, then the answer.
 *
 * I1 The host is notified once, unless the calls were cancelled. After that none of them is under way.
 */
export class OutgoingCalls implements OutgoingWork {
  readonly visit: Visit
  readonly #plan: OutgoingPlan
  #group = -1
  #underWay: CallGroupMember[] = []
  #left = 0
  #published = 0
  #isOver = false

  constructor(plan: OutgoingPlan, visit: Visit) {
    this.#plan = plan
    this.visit = visit
  }

  begin(): void {
    this.#nextGroup()
  }

  cancel(): void {
    this.#isOver = true
    for (const member of this.#underWay) member.cancel()
  }

  /** All calls of a member are done. */
  memberDone(): void {
    if (this.#isOver || --this.#left > 0) return
    const group = this.#plan.groups[this.#group]
    const following = group?.links[this.#underWay.length]
    if (following === undefined) this.#nextGroup()
    else this.#startMembers([following])
  }

  memberFailed(outcome: Outcome): void {
    if (this.#isOver) return
    this.cancel()
    this.#plan.host.returned(this.visit, outcome)
  }

  #nextGroup(): void {
    const group = this.#plan.groups[++this.#group]
    this.#underWay = []
    if (group === undefined) this.#publish()
    else this.#startMembers(group.isParallel ? group.links : group.links.slice(0, 1))
  }

  #startMembers(links: readonly LinkPart[]): void {
    const members = links.map((link) => new CallGroupMember(this, link))
    this.#underWay.push(...members)
    this.#left = members.length
    // A member that fails at once ends all of it before the next one has started.
    for (const member of members) if (!this.#isOver) member.start()
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
      else this.memberFailed(outcome)
    })
  }
}

/** One member of a group: its calls, one after the other. */
class CallGroupMember implements Caller<undefined> {
  readonly #outgoing: OutgoingCalls
  readonly #link: LinkPart
  #call: Call | undefined
  #started = 0

  constructor(outgoing: OutgoingCalls, link: LinkPart) {
    this.#outgoing = outgoing
    this.#link = link
  }

  start(): void {
    const number = ++this.#started
    const call = this.#link.call(this.#outgoing.visit, this)
    // It may be over by now, and another one under way.
    if (number === this.#started) this.#call = call
  }

  cancel(): void {
    this.#call?.cancel()
  }

  succeeded(): void {
    if (this.#started < this.#link.edge.calls) this.start()
    else this.#outgoing.memberDone()
  }

  failed(failure: CallFailure): void {
    const { optional, fallback } = this.#link.edge
    if (optional || fallback) this.succeeded()
    else this.#outgoing.memberFailed(reasonOf(failure))
  }
}
