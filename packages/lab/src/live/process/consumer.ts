/**
 * The consumers of a queue edge as a process of their own.
 *
 * I1 A message is settled when the runtime has committed what became of it, once.
 * I2 A handler calls the service only while it has a turn, and gives the turn back before it is tried again.
 */

import type { Agent } from 'node:http'
import { join } from 'node:path'
import { createRuntime, type Fact, handle, hours, type Runtime, service, sqliteDatabase } from 'firebreak'
import { mix } from '../../math/random-streams.ts'
import type { QueueEdge } from '../../model/scenario.ts'
import type { ChannelFaults } from '../../sim/parts.ts'
import type { Outcome } from '../../sim/visit.ts'
import { AttemptStats } from './attempt-stats.ts'
import { setRealFaults } from './faults.ts'
import { ask, createAgent, warmUp } from './http.ts'
import { type FaultyLog, openFaultyLog } from './log.ts'
import { consumersOf, messageEvent, type Payload, topicOf } from './message.ts'
import type { ProcessRole } from './process-role.ts'
import { emptyReport, type Ports, type Report, type SettledRecord, type Setup, type Status } from './protocol.ts'
import { SlotQueue } from './slot-queue.ts'
import type { LiveTime } from './time.ts'

// Handlers of a stream wait for the consumer that owns their partition.
const streamHandlers = 1000
// A run may last an hour. Nothing of a message ends by its age here, and no wait needs to be longer.
const longerThanAnyRunMs = hours(24)

/** The consumers of a queue edge: firebreak's own runtime, whose handler calls the service at the other end. */
export async function openConsumer(setup: Setup, edge: QueueEdge): Promise<ProcessRole> {
  const faultyLog = await openFaultyLog(setup.place)
  const consumer = new Consumer(setup, edge, faultyLog)
  await consumer.open()
  return consumer
}

/** What there is once the run has begun. */
interface Life {
  readonly time: LiveTime
  readonly stats: AttemptStats
}

class Consumer implements ProcessRole {
  readonly port = null
  readonly #setup: Setup
  readonly #edge: QueueEdge
  readonly #faultyLog: FaultyLog
  readonly #agent: Agent = createAgent()
  readonly #turns: SlotQueue
  readonly #settled: SettledRecord[] = []
  /** By the id of their event, while they are not settled. */
  readonly #messages = new Map<string, Payload>()
  readonly #runtime: Runtime
  readonly #database: ReturnType<typeof sqliteDatabase>
  #claimed = 0
  #onClaimed: (() => void) | undefined
  #toPort = 0
  #live: Life | undefined
  #isCut = false

  constructor(setup: Setup, edge: QueueEdge, faultyLog: FaultyLog) {
    const { prefix, folder, arm } = setup
    this.#setup = setup
    this.#edge = edge
    this.#faultyLog = faultyLog
    const number = arm.edges.indexOf(edge)
    const isStream = edge.kind === 'stream'
    this.#turns = new SlotQueue(isStream ? { owners: edge.consumers, each: 1 } : { owners: 1, each: edge.consumers })
    const event = messageEvent(edge, topicOf(prefix, number))
    const handler = handle(event, (payload, { envelope }) => this.#handle(payload, envelope.id), this.#handlerOptions())
    const handlersMax = isStream ? Math.max(streamHandlers, edge.consumers) : edge.consumers
    const definition = service({ name: consumersOf(prefix, number), handlers: [handler], handlersMax })
    this.#database = sqliteDatabase({ path: join(folder, `consumers-${number}.db`) })
    const observe = (fact: Fact): void => this.#observe(fact)
    this.#runtime = createRuntime({ service: definition, log: faultyLog.log, database: this.#database, observe })
  }

  /** Resolves when it has all partitions. */
  async open(): Promise<void> {
    const { partitions } = messageEvent(this.#edge, 'topic')
    const claimed = new Promise<void>((resolve) => {
      this.#onClaimed = () => {
        if (++this.#claimed === partitions) resolve()
      }
    })
    await this.#runtime.start()
    await Promise.race([claimed, this.#runtime.done])
  }

  async connect(ports: Ports): Promise<void> {
    this.#toPort = ports[this.#edge.to] as number
    await warmUp(this.#agent, this.#toPort)
  }

  start(time: LiveTime): void {
    const { arm, scenario } = this.#setup
    this.#live = { time, stats: new AttemptStats(time, scenario.windowMs) }
    setRealFaults(arm.faults, { channels: new Map([[this.#edge.id, this]]) }, time.calendar)
    time.start()
  }

  setFaults({ isCut, isHeld, isBrokerDown }: ChannelFaults): void {
    this.#isCut = isCut
    this.#turns.setShut(isHeld)
    this.#faultyLog.setAway(this.#edge.id, isBrokerDown)
  }

  status(): Status {
    return { open: 0, published: 0, settled: this.#settled.length }
  }

  report(): Report {
    const { stats } = this.#live ?? {}
    const counted = stats === undefined ? {} : { attempts: stats.perWindow, calls: stats.calls }
    return { ...emptyReport, ...counted, settled: this.#settled }
  }

  async stop(): Promise<void> {
    this.#live?.time.stop()
    this.#agent.destroy()
    await this.#runtime.stop({ drainMs: 0 })
    await this.#faultyLog.log.close()
    await this.#database.close()
  }

  #handlerOptions(): Parameters<typeof handle>[2] {
    const { attemptsMax, backoff } = this.#edge
    const { dilation } = this.#setup
    const scaled = (ms: number): number => Math.min(ms * dilation, longerThanAnyRunMs)
    const retry = { ...backoff, baseMs: scaled(backoff.baseMs), capMs: scaled(backoff.capMs), attemptsMax }
    // The time of an attempt counts from the moment in which a consumer takes it, which the handler sees to.
    return { retry: { ...retry, ageMaxMs: longerThanAnyRunMs }, deadlineMs: longerThanAnyRunMs }
  }

  async #handle(payload: Payload, eventId: string): Promise<void> {
    this.#messages.set(eventId, payload)
    const owner = this.#ownerOf(payload)
    await this.#turns.take(owner)
    try {
      const outcome = await this.#deliver(payload)
      if (outcome !== undefined) throw new Error(outcome)
    } finally {
      this.#turns.giveBack(owner)
    }
  }

  #ownerOf({ keyNumber }: Payload): number {
    const { kind, partitions, consumers } = this.#edge
    return kind === 'stream' ? ((mix(keyNumber) >>> 0) % partitions) % consumers : 0
  }

  #deliver({ n, salt, keyNumber, critical }: Payload): Promise<Outcome> {
    const { time, stats } = this.#live as Life
    stats.attempted()
    return new Promise((resolve) => {
      const { attemptTimeoutMs, to } = this.#edge
      let giveUp: (() => void) | undefined
      const timeOut = (): void => {
        if (!this.#isCut) giveUp?.()
        resolve('timeout')
      }
      const timer = time.clock.schedule(attemptTimeoutMs, timeOut)
      if (this.#isCut) return
      const identity = { n, salt, key: keyNumber, critical }
      const question = { port: this.#toPort, identity, remainingMs: attemptTimeoutMs }
      giveUp = ask(this.#agent, question, stats.callsTo(to), (outcome) => {
        if (this.#isCut) return
        timer.cancel()
        resolve(outcome)
      })
    })
  }

  #observe(fact: Fact): void {
    if (fact.kind === 'claimed') this.#onClaimed?.()
    else if (fact.kind === 'done') this.#settle(fact.eventId, undefined)
    else if (fact.kind === 'dead-lettered')
      this.#settle(fact.eventId, this.#edge.deadLetters ? 'dead-letter' : 'dropped')
  }

  #settle(eventId: string | null, outcome: Outcome): void {
    const message = this.#messages.get(eventId ?? '')
    if (message === undefined || this.#live === undefined) return
    this.#messages.delete(eventId ?? '')
    const atUs = Math.round(this.#live.time.clock.monotonic() * 1000)
    this.#settled.push({ edge: this.#edge.id, number: message.number, atUs, outcome })
  }
}
