/**
 * The engine of the process that owns the log: who is connected, and which part answers which frame. It runs on a thread of its
 * own, whatever that process is busy with.
 *
 * I1 An answer leaves after the commit that holds what it answers for.
 * I2 When a connection ends, its members leave; the same client may come back and claim what it held.
 */
import type { Clock, Timer } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { refuseStranger } from '../../contracts/group-ledger.ts'
import type { GroupMember as MemberInfo, StartFrom, TopicSpec } from '../../contracts/log.ts'
import { LogAges } from '../file/log-ages.ts'
import { sweepEveryMs } from '../file/log-retention.ts'
import type { GroupPosition, LogStore } from '../file/log-store.ts'
import {
  frameId,
  frameType,
  headBytes,
  isAppendSound,
  jsonFrame,
  protocolVersion,
  readJson,
  wire,
} from '../file/log-wire.ts'
import { LogCommits } from './log-commits.ts'
import { createGroups, type GroupMember, type Groups } from './log-groups.ts'
import { LogTrim } from './log-trim.ts'
import { type Connection, OwnerClient } from './owner-client.ts'

export interface LogOwner {
  connect(connection: Connection): Attached
  close(): void
}

export interface Attached {
  /** `false`: the client does not speak our language, cut it off. */
  receive(frame: Buffer): boolean
  disconnected(): void
}

export interface OwnerOptions {
  readonly path: string
  readonly clock: Clock
  /** No member of an earlier owner can come back with claims. */
  readonly settled: boolean
  /** Called after each commit. */
  onCommit(bytes: number): void
  onFailure(): void
}

interface JoinRequest {
  group: string
  member: string
  topics: string[]
  from: StartFrom
  /** Older clients have none. */
  ledger?: string | null
  generation: number
  holds: number[]
}

const settlingMs = 300

export function createOwner(store: LogStore, options: OwnerOptions): LogOwner {
  return new Owner(store, options)
}

class Owner implements LogOwner {
  readonly #store: LogStore
  readonly #path: string
  readonly #clients = new Set<OwnerClient>()
  readonly #groups: Groups
  readonly #commits: LogCommits
  readonly #ages: LogAges
  readonly #trim: LogTrim
  readonly #settling: Timer | undefined
  #closed = false

  constructor(store: LogStore, options: OwnerOptions) {
    const { path, onCommit, onFailure } = options
    this.#store = store
    this.#path = path
    this.#ages = new LogAges(store)
    this.#trim = new LogTrim(store)
    this.#groups = createGroups(store, options.settled)
    const [clients, groups, trim] = [this.#clients, this.#groups, this.#trim]
    this.#commits = new LogCommits({ store, path, clients, groups, trim, onCommit, onFailure })
    if (!options.settled) this.#settling = options.clock.schedule(settlingMs, () => this.#groups.settle())
  }

  connect(connection: Connection): Attached {
    const client = new OwnerClient(connection)
    this.#clients.add(client)
    this.#askForSweeps(client)
    return {
      receive: (frame) => !this.#closed && frame.length >= headBytes && this.#accept(client, frame),
      disconnected: () => {
        if (!this.#clients.delete(client) || this.#closed) return
        for (const member of client.members.values()) this.#groups.leave(member)
      },
    }
  }

  close(): void {
    this.#commits.close()
    this.#trim.close()
    this.#closed = true
    this.#settling?.cancel()
  }

  #accept(client: OwnerClient, frame: Buffer): boolean {
    switch (frameType(frame)) {
      case wire.append:
        if (!isAppendSound(frame, (partition) => this.#store.partitions.has(partition))) return false
        this.#commits.append(client, frame)
        return true
      case wire.commit:
        this.#commits.commit(client, frame)
        return true
      default:
        this.#acceptRare(client, frame)
        return true
    }
  }

  #acceptRare(client: OwnerClient, frame: Buffer): void {
    const request = readJson(frame) as never
    try {
      const answer = this.#answer(client, frame, request)
      if (frameId(frame) !== 0) client.connection.send(jsonFrame(wire.done, frameId(frame), answer))
    } catch (error) {
      client.refuse(frame, error, this.#path)
    }
  }

  #answer(client: OwnerClient, frame: Buffer, request: never): readonly MemberInfo[] | null {
    switch (frameType(frame)) {
      case wire.hello:
        greet((request as { version: number }).version, this.#path)
        break
      case wire.ensureTopics:
        this.#ensureTopics(request)
        break
      case wire.join:
        this.#join(client, frame, request)
        break
      case wire.release:
        this.#release(client, request)
        break
      case wire.leave:
        this.#leave(client, request)
        break
      case wire.sweep:
        this.#age(request)
        break
      case wire.bye:
        this.#store.forgetProducer(request)
        break
      case wire.members:
        return this.#groups.members(request)
    }
    return null
  }

  #ensureTopics(topics: readonly TopicSpec[]): void {
    if (!this.#store.ensureTopics(topics)) return
    for (const client of this.#clients) this.#askForSweeps(client)
  }

  #join(client: OwnerClient, frame: Buffer, request: JoinRequest): void {
    const { group, ledger = null } = request
    // Who comes back after a change of owner was in the group before; the runtime finds out whom it meets.
    if (frameId(frame) !== 0) refuseStranger(group, this.#groups.members(group), ledger)
    if (client.members.has(request.member)) return
    for (const topic of request.topics) {
      if (this.#store.topicPartitions(topic).length === 0) throw new FirebreakError('FB_TOPIC_UNKNOWN', { topic })
    }
    if (request.from !== 'earliest') this.#pin(request, request.from)
    const member: GroupMember = {
      group,
      name: request.member,
      ledger,
      topics: new Set(request.topics),
      holds: new Set(),
      dropped: new Map(),
      lastAssigned: 'nothing',
      assign: (assignment) => client.connection.send(jsonFrame(wire.assign, 0, assignment)),
    }
    client.members.set(request.member, member)
    this.#groups.join(member, { generation: request.generation, partitions: request.holds })
  }

  // Decided once, when the group first opens: a member that starts reading later still gets what came since.
  #pin({ group, topics }: JoinRequest, from: 'latest' | { readonly atMs: number }): void {
    const committed = this.#groups.committed(group)
    const partitions = topics.flatMap((topic) => this.#store.topicPartitions(topic))
    const missing = partitions.filter((partition) => !committed.has(partition))
    const pins = missing.map((partition): GroupPosition => {
      const end = this.#store.partitions.get(partition)?.next ?? 0
      return { group, partition, next: from === 'latest' ? end : this.#store.firstAt(partition, from.atMs) }
    })
    if (pins.length > 0) this.#store.write([], pins)
    for (const { partition, next } of pins) committed.set(partition, next)
  }

  #release({ members }: OwnerClient, { member, generation }: { member: string; generation: number }): void {
    const found = members.get(member)
    if (found !== undefined) this.#groups.release(found, generation)
  }

  #leave({ members }: OwnerClient, { member }: { member: string }): void {
    const found = members.get(member)
    if (found === undefined) return
    members.delete(member)
    this.#groups.leave(found)
  }

  #age(nowMs: number): void {
    this.#ages.tick(nowMs)
    for (const partition of this.#store.partitions.values())
      this.#trim.add(partition, this.#ages.olderThan(partition.id, partition.retentionMs))
  }

  // The thread has no clock for ages: its own process sends the time, this often.
  #askForSweeps({ connection }: OwnerClient): void {
    if (connection.local) connection.send(jsonFrame(wire.sweep, 0, sweepEveryMs(this.#store)))
  }
}

function greet(version: number, path: string): void {
  if (version !== protocolVersion) {
    throw new FirebreakError('FB_LOG_VERSION', { path, found: `protocol ${version}`, expected: protocolVersion })
  }
}
