/**
 * Appends: idempotent, acknowledged by all replicas in sync.
 *
 * I1 One batch per partition is in flight, and it is tried again until its fate is known: the order of a partition is the
 *    order of the calls, also under retries.
 * I2 What arrives while a partition is busy, or within one turn of the event loop, goes out as one batch.
 * I3 A call is admitted as a whole (topics known, sizes allowed) or not at all.
 * I4 A record that the broker refuses fails its own call alone, however many share its batch.
 */
import { initProducerIdV4 } from '@platformatic/kafka'
import type { Timer } from '../../contracts/clock.ts'
import { FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import type { LogRecord, Position } from '../../contracts/log.ts'
import { partitionOfKey } from '../../contracts/partitioner.ts'
import { nextTurn } from '../../node/turn.ts'
import type { Cluster } from '../cluster/kafka-cluster.ts'
import { ask } from '../cluster/kafka-connections.ts'
import { asLogError, code, nameOf, ProtocolError, refusalOf } from '../cluster/kafka-errors.ts'
import { pauseMs } from '../cluster/retry.ts'
import { Admission } from './append-admission.ts'
import { AppendCall, AppendQueue, type Batch } from './append-queue.ts'
import { planProduce } from './produce-plan.ts'
import { type ProduceAnswer, type Sending, sendBatches } from './produce-request.ts'
import { isTooLarge, produceVerdict } from './produce-verdict.ts'

const channel = 'produce'
// A leader that hangs holds its partitions up for so long; the others take over from a dead one sooner.
const answerWithinMs = 6000
const batchBytesMax = 1_000_000
// A topic that is missing may be on its way to the broker that was asked.
const goneAfterAbsences = 5

export class Producer {
  readonly #cluster: Cluster
  readonly #queues = new Map<string, AppendQueue[]>()
  /** Queues with batches of which none is in flight. */
  readonly #waiting = new Set<AppendQueue>()
  readonly #inFlight = new Map<number, number>()
  readonly #admission: Admission
  #identity: Promise<bigint> | undefined
  #scheduled = false
  #timer: Timer | undefined
  #spread = 0
  #closed = false
  #drained: (() => void) | undefined

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    this.#admission = new Admission(cluster)
  }

  async append(records: readonly LogRecord[]): Promise<readonly Position[]> {
    if (this.#closed) throw this.#closedError()
    if (records.length === 0) return []
    const admitted = this.#admission.wait(records)
    if (admitted !== undefined) await admitted
    if (this.#closed) throw this.#closedError()
    return this.#admit(records)
  }

  /** Waits for what was appended, no longer than each call may take. */
  async close(): Promise<void> {
    this.#closed = true
    if (!this.#isIdle()) await new Promise<void>((resolve) => (this.#drained = resolve))
    this.#timer?.cancel()
  }

  #admit(records: readonly LogRecord[]): Promise<readonly Position[]> {
    const { clock, settings } = this.#cluster
    const payloads: number[] = []
    const queues: AppendQueue[] = []
    for (const record of records) {
      payloads.push(this.#admission.fitting(record))
      queues.push(this.#queueOf(record))
    }
    const { appendTimeoutMs: timeoutMs } = settings
    const deadlineMs = clock.monotonic() + timeoutMs
    const atMs = clock.now()
    const call = new AppendCall(records.length)
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as LogRecord
      const queue = queues[i] as AppendQueue
      const bytesMax = Math.min(batchBytesMax, this.#admission.batchBytesMax(record.topic))
      queue.add(record, payloads[i] ?? 0, { atMs, deadlineMs, timeoutMs, bytesMax }).add(call, i)
      if (!queue.busy) this.#waiting.add(queue)
    }
    this.#dispatchSoon()
    return call.done
  }

  #queueOf({ topic, key, original, partition }: LogRecord): AppendQueue {
    const count = this.#cluster.topic(topic)?.leaders.length ?? 0
    const index = partition ?? (key === null ? this.#spread++ % count : partitionOfKey(original?.key ?? key, count))
    if (index < 0 || index >= count) {
      throw new FirebreakError('FB_TOPIC_MISMATCH', { topic, found: count, expected: index + 1 })
    }
    let queues = this.#queues.get(topic)
    if (queues === undefined) {
      queues = []
      this.#queues.set(topic, queues)
    }
    let queue = queues[index]
    if (queue === undefined) {
      queue = new AppendQueue(topic, index)
      queues[index] = queue
    }
    return queue
  }

  #dispatchSoon(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    nextTurn(() => {
      this.#scheduled = false
      this.#dispatch()
    })
  }

  #dispatchAt(atMs: number): void {
    const { clock } = this.#cluster
    this.#timer?.cancel()
    this.#timer = clock.schedule(Math.max(0, atMs - clock.monotonic()), () => this.#dispatch())
  }

  #dispatch(): void {
    if (this.#waiting.size === 0) {
      this.#maybeDrained()
      return
    }
    const nowMs = this.#cluster.clock.monotonic()
    for (const queue of this.#waiting) {
      this.#expire(queue, nowMs)
      if (queue.batches.length === 0) this.#waiting.delete(queue)
    }
    const plan = planProduce({
      nowMs,
      queues: this.#waiting,
      leaderOf: ({ topic, partition }) => this.#cluster.leader(topic, partition)?.node,
      inFlight: this.#inFlight,
    })
    let { againAtMs } = plan
    for (const queue of plan.leaderless) {
      this.#postpone(queue)
      againAtMs = Math.min(againAtMs, queue.notBeforeMs)
    }
    for (const [node, queues] of plan.requests) this.#start(node, queues)
    if (againAtMs < Number.POSITIVE_INFINITY) this.#dispatchAt(againAtMs)
    this.#maybeDrained()
  }

  #start(node: number, queues: readonly AppendQueue[]): void {
    const sending: Sending[] = []
    for (const queue of queues) {
      const batch = queue.batches[0]
      if (batch === undefined) continue
      sending.push({ queue, batch })
      this.#waiting.delete(queue)
      queue.busy = true
    }
    this.#inFlight.set(node, (this.#inFlight.get(node) ?? 0) + 1)
    this.#send(node, sending)
      .then(
        (response) => this.#settle(sending, response),
        (error: unknown) => this.#interrupted(sending, error),
      )
      .finally(() => {
        this.#inFlight.set(node, (this.#inFlight.get(node) ?? 1) - 1)
        for (const { queue } of sending) {
          queue.busy = false
          if (queue.batches.length > 0) this.#waiting.add(queue)
        }
        // The callers' next records come in this turn: they go along.
        this.#dispatchSoon()
      })
  }

  async #send(node: number, sending: readonly Sending[]): Promise<ReadonlyMap<string, ProduceAnswer>> {
    const { settings, connections } = this.#cluster
    this.#identity ??= this.#identify()
    const id = await this.#identity.catch((error) => {
      this.#identity = undefined
      throw error
    })
    const broker = this.#cluster.broker(node)
    if (broker === undefined) throw new ProtocolError(code.brokerNotAvailable)
    const connection = await connections.get(broker, channel, answerWithinMs)
    for (const { queue, batch } of sending) {
      queue.producer ??= { id, epoch: 0, sequence: 0 }
      batch.uncertain = true
    }
    return sendBatches(connection, sending, { compression: settings.compression, withinMs: answerWithinMs })
  }

  async #identify(): Promise<bigint> {
    return this.#cluster.withAny(async (connection) => {
      const answer = await ask(connection, initProducerIdV4.api, null, 60_000, -1n, -1)
      if (answer.errorCode !== 0) throw new ProtocolError(answer.errorCode)
      return answer.producerId
    })
  }

  #settle(sending: readonly Sending[], answers: ReadonlyMap<string, ProduceAnswer>): void {
    for (const { queue, batch } of sending) {
      const answer = answers.get(`${queue.topic}/${queue.partition}`)
      if (answer === undefined) this.#tryAgain(queue, batch, new ProtocolError(-1))
      else this.#judge(queue, batch, answer)
    }
  }

  /** No answer: the broker may have stored it, and by the same sequence numbers it recognises the next try. */
  #interrupted(sending: readonly Sending[], error: unknown): void {
    const refusal = refusalOf(error)
    for (const { queue, batch } of sending) {
      if (refusal === undefined && !isFirebreakError(error)) this.#tryAgain(queue, batch, error)
      else queue.giveUp(asLogError(error, this.#cluster.settings.path))
    }
  }

  #judge(queue: AppendQueue, batch: Batch, answer: ProduceAnswer): void {
    const { errorCode } = answer
    const verdict = produceVerdict(errorCode, batch.writer.count)
    if (isTooLarge(errorCode)) this.#admission.forget(queue.topic)
    switch (verdict) {
      case 'stored':
        queue.failures = 0
        queue.advance()
        batch.stored(queue.topic, queue.partition, answer.baseOffset)
        return
      case 'split':
        queue.split()
        return
      case 'too-large':
      case 'denied':
      case 'refused':
        queue.giveUp(refusedError(verdict, { queue, batch, answer, path: this.#cluster.settings.path }))
        return
      case 'retry-in-new-epoch':
        // Nothing else of this partition is in flight.
        queue.raiseEpoch()
        break
      case 'retry-as-new-producer':
        queue.producer = undefined
        this.#identity = undefined
        break
      case 'retry':
    }
    this.#tryAgain(queue, batch, new ProtocolError(errorCode))
  }

  #tryAgain(queue: AppendQueue, batch: Batch, error: unknown): void {
    if (this.#cluster.clock.monotonic() < batch.deadlineMs) this.#postpone(queue)
    else queue.giveUp(asLogError(error, this.#cluster.settings.path))
  }

  /** Asks who leads now, and waits a little longer each time. */
  #postpone(queue: AppendQueue): void {
    const { clock } = this.#cluster
    queue.notBeforeMs = clock.monotonic() + pauseMs(queue.failures++)
    this.#cluster.refresh([queue.topic]).then(
      (found) => {
        if (found.has(queue.topic)) queue.absences = 0
        else if (++queue.absences >= goneAfterAbsences && !queue.busy) this.#topicGone(queue)
      },
      () => undefined,
    )
  }

  #topicGone(queue: AppendQueue): void {
    this.#admission.forget(queue.topic)
    queue.clear(new FirebreakError('FB_TOPIC_UNKNOWN', { topic: queue.topic }))
    this.#maybeDrained()
  }

  #expire(queue: AppendQueue, nowMs: number): void {
    for (let batch = queue.batches[0]; batch !== undefined && batch.deadlineMs <= nowMs; batch = queue.batches[0]) {
      const reason = `nobody took the records of ${queue.topic}/${queue.partition} in time`
      queue.giveUp(new FirebreakError('FB_LOG_UNAVAILABLE', { path: this.#cluster.settings.path, reason }))
    }
  }

  #isIdle(): boolean {
    if (this.#waiting.size > 0) return false
    for (const count of this.#inFlight.values()) if (count > 0) return false
    return true
  }

  #maybeDrained(): void {
    if (this.#drained !== undefined && this.#isIdle()) this.#drained()
  }

  #closedError(): FirebreakError {
    return new FirebreakError('FB_CLOSED', { what: this.#cluster.settings.path })
  }
}

function refusedError(
  verdict: 'too-large' | 'denied' | 'refused',
  { queue: { topic }, batch, answer, path }: Sending & { answer: ProduceAnswer; path: string },
): FirebreakError {
  if (verdict === 'too-large') {
    const limit = 'what the topic is set to'
    return new FirebreakError('FB_RECORD_TOO_LARGE', { type: topic, bytes: batch.writer.sizeBytes, limit })
  }
  const name = nameOf(answer.errorCode)
  const reason = answer.message === '' ? name : `${name}: ${answer.message}`
  return verdict === 'denied'
    ? new FirebreakError('FB_LOG_REFUSED', { path, reason: `${reason} (topic ${topic})` })
    : new FirebreakError('FB_RECORD_REFUSED', { topic, reason })
}
