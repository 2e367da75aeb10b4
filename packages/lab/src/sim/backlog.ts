import { mix } from '../math/random-streams.ts'
import { Fifo } from './fifo.ts'
import type { Origin } from './visit.ts'

/** A message on a queue edge. */
export interface Message {
  readonly request: Origin
  readonly publishedUs: number
  attempts: number
  /** The last delay before another attempt. */
  delayMs: number
  isSettled: boolean
}

/** Messages that wait for a consumer, and which of them is next. */
export interface Backlog {
  /** Who may take the message; undefined: any consumer. */
  ownerOf(message: Message): number | undefined
  /** It can be seen by consumers now. */
  add(message: Message): void
  /** The next one for this consumer; it is under way until `again` or `settled`. */
  take(consumer: number): Message | undefined
  /** Its attempt has failed, and another one follows: it waits outside until `due`. */
  parked(message: Message): void
  due(message: Message): void
  /** It is done, dead or dropped. */
  settled(message: Message): void
  /** Messages inside: they wait for a consumer, or for another message of their key. */
  readonly waiting: number
}

/** Competing consumers: the oldest is next; what failed comes again at the end. */
export class QueueBacklog implements Backlog {
  readonly #ready = new Fifo<Message>()

  get waiting(): number {
    return this.#ready.size
  }

  ownerOf(): undefined {
    return undefined
  }

  add(message: Message): void {
    this.#ready.push(message)
  }

  take(): Message | undefined {
    return this.#ready.shift()
  }

  parked(): void {}

  due(message: Message): void {
    this.#ready.push(message)
  }

  settled(): void {}
}

interface Partition {
  readonly fresh: Fifo<Message>
  /** First messages of keys that waited, and may go now. */
  readonly due: Fifo<Message>
  /** Keys that wait, each with its later messages. */
  readonly parked: Map<number, Fifo<Message>>
}

/**
 * A log with partitions, keys in order. Each partition belongs to one consumer, which has one message at a time.
 *
 * I1 Messages of one key are taken in the order in which they were added, each after the one before has settled.
 * I2 A key that waits for another attempt holds back its own messages, and no other.
 */
export class StreamBacklog implements Backlog {
  readonly #partitions: readonly Partition[]
  readonly #consumers: number
  /** Where each consumer looks first, so that its partitions take turns. */
  readonly #turns: number[]
  #waiting = 0

  constructor(partitions: number, consumers: number) {
    this.#consumers = consumers
    this.#turns = Array.from({ length: consumers }, (_, consumer) => consumer)
    this.#partitions = Array.from({ length: partitions }, () => {
      return { fresh: new Fifo<Message>(), due: new Fifo<Message>(), parked: new Map() }
    })
  }

  get waiting(): number {
    return this.#waiting
  }

  ownerOf(message: Message): number {
    return this.#indexOf(message) % this.#consumers
  }

  add(message: Message): void {
    this.#waiting++
    this.#partitionOf(message).fresh.push(message)
  }

  take(consumer: number): Message | undefined {
    const count = this.#partitions.length
    let at = this.#turns[consumer] as number
    for (let looked = consumer; looked < count; looked += this.#consumers) {
      const message = this.#takeFrom(this.#partitions[at] as Partition)
      at += this.#consumers
      if (at >= count) at = consumer
      if (message === undefined) continue
      this.#turns[consumer] = at
      return message
    }
    return undefined
  }

  parked(message: Message): void {
    const partition = this.#partitionOf(message)
    const { key } = message.request
    if (!partition.parked.has(key)) partition.parked.set(key, new Fifo())
  }

  due(message: Message): void {
    this.#waiting++
    this.#partitionOf(message).due.push(message)
  }

  settled(message: Message): void {
    const partition = this.#partitionOf(message)
    const { key } = message.request
    const behind = partition.parked.get(key)
    if (behind === undefined) return
    const next = behind.shift()
    // The key is drained before it rejoins the others.
    if (next === undefined) partition.parked.delete(key)
    else partition.due.push(next)
  }

  #takeFrom(partition: Partition): Message | undefined {
    let message = partition.due.shift()
    while (message === undefined) {
      const fresh = partition.fresh.shift()
      if (fresh === undefined) return undefined
      const behind = partition.parked.get(fresh.request.key)
      if (behind === undefined) message = fresh
      else behind.push(fresh)
    }
    this.#waiting--
    return message
  }

  #indexOf(message: Message): number {
    return (mix(message.request.key) >>> 0) % this.#partitions.length
  }

  #partitionOf(message: Message): Partition {
    return this.#partitions[this.#indexOf(message)] as Partition
  }
}
