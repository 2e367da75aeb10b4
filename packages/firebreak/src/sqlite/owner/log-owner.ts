/**
 * The engine of the process that owns the log; it runs on a thread of its own, whatever that process is busy with.
 *
 * I1 An answer leaves after the commit that holds what it answers for.
 * I2 A connection has one append at a time in a commit, so that none starves another.
 * I3 What comes in during a commit goes into the next one: the slower the disk, the larger the groups.
 * I4 When a connection ends, its members leave; the same client may come back and claim what it held.
 */
import type { Clock, Timer } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { refuseStranger } from '../../contracts/group-ledger.ts'
import { partitionId, type StartFrom, type TopicSpec } from '../../contracts/log.ts'
import { LogAges } from '../file/log-ages.ts'
import { asLogError, toWireError } from '../file/log-errors.ts'
import { isOversized, sweepEveryMs, trimChunk } from '../file/log-retention.ts'
import type { GroupPosition, LogStore, StoredPartition } from '../file/log-store.ts'
import {
  frameId,
  frameType,
  headBytes,
  isAppendSound,
  jsonFrame,
  offsetsFrame,
  protocolVersion,
  readJson,
  wire,
} from '../file/log-wire.ts'
import { createGroups, type GroupMember, type Groups } from './log-groups.ts'

/** One client. `send` must not wait: a client that does not read is cut off by the transport. */
export interface Connection {
  readonly local: boolean
  send(frame: Buffer): void
  /** Whether wake-ups would only pile up. */
  readonly congested: boolean
}

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

interface Client extends Connection {
  readonly members: Map<string, GroupMember>
}

interface Waiting {
  readonly client: Client
  readonly frame: Buffer
}

interface WaitingCommit extends Waiting {
  readonly request: CommitRequest
}

interface CommitRequest {
  member: string
  positions: [number, number][]
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
const commitBytesMax = 8 * 1024 * 1024

export function createOwner(store: LogStore, options: OwnerOptions): LogOwner {
  return new Owner(store, options)
}

class Owner implements LogOwner {
  readonly #store: LogStore
  readonly #options: OwnerOptions
  readonly #clients = new Set<Client>()
  readonly #groups: Groups
  readonly #settling: Timer | undefined
  #appends: Waiting[] = []
  #commits: WaitingCommit[] = []
  readonly #ages: LogAges
  // Partitions to trim, and below which offset all is past its age.
  readonly #due = new Map<StoredPartition, number>()
  #scheduled = false
  #closed = false

  readonly #fail = (client: Client, frame: Buffer, error: unknown): void => {
    const failure = asLogError(error, this.#options.path)
    if (frameId(frame) !== 0) client.send(jsonFrame(wire.failed, frameId(frame), toWireError(failure)))
  }
  readonly #nudge = (grown: ReadonlyMap<number, number>): void => {
    for (const client of this.#clients) {
      if (client.members.size === 0 || client.congested) continue
      const mine = new Map<number, number>()
      for (const member of client.members.values()) {
        for (const partition of member.holds) {
          const next = grown.get(partition)
          if (next !== undefined) mine.set(partition, next)
        }
      }
      if (mine.size > 0) client.send(offsetsFrame(wire.nudge, 0, mine))
    }
  }
  readonly #flush = (): void => {
    this.#scheduled = false
    if (this.#closed || this.#appends.length + this.#commits.length === 0) return
    const [now, later] = splitByBytes(this.#appends)
    const positionWork = this.#commits.map((waiting) => ({
      ...waiting,
      ...checkCommit(waiting, this.#groups, this.#store),
    }))
    const positions = positionWork.flatMap((work) => work.positions)
    this.#appends = later
    this.#commits = []
    try {
      const firsts = this.#store.write(
        now.map(({ frame }) => frame),
        positions,
      )
      const grown = new Map<number, number>()
      for (const first of firsts) {
        for (const partition of first.keys()) grown.set(partition, this.#store.partitions.get(partition)?.next ?? 0)
      }
      this.#nudge(grown)
      for (const partition of oversized(grown.keys(), this.#store)) this.#sweep(partition, 0)
      for (const [i, { client, frame }] of now.entries()) {
        client.send(offsetsFrame(wire.appended, frameId(frame), firsts[i] ?? new Map()))
      }
      for (const { group, partition, next } of positions) this.#groups.committed(group).set(partition, next)
      for (const { client, frame, fenced } of positionWork) {
        if (fenced === undefined) client.send(jsonFrame(wire.done, frameId(frame), null))
        else this.#fail(client, frame, new FirebreakError('FB_FENCED', { partition: fenced }))
      }
      this.#options.onCommit(now.reduce((bytes, { frame }) => bytes + frame.length, 0))
    } catch (error) {
      for (const { client, frame } of [...now, ...positionWork]) this.#fail(client, frame, error)
      this.#options.onFailure()
    }
    if (this.#appends.length > 0) this.#schedule()
  }
  // A lone client is served at once. With several, what has arrived in this turn of the loop shares one commit.
  readonly #schedule = (): void => {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#flush)
  }
  readonly #accept = (client: Client, frame: Buffer): boolean => {
    switch (frameType(frame)) {
      case wire.append:
        if (!isAppendSound(frame, (partition) => this.#store.partitions.has(partition))) return false
        this.#appends.push({ client, frame })
        if (client.local && this.#clients.size === 1 && !this.#scheduled) this.#flush()
        else this.#schedule()
        return true
      case wire.commit:
        this.#commits.push({ client, frame, request: readJson(frame) as CommitRequest })
        this.#schedule()
        return true
      default:
        return this.#acceptRare(client, frame)
    }
  }
  readonly #acceptRare = (client: Client, frame: Buffer): boolean => {
    const request = readJson(frame) as never
    try {
      this.#answer(client, frame, request)
    } catch (error) {
      this.#fail(client, frame, error)
    }
    return true
  }
  readonly #answer = (client: Client, frame: Buffer, request: never): void => {
    const type = frameType(frame)
    if (type === wire.hello) greet((request as { version: number }).version, this.#options.path)
    if (type === wire.ensureTopics && this.#store.ensureTopics(request as TopicSpec[]))
      this.#clients.forEach(this.#hint)
    if (type === wire.join) {
      const { group, ledger = null } = request as JoinRequest
      // Who comes back after a change of owner was in the group before; the runtime finds out whom it meets.
      if (frameId(frame) !== 0) refuseStranger(group, this.#groups.members(group), ledger)
      this.#join(client, request)
    }
    if (type === wire.sweep) this.#age(request)
    if (type === wire.bye) this.#store.forgetProducer(request)
    if (type === wire.release || type === wire.leave) {
      const { member, generation } = request as { member: string; generation: number }
      const found = client.members.get(member)
      if (found !== undefined && type === wire.release) this.#groups.release(found, generation)
      if (found !== undefined && type === wire.leave) {
        client.members.delete(member)
        this.#groups.leave(found)
      }
    }
    const answer = type === wire.members ? this.#groups.members(request) : null
    if (frameId(frame) !== 0) client.send(jsonFrame(wire.done, frameId(frame), answer))
  }
  readonly #join = (client: Client, request: JoinRequest): void => {
    if (client.members.has(request.member)) return
    for (const topic of request.topics) {
      if (this.#store.topicPartitions(topic).length === 0) throw new FirebreakError('FB_TOPIC_UNKNOWN', { topic })
    }
    if (request.from !== 'earliest') this.#pin(request, request.from)
    const member: GroupMember = {
      group: request.group,
      name: request.member,
      ledger: request.ledger ?? null,
      topics: new Set(request.topics),
      holds: new Set(),
      dropped: new Map(),
      told: 'nothing',
      tell: (assignment) => client.send(jsonFrame(wire.assign, 0, assignment)),
    }
    client.members.set(request.member, member)
    this.#groups.join(member, { generation: request.generation, partitions: request.holds })
  }
  // Decided once, when the group first opens: a member that starts reading later still gets what came since.
  readonly #pin = ({ group, topics }: JoinRequest, from: 'latest' | { readonly atMs: number }): void => {
    const committed = this.#groups.committed(group)
    const missing = topics.flatMap(this.#store.topicPartitions).filter((partition) => !committed.has(partition))
    const pins = missing.map((partition): GroupPosition => {
      const end = this.#store.partitions.get(partition)?.next ?? 0
      return { group, partition, next: from === 'latest' ? end : this.#store.firstAt(partition, from.atMs) }
    })
    if (pins.length > 0) this.#store.write([], pins)
    for (const { partition, next } of pins) committed.set(partition, next)
  }
  readonly #age = (nowMs: number): void => {
    this.#ages.tick(nowMs)
    for (const partition of this.#store.partitions.values())
      this.#sweep(partition, this.#ages.olderThan(partition.id, partition.retentionMs))
  }
  readonly #sweep = (partition: StoredPartition, agedBelow: number): void => {
    if (this.#due.size === 0) setImmediate(this.#trim)
    this.#due.set(partition, Math.max(agedBelow, this.#due.get(partition) ?? 0))
  }
  readonly #trim = (): void => {
    const [next] = this.#due
    if (this.#closed || next === undefined) return
    try {
      if (!trimChunk(this.#store, ...next)) this.#due.delete(next[0])
    } catch {
      // A full disk, say: a later sweep tries again.
      this.#due.delete(next[0])
    }
    if (this.#due.size > 0) setImmediate(this.#trim)
  }
  readonly #hint = (client: Client): void => {
    if (client.local) client.send(jsonFrame(wire.sweep, 0, sweepEveryMs(this.#store)))
  }

  constructor(store: LogStore, options: OwnerOptions) {
    this.#store = store
    this.#options = options
    this.#ages = new LogAges(store)
    this.#groups = createGroups(store, options.settled)
    if (!options.settled) this.#settling = options.clock.schedule(settlingMs, () => this.#groups.settle())
  }

  connect(connection: Connection): Attached {
    const client: Client = Object.assign(Object.create(connection), { members: new Map() })
    this.#clients.add(client)
    this.#hint(client)
    return {
      receive: (frame) => !this.#closed && frame.length >= headBytes && this.#accept(client, frame),
      disconnected: () => {
        if (!this.#clients.delete(client) || this.#closed) return
        for (const member of client.members.values()) this.#groups.leave(member)
      },
    }
  }
  close(): void {
    while (this.#appends.length + this.#commits.length > 0) this.#flush()
    this.#closed = true
    this.#settling?.cancel()
  }
}

function greet(version: number, path: string): void {
  if (version !== protocolVersion) {
    throw new FirebreakError('FB_LOG_VERSION', { path, found: `protocol ${version}`, expected: protocolVersion })
  }
}

function splitByBytes(waiting: Waiting[]): [Waiting[], Waiting[]] {
  let bytes = 0
  const end = waiting.findIndex(({ frame }, i) => {
    bytes += frame.length
    return i > 0 && bytes > commitBytesMax
  })
  return end === -1 ? [waiting, []] : [waiting.slice(0, end), waiting.slice(end)]
}

// Positions of partitions still held are stored even when another one in the same request is fenced.
function checkCommit(
  { client, request }: WaitingCommit,
  groups: Groups,
  store: LogStore,
): { positions: GroupPosition[]; fenced: string | undefined } {
  const member = client.members.get(request.member)
  const positions: GroupPosition[] = []
  let fenced: string | undefined
  for (const [partition, next] of request.positions) {
    if (member !== undefined && groups.holds(member, partition) && Number.isSafeInteger(next))
      positions.push({ group: member.group, partition, next })
    else fenced = partitionId(store.partitions.get(partition) ?? { topic: '?', partition })
  }
  return { positions, fenced }
}

function* oversized(partitions: Iterable<number>, store: LogStore): Iterable<StoredPartition> {
  for (const id of partitions) {
    const partition = store.partitions.get(id)
    if (partition !== undefined && isOversized(partition)) yield partition
  }
}
