import type { Cursor, Log, LogEntry, Partition } from '../../../src/contracts/log.ts'
import { partitionId } from '../../../src/contracts/log.ts'
import type { Connections } from '../../../src/kafka/cluster/kafka-connections.ts'
import type { KafkaOptions } from '../../../src/kafka/cluster/kafka-options.ts'
import { encodeAssignment } from '../../../src/kafka/group/group-codec.ts'
import { createKafkaLog } from '../../../src/kafka/kafka-log.ts'
import { never } from '../../../src/testing/conformance/log-scene.ts'
import { type VirtualClock, virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'
import {
  type Commit,
  coordinatorAnswer,
  endsAnswer,
  type Join,
  metadataAnswer,
  type Request,
  readCommit,
  readJoin,
  readTopics,
  scriptedConnections,
  versionsAnswer,
} from './scripted-wire.ts'

/** What a script says to one request: an error code, an `Error` for a connection that ends, undefined for the usual answer. */
type Says = number | Error | undefined
type Script<Request = unknown> = (request: Request) => Says | Promise<Says>

const usual = (): undefined => undefined

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
  /** Whether a join changes the generation: it does not where a static member joins anew in a group that is stable. */
  begins = true
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
  #generation = 0
  #named = 0

  constructor(topics: Readonly<Record<string, number>>, options: Partial<KafkaOptions> = {}) {
    this.topics = new Map(Object.entries(topics))
    this.connections = scriptedConnections((request) => this.#answer(request), options, this.opened)
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

  async #answer({ name, body }: Request): Promise<unknown> {
    this.asked.push(name)
    if (name === 'fetch') return new Promise(() => undefined)
    if (name === 'versions') return versionsAnswer()
    if (name === 'metadata') {
      const topics = readTopics(body)
      return this.#said(this.onMetadata, undefined, () => metadataAnswer(this.topics, topics))
    }
    if (name === 'coordinator') return this.#said(this.onCoordinator, undefined, coordinatorAnswer)
    if (name === 'join') return this.#join(readJoin(body))
    if (name === 'sync')
      return this.#said(this.onSync, undefined, (errorCode) => ({
        errorCode,
        assignment: encodeAssignment(this.given),
      }))
    if (name === 'beat') return this.#said(this.onBeat, undefined, (errorCode) => ({ errorCode }))
    if (name === 'leave') return { errorCode: 0, members: [] }
    if (name === 'commit') return this.#commit(readCommit(body))
    if (name === 'positions')
      return this.#said(this.onPositions, undefined, (errorCode) => ({ groups: [{ errorCode, topics: [] }] }))
    if (name === 'ends') return endsAnswer(this.topics)
    if (name === 'remove') return this.#said(this.onRemove, undefined, (errorCode) => ({ results: [{ errorCode }] }))
    throw new Error(`nobody has taught the broker ${name}`)
  }

  async #said<Request>(script: Script<Request>, request: Request, answer: (code: number) => unknown): Promise<unknown> {
    const said = await script(request)
    return said instanceof Error ? said : answer(said ?? 0)
  }

  #join(join: Join): Promise<unknown> {
    this.joins.push(join)
    return this.#said(this.onJoin, join, (errorCode) => {
      const memberId = join.memberId || `m${++this.#named}`
      const members = this.leads ? [{ memberId, metadata: join.metadata }, ...this.others] : []
      const leader = this.leads ? memberId : 'm0'
      if (errorCode === 0 && this.begins) this.#generation++
      return { errorCode, generationId: this.#generation, protocolName: '', leader, memberId, members }
    })
  }

  #commit(commit: Commit): Promise<unknown> {
    this.commits.push(commit)
    return this.#said(this.onCommit, commit, (errorCode) => ({ topics: [{ partitions: [{ errorCode }] }] }))
  }
}

/** Polls once, without waiting. */
export const pollOnce = (cursor: Cursor): Promise<readonly LogEntry[]> =>
  cursor.poll({ recordsMax: 100, waitMs: 0, signal: never })

export const ids = (partitions: readonly Partition[]): string[] => partitions.map(partitionId)
