/**
 * A queue edge: messages from a service, consumers that bring them to another one.
 *
 * I1 published = done + dead + dropped + unsent + travelling + waiting + under way + between two attempts.
 * I2 A consumer has one message at a time, and one attempt at it.
 * I3 While the broker is away or the consumers stand still, no message is taken; attempts under way go on.
 */
import { backoffMs } from 'firebreak/internal'
import type { PlacedDraws } from '../math/random-streams.ts'
import type { QueueEdge } from '../model/scenario.ts'
import type { ArmStats } from './arm-stats.ts'
import { type Backlog, type Message, QueueBacklog, StreamBacklog } from './backlog.ts'
import { sample } from './distributions.ts'
import { Fifo } from './fifo.ts'
import type { ChannelFaults, OutboxPart, QueuePart } from './parts.ts'
import type { Station } from './station.ts'
import { type Due, toUs, type VirtualTime } from './virtual-time.ts'
import { type Outcome, Visit, type VisitCaller } from './visit.ts'

export interface ChannelOptions {
  readonly edge: QueueEdge
  readonly to: Station
  readonly time: VirtualTime
  readonly draws: PlacedDraws
  readonly stats: ArmStats
  /** What the time until a message can be seen is drawn with. */
  readonly purpose: number
  /** Chance of the waits between attempts. */
  readonly random: () => number
}

export class Channel implements OutboxPart, QueuePart {
  readonly edge: QueueEdge
  /** What has become of messages; `resting`: between two attempts. */
  readonly counts = { published: 0, done: 0, dead: 0, dropped: 0, unsent: 0, travelling: 0, resting: 0 }
  readonly #to: Station
  readonly #time: VirtualTime
  readonly #draws: PlacedDraws
  readonly #stats: ArmStats
  readonly #purpose: number
  readonly #random: () => number
  readonly #backlog: Backlog
  readonly #deliveries: (Delivery | undefined)[]
  /** In the order of publishing; settled ones leave when they are the oldest. */
  readonly #byAge = new Fifo<Message>()
  /** Committed, and not yet with the broker. */
  readonly #outbox = new Fifo<Message>()
  #unsettled = 0
  #busy = 0
  #faults: ChannelFaults = { isCut: false, isHeld: false, isBrokerDown: false }
  /** Consumers to serve once the one being served is done. */
  #wakes: number[] = []
  #isWaking = false

  constructor({ edge, to, time, draws, stats, purpose, random }: ChannelOptions) {
    this.edge = edge
    this.#to = to
    this.#time = time
    this.#draws = draws
    this.#stats = stats
    this.#purpose = purpose
    this.#random = random
    this.#backlog = edge.kind === 'stream' ? new StreamBacklog(edge.partitions, edge.consumers) : new QueueBacklog()
    this.#deliveries = new Array(edge.consumers).fill(undefined)
  }

  /** Messages that are not settled. */
  get unsettled(): number {
    return this.#unsettled
  }

  get waiting(): number {
    return this.#backlog.waiting
  }

  get underWay(): number {
    return this.#deliveries.filter((delivery) => delivery !== undefined).length
  }

  /** How long the oldest unsettled message has been there. */
  get oldestAgeUs(): number {
    const oldest = this.#byAge.peek()
    return oldest === undefined ? 0 : this.#time.nowUs - oldest.publishedUs
  }

  /** Unsettled ones in the order of publishing. */
  unsettledMessages(): readonly Message[] {
    return this.#byAge.items().filter(({ isSettled }) => !isSettled)
  }

  /** With the answer of `visit`: while the broker is away it waits in the outbox. */
  publish(visit: Visit): void {
    const message = this.#message(visit)
    if (this.#faults.isBrokerDown) {
      this.counts.unsent++
      this.#outbox.push(message)
    } else this.#send(message, this.#delayUs(visit), undefined)
  }

  /** Before the answer: `done` is called when the broker has it, possibly before this returns. */
  publishAndWait(visit: Visit, done: (outcome: Outcome) => void): void {
    if (this.#faults.isBrokerDown) done('broker')
    else this.#send(this.#message(visit), this.#delayUs(visit), done)
  }

  setFaults(faults: ChannelFaults): void {
    const wasDown = this.#faults.isBrokerDown
    this.#faults = faults
    if (wasDown && !faults.isBrokerDown) {
      for (let message = this.#outbox.shift(); message !== undefined; message = this.#outbox.shift()) {
        this.counts.unsent--
        this.#show(message)
      }
    }
    for (let consumer = 0; consumer < this.edge.consumers; consumer++) this.#wake(consumer)
  }

  #message({ request }: Visit): Message {
    const message = { request, publishedUs: this.#time.nowUs, attempts: 0, delayMs: 0, isSettled: false }
    this.counts.published++
    this.#unsettled++
    this.#byAge.push(message)
    this.#stats.published(this.#time.nowUs)
    request.published()
    return message
  }

  #delayUs({ request, number }: Visit): number {
    const { network } = this.edge
    if (network.kind === 'constant') return toUs(network.ms)
    return toUs(sample(network, this.#draws.seek(this.#purpose ^ request.salt, request.n, number).uniform))
  }

  #send(message: Message, delayUs: number, done: ((outcome: Outcome) => void) | undefined): void {
    const arrive = (): void => {
      this.counts.travelling--
      this.#show(message)
      done?.(undefined)
    }
    this.counts.travelling++
    if (delayUs === 0) arrive()
    else this.#time.after(delayUs, { ticket: 0, fire: arrive })
  }

  #show(message: Message): void {
    this.#backlog.add(message)
    this.#wakeFor(message)
  }

  #wakeFor(message: Message): void {
    if (this.#busy === this.edge.consumers) return
    this.#wake(this.#backlog.ownerOf(message) ?? this.#deliveries.indexOf(undefined))
  }

  // A delivery may end at once, and so may the one after it: without the list that would nest as deep as the backlog.
  #wake(consumer: number): void {
    this.#wakes.push(consumer)
    if (this.#isWaking) return
    this.#isWaking = true
    for (let at = 0; at < this.#wakes.length; at++) this.#serve(this.#wakes[at] as number)
    this.#wakes = []
    this.#isWaking = false
  }

  #serve(consumer: number): void {
    while (this.#deliveries[consumer] === undefined) {
      if (this.#faults.isHeld || this.#faults.isBrokerDown) return
      const message = this.#backlog.take(consumer)
      if (message === undefined) return
      this.#deliver(consumer, message)
    }
  }

  #deliver(consumer: number, message: Message): void {
    message.attempts++
    this.#stats.attempted()
    const { attemptTimeoutMs } = this.edge
    const visit = (caller: VisitCaller): Visit => {
      return new Visit(message.request, this.#to.index, caller, this.#time.now() + attemptTimeoutMs)
    }
    const delivery = new Delivery(this, consumer, message, visit)
    this.#deliveries[consumer] = delivery
    this.#busy++
    if (attemptTimeoutMs !== Number.POSITIVE_INFINITY) this.#time.after(toUs(attemptTimeoutMs), delivery)
    if (!this.#faults.isCut) this.#to.arrive(delivery.visit)
  }

  /** The service has answered. */
  answered(delivery: Delivery, outcome: Outcome): void {
    if (!this.#faults.isCut) this.#ended(delivery, outcome)
  }

  timedOut(delivery: Delivery): void {
    delivery.visit.isGivenUp = true
    if (!this.#faults.isCut) this.#to.abandon(delivery.visit)
    this.#ended(delivery, 'timeout')
  }

  #ended({ consumer, message }: Delivery, outcome: Outcome): void {
    const delivery = this.#deliveries[consumer] as Delivery
    this.#time.cancel(delivery)
    this.#deliveries[consumer] = undefined
    this.#busy--
    if (outcome === undefined) {
      this.counts.done++
      this.#settle(message, undefined)
    } else if (message.attempts < this.edge.attemptsMax) this.#rest(message)
    else this.#giveUp(message)
    this.#wake(consumer)
  }

  #rest(message: Message): void {
    this.#backlog.parked(message)
    this.counts.resting++
    message.delayMs = backoffMs(this.edge.backoff, message.attempts, message.delayMs, this.#random)
    const fire = (): void => {
      this.counts.resting--
      this.#backlog.due(message)
      this.#wakeFor(message)
    }
    this.#time.after(toUs(message.delayMs), { ticket: 0, fire })
  }

  #giveUp(message: Message): void {
    if (this.edge.deadLetters) this.counts.dead++
    else this.counts.dropped++
    this.#settle(message, this.edge.deadLetters ? 'dead-letter' : 'dropped')
  }

  #settle(message: Message, outcome: Outcome): void {
    message.isSettled = true
    this.#unsettled--
    this.#stats.messageSettled()
    this.#backlog.settled(message)
    for (let oldest = this.#byAge.peek(); oldest?.isSettled === true; oldest = this.#byAge.peek()) {
      this.#stats.messageAge(this.#time.nowUs, this.oldestAgeUs)
      this.#byAge.shift()
    }
    message.request.processed(outcome)
  }
}

/** One attempt of one consumer at one message. */
class Delivery implements Due, VisitCaller {
  ticket = 0
  readonly consumer: number
  readonly message: Message
  readonly visit: Visit
  readonly #channel: Channel

  constructor(channel: Channel, consumer: number, message: Message, visit: (caller: VisitCaller) => Visit) {
    this.#channel = channel
    this.consumer = consumer
    this.message = message
    this.visit = visit(this)
  }

  answered(outcome: Outcome): void {
    this.#channel.answered(this, outcome)
  }

  fire(): void {
    this.#channel.timedOut(this)
  }
}
