import { Reader, type Writer } from '@platformatic/kafka'
import {
  type Cursor,
  type Log,
  type LogEntry,
  type Partition,
  type Position,
  partitionId,
} from '../../src/contracts/log.ts'
import { decodeSubscription, encodeAssignment, type Subscription } from '../../src/kafka/group-codec.ts'
import type { Connections } from '../../src/kafka/kafka-connections.ts'
import { createKafkaLog } from '../../src/kafka/kafka-log.ts'
import { type KafkaOptions, settingsOf } from '../../src/kafka/kafka-options.ts'
import { never } from '../../src/testing/log-scene.ts'
import { type VirtualClock, virtualClock } from '../../src/testing/virtual-clock.ts'

export interface Join extends Subscription {
  readonly memberId: string
  readonly metadata: Buffer
}

export interface Commit {
  readonly generation: number
  readonly positions: readonly Position[]
}

/** What a script says to one request: an error code, an `Error` for a connection that ends, undefined for the usual answer. */
type Says = number | Error | undefined
type Script<Request = unknown> = (request: Request) => Says | Promise<Says>
/** The arguments of the client's `Connection.send`. */
type Sent = [
  key: number,
  version: number,
  body: () => Writer,
  parse: unknown,
  requestTags: unknown,
  responseTags: unknown,
  done: Callback,
]
type Callback = (error: Error | null, answer?: unknown) => void

const usual = (): undefined => undefined
const node = { nodeId: 1, host: 'node', port: 1 }
const names: Readonly<Record<number, string>> = {
  1: 'fetch',
  2: 'ends',
  3: 'metadata',
  8: 'commit',
  9: 'positions',
  10: 'coordinator',
  11: 'join',
  12: 'beat',
  13: 'goodbye',
  14: 'sync',
  18: 'versions',
  42: 'remove',
}

/** A broker that coordinates the group of one cursor, without a socket: it goes by the script, and answers the usual otherwise. */
export class ScriptedGroup {
  readonly clock: VirtualClock = virtualClock()
  readonly connections: Connections
  readonly log: Log
  /** Partitions per topic; what is not in it is unknown to the broker. */
  readonly topics: Map<string, number>
  /** What this member is given by the rounds to come. */
  given: readonly Partition[] = []
  /** Whether this member leads; then `others` are in the group with it. */
  leads = false
  readonly others: { memberId: string; metadata: Buffer }[] = []
  /** Every request by its name. */
  readonly asked: string[] = []
  readonly joins: Join[] = []
  readonly commits: Commit[] = []
  /** Lanes that have a connection. */
  readonly opened: Set<string> = new Set()
  onJoin: Script<Join> = usual
  onSync: Script = usual
  onBeat: Script = usual
  onCommit: Script<Commit> = usual
  onPositions: Script = usual
  onCoordinator: Script = usual
  onMetadata: Script = usual
  onRemove: Script = usual
  readonly #waiting = new Map<Callback, string>()
  #generation = 0

  constructor(topics: Readonly<Record<string, number>>, options: Partial<KafkaOptions> = {}) {
    this.topics = new Map(Object.entries(topics))
    const get = async (_to: unknown, lane: string): Promise<unknown> => {
      this.opened.add(lane)
      return {
        send: (...[key, , body, , , , done]: Sent) => this.#receive(lane, done, () => this.#answer(key, body)),
      }
    }
    const drop = async (lane: string): Promise<void> => {
      this.opened.delete(lane)
      for (const [done, of] of this.#waiting) if (of === lane) done(new Error('the connection was closed'))
    }
    const settings = settingsOf({ brokers: ['node:1'], ...options })
    this.connections = { settings, get, drop, close: async () => undefined } as unknown as Connections
    this.log = createKafkaLog(this.connections, this.clock)
  }

  /** Opens a cursor and lets it settle. */
  async open(topics: readonly string[] = [...this.topics.keys()]): Promise<Cursor> {
    const opening = this.log.open('g', topics)
    await this.clock.settle()
    return opening
  }

  /** The next heartbeat hears that a round has begun; the member has joined it, and whatever is not held up has followed. */
  async round(): Promise<void> {
    this.onBeat = () => {
      this.onBeat = usual
      return 27
    }
    await this.clock.advance(1100)
  }

  count(name: string): number {
    return this.asked.filter((one) => one === name).length
  }

  #receive(lane: string, done: Callback, answer: () => Promise<unknown>): void {
    const finish: Callback = (error, response) => {
      if (this.#waiting.delete(finish)) done(error, response)
    }
    this.#waiting.set(finish, lane)
    answer().then(
      (said) => (said instanceof Error ? finish(said) : finish(null, said)),
      (error) => finish(error),
    )
  }

  async #answer(key: number, body: () => Writer): Promise<unknown> {
    const name = names[key] ?? ''
    this.asked.push(name)
    if (name === 'fetch') return new Promise(() => undefined)
    if (name === 'versions')
      return { apiKeys: Array.from({ length: 100 }, (_, apiKey) => ({ apiKey, minVersion: 0, maxVersion: 99 })) }
    if (name === 'metadata') {
      const topics = readTopics(body())
      return this.#said(this.onMetadata, undefined, () => this.#metadata(topics))
    }
    if (name === 'coordinator')
      return this.#said(this.onCoordinator, undefined, (errorCode) => ({ coordinators: [{ ...node, errorCode }] }))
    if (name === 'join') return this.#join(readJoin(body()))
    if (name === 'sync')
      return this.#said(this.onSync, undefined, (errorCode) => ({
        errorCode,
        assignment: encodeAssignment(this.given),
      }))
    if (name === 'beat') return this.#said(this.onBeat, undefined, (errorCode) => ({ errorCode }))
    if (name === 'goodbye') return { errorCode: 0, members: [] }
    if (name === 'commit') return this.#commit(readCommit(body()))
    if (name === 'positions')
      return this.#said(this.onPositions, undefined, (errorCode) => ({ groups: [{ errorCode, topics: [] }] }))
    if (name === 'ends') return this.#ends()
    if (name === 'remove') return this.#said(this.onRemove, undefined, (errorCode) => ({ results: [{ errorCode }] }))
    throw new Error(`nobody has taught the broker request ${key}`)
  }

  async #said<Request>(script: Script<Request>, request: Request, answer: (code: number) => unknown): Promise<unknown> {
    const said = await script(request)
    return said instanceof Error ? said : answer(said ?? 0)
  }

  #join(join: Join): Promise<unknown> {
    this.joins.push(join)
    return this.#said(this.onJoin, join, (errorCode) => {
      const memberId = join.memberId || 'm1'
      const members = this.leads ? [{ memberId, metadata: join.metadata }, ...this.others] : []
      const leader = this.leads ? memberId : 'm0'
      if (errorCode === 0) this.#generation++
      return { errorCode, generationId: this.#generation, protocolName: '', leader, memberId, members }
    })
  }

  #commit(commit: Commit): Promise<unknown> {
    this.commits.push(commit)
    return this.#said(this.onCommit, commit, (errorCode) => ({ topics: [{ partitions: [{ errorCode }] }] }))
  }

  #metadata(asked: readonly string[]): unknown {
    const topics = asked.map((name) => {
      const partitions = Array.from({ length: this.topics.get(name) ?? 0 }, (_, partitionIndex) => ({
        partitionIndex,
        leaderId: 1,
        leaderEpoch: 0,
      }))
      return { name, topicId: name, errorCode: this.topics.has(name) ? 0 : 3, isInternal: false, partitions }
    })
    return { brokers: [node], topics }
  }

  #ends(): unknown {
    const topics = [...this.topics].map(([name, count]) => ({
      name,
      partitions: Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, errorCode: 0, offset: 0n })),
    }))
    return { topics }
  }
}

/** Polls once, without waiting. */
export const pollOnce = (cursor: Cursor): Promise<readonly LogEntry[]> =>
  cursor.poll({ recordsMax: 100, waitMs: 0, signal: never })

export const ids = (partitions: readonly Partition[]): string[] => partitions.map(partitionId)

function readTopics(body: Writer): readonly string[] {
  return Reader.from(body).readArray((topic) => {
    topic.readUUID()
    return topic.readString()
  })
}

function readJoin(body: Writer): Join {
  const reader = Reader.from(body)
  reader.readString()
  reader.readInt32()
  reader.readInt32()
  const memberId = reader.readString()
  reader.readNullableString()
  reader.readString()
  const [metadata = Buffer.alloc(0)] = reader.readArray((protocol) => {
    protocol.readString()
    return Buffer.from(protocol.readBytes())
  })
  return { memberId, metadata, ...decodeSubscription(metadata) }
}

function readCommit(body: Writer): Commit {
  const reader = Reader.from(body)
  reader.readString()
  const generation = reader.readInt32()
  reader.readString()
  reader.readNullableString()
  const positions: Position[] = []
  reader.readArray((topics) => {
    const topic = topics.readString()
    topics.readArray((partitions) => {
      const partition = partitions.readInt32()
      positions.push({ topic, partition, offset: Number(partitions.readInt64()) })
      partitions.readInt32()
      partitions.readNullableString()
    })
  })
  return { generation, positions }
}
