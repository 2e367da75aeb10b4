import { sleep } from '../../../src/contracts/clock.ts'
import type { Entropy } from '../../../src/contracts/entropy.ts'
import { type Log, partitionId } from '../../../src/contracts/log.ts'
import type { KafkaOptions } from '../../../src/kafka/cluster/kafka-options.ts'
import { byTopic } from '../../../src/kafka/cluster/kafka-positions.ts'
import { createKafkaLog } from '../../../src/kafka/kafka-log.ts'
import { type VirtualClock, virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'
import {
  type Commit,
  coordinatorAnswer,
  endsAnswer,
  type Join,
  metadataAnswer,
  type Request,
  readBeat,
  readCommit,
  readJoin,
  readLeave,
  readSync,
  readTopics,
  type Sync,
  scriptedConnections,
  versionsAnswer,
} from './scripted-wire.ts'

const illegalGeneration = 22
const unknownMember = 25
const rebalance = 27
const memberIdRequired = 79
const answerWithinMs = 400

interface Member {
  metadata: Buffer
  joined: PromiseWithResolvers<unknown> | undefined
  synced: PromiseWithResolvers<unknown> | undefined
}

/**
 * A coordinator of one group with many members, by the rules of Kafka's classic protocol. Answers are late by chance, and some
 * of those to SyncGroup and OffsetCommit are lost. Sessions do not end.
 */
export class SimulatedGroup {
  readonly clock: VirtualClock = virtualClock()
  readonly committed: Map<string, number> = new Map()
  /** What was stored below what had been stored before. */
  readonly wentBack: string[] = []
  readonly #topics: ReadonlyMap<string, number>
  readonly #entropy: Entropy
  readonly #members = new Map<string, Member>()
  #state: 'preparing' | 'completing' | 'stable' = 'stable'
  #generation = 0
  #assignments: ReadonlyMap<string, Buffer> = new Map()
  #named = 0
  /** Named, and not in the group yet. */
  readonly #expected = new Set<string>()

  constructor(topics: Readonly<Record<string, number>>, entropy: Entropy) {
    this.#topics = new Map(Object.entries(topics))
    this.#entropy = entropy
  }

  /** A log of its own, as of another process. */
  log(options: Partial<KafkaOptions>): Log {
    const answer = async (request: Request): Promise<unknown> => {
      const said = await this.#answer(request)
      await sleep(this.clock, Math.floor(this.#entropy.random() ** 3 * answerWithinMs))
      const mayBeLost = request.name === 'sync' || request.name === 'commit'
      return mayBeLost && this.#entropy.random() < 0.1 ? new Error('the connection was closed') : said
    }
    return createKafkaLog(scriptedConnections(answer, options), this.clock)
  }

  async #answer({ name, body }: Request): Promise<unknown> {
    if (name === 'fetch') return new Promise(() => undefined)
    if (name === 'versions') return versionsAnswer()
    if (name === 'metadata') return metadataAnswer(this.#topics, readTopics(body))
    if (name === 'coordinator') return coordinatorAnswer(0)
    if (name === 'ends') return endsAnswer(this.#topics)
    if (name === 'join') return this.#join(readJoin(body))
    if (name === 'sync') return this.#sync(readSync(body))
    if (name === 'beat') return { errorCode: this.#memberError(readBeat(body)) || this.#errorWhile('preparing') }
    if (name === 'leave') return this.#leave(readLeave(body))
    if (name === 'commit') return this.#commit(readCommit(body))
    if (name === 'positions') return { groups: [{ errorCode: 0, topics: this.#positions() }] }
    throw new Error(`nobody has taught the coordinator ${name}`)
  }

  #memberError({ memberId, generation }: { memberId: string; generation: number }): number {
    if (!this.#members.has(memberId)) return unknownMember
    return generation === this.#generation ? 0 : illegalGeneration
  }

  #errorWhile(state: 'preparing' | 'completing'): number {
    return this.#state === state ? rebalance : 0
  }

  #join({ memberId, metadata }: Join): Promise<unknown> | unknown {
    const refused = { generationId: -1, leader: '', members: [] }
    if (memberId === '') {
      const named = `m${this.#named++}`
      this.#expected.add(named)
      return { ...refused, errorCode: memberIdRequired, memberId: named }
    }
    if (!this.#members.has(memberId) && !this.#expected.delete(memberId))
      return { ...refused, errorCode: unknownMember, memberId }
    const joined = Promise.withResolvers<unknown>()
    this.#members.set(memberId, { metadata, joined, synced: undefined })
    this.#prepare()
    return joined.promise
  }

  #leave(memberIds: readonly string[]): unknown {
    for (const memberId of memberIds) {
      this.#expected.delete(memberId)
      if (this.#members.delete(memberId)) this.#prepare()
    }
    return { errorCode: 0, members: [] }
  }

  /** A round begins, or goes on; it is complete when everybody has joined. */
  #prepare(): void {
    this.#state = 'preparing'
    for (const { synced } of this.#members.values()) synced?.resolve({ errorCode: rebalance })
    const all = [...this.#members]
    if (all.some(([, { joined }]) => joined === undefined)) return
    this.#state = 'completing'
    this.#generation++
    const leader = all[0]?.[0] ?? ''
    const members = all.map(([memberId, { metadata }]) => ({ memberId, metadata }))
    for (const [memberId, member] of all) {
      const isLeader = memberId === leader
      const answer = { errorCode: 0, generationId: this.#generation, protocolName: '', leader, memberId }
      member.joined?.resolve({ ...answer, members: isLeader ? members : [] })
      member.joined = undefined
      member.synced = undefined
    }
  }

  #sync(sync: Sync): Promise<unknown> | unknown {
    const errorCode = this.#memberError(sync) || this.#errorWhile('preparing')
    const member = this.#members.get(sync.memberId)
    if (errorCode !== 0 || member === undefined) return { errorCode, assignment: Buffer.alloc(0) }
    member.synced = Promise.withResolvers<unknown>()
    if (sync.assignments.size > 0) {
      this.#state = 'stable'
      this.#assignments = sync.assignments
    }
    if (this.#state === 'stable')
      for (const [memberId, { synced }] of this.#members)
        synced?.resolve({ errorCode: 0, assignment: this.#assignments.get(memberId) })
    return member.synced.promise
  }

  #commit(commit: Commit): unknown {
    const errorCode = this.#memberError(commit) || this.#errorWhile('completing')
    if (errorCode === 0) {
      for (const { offset, ...partition } of commit.positions) {
        const id = partitionId(partition)
        const before = this.committed.get(id) ?? 0
        if (offset < before) this.wentBack.push(`${id} from ${before} to ${offset}`)
        this.committed.set(id, offset)
      }
    }
    return { topics: [{ partitions: [{ errorCode }] }] }
  }

  #positions(): unknown {
    const all = [...this.#topics].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition })),
    )
    return byTopic(all).map(([name, partitions]) => ({
      name,
      partitions: partitions.map((one) => ({
        partitionIndex: one.partition,
        committedOffset: BigInt(this.committed.get(partitionId(one)) ?? -1),
        committedLeaderEpoch: -1,
        errorCode: 0,
      })),
    }))
  }
}
