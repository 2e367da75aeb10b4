/**
 * A member by the classic protocol with cooperative rebalancing.
 *
 * ```
 * joining --JoinGroup, SyncGroup--> stable --heartbeat says rebalance, or something was let go--> joining
 *    any --UNKNOWN_MEMBER, ILLEGAL_GENERATION, no heartbeat for a session--> lost --join()--> joining
 * ```
 *
 * I1 The member joins at once when a round begins and claims everything its holder may work on before that round is finished,
 *    so no round waits for a handler. What it must give up is named by the round, let go of by the holder, and moves with the
 *    next round; what was claimed and has been let go of when the round is finished moves with another one, begun at once.
 * I2 Heartbeats go on while partitions are drained, on a connection that nothing else waits on.
 * I3 A claim is as old as the last round that was finished, not as one that was only begun. A commit carries the newest
 *    generation; one that a round has overtaken is sent again, if its positions are still the holder's.
 * I4 `target` changes when a round is finished, and when the membership is lost.
 * I5 After `leave`, or a failure, nothing is asked of the group any more.
 */
import { type Connection, heartbeatV4, joinGroupV9, leaveGroupV5, syncGroupV5 } from '@platformatic/kafka'
import { sleep } from '../../contracts/clock.ts'
import { FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import { type Partition, partitionId } from '../../contracts/log.ts'
import type { Cluster } from '../cluster/kafka-cluster.ts'
import { ask } from '../cluster/kafka-connections.ts'
import { asLogError, code, ProtocolAnswer, passes, refusalOf } from '../cluster/kafka-errors.ts'
import { pauseMs } from '../cluster/kafka-patience.ts'
import type { CommittedPosition } from '../cluster/kafka-positions.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './group-codec.ts'
import { CommitTrouble, sendCommit } from './group-commit.ts'
import { GroupLeader } from './group-leader.ts'
import type { Assigned, Holder, Membership, Trouble } from './membership.ts'

const protocolType = 'consumer'
const protocolName = 'cooperative-sticky'
const leaveWithinMs = 2000
/** How long a request whose connection has ended may lie in a broker that does not run, and be worked on when it does. */
const lateWithinMs = 60_000

type Joined = Awaited<ReturnType<typeof joinGroupV9.api.async>>

/** The group goes on without this member. */
class Lost extends Error {}

export interface MemberOptions {
  readonly group: string
  readonly topics: readonly string[]
  readonly ledger: string | null
  readonly lane: string
}

export class ClassicMember implements Membership {
  readonly #cluster: Cluster
  readonly #group: string
  readonly #topics: readonly string[]
  readonly #ledger: string | null
  readonly #holder: Holder
  readonly #lane: string
  readonly #leader: GroupLeader
  readonly #stop = new AbortController()
  #wake: AbortController | undefined
  #target: ReadonlyMap<string, Assigned> = new Map()
  #memberId = ''
  #generation = -1
  /** Of the last finished round. */
  #claimedGeneration = -1
  /** What the round that is under way was begun with. */
  #claimed: readonly Partition[] = []
  #trouble: Trouble | undefined
  #rounds = 0
  #isLost = false
  #isJoining = false
  /**
   * When nobody knew what a request to join had come to: without an answer, or with one that its coordinator could not do it
   * now. The group may work on it all the same, also behind a later one, or find it in its log under another coordinator.
   */
  #inDoubtAtMs = Number.NEGATIVE_INFINITY
  #needsRound = true
  #aliveAtMs = 0
  #running: Promise<void> | undefined
  #settled = Promise.withResolvers<void>()

  constructor(cluster: Cluster, holder: Holder, of: MemberOptions) {
    this.#cluster = cluster
    this.#holder = holder
    this.#group = of.group
    this.#topics = of.topics
    this.#ledger = of.ledger
    this.#lane = of.lane
    this.#leader = new GroupLeader(cluster)
  }

  get target(): ReadonlyMap<string, Assigned> {
    return this.#target
  }

  get isLost(): boolean {
    // Nothing was heard for so long that others have the partitions by now: a process that was stopped and goes on.
    if (!this.#isLost && this.#isSilent()) this.#lose()
    return this.#isLost
  }

  get trouble(): Trouble | undefined {
    return this.#trouble
  }

  join(): Promise<void> {
    if (this.#stop.signal.aborted) return this.#settled.promise
    this.#isLost = false
    this.#needsRound = true
    this.#aliveAtMs = this.#cluster.clock.monotonic()
    this.#wake?.abort()
    this.#running ??= this.#run()
    return this.#settled.promise
  }

  released(): void {
    this.#needsRound = true
    this.#wake?.abort()
  }

  async commit(positions: readonly CommittedPosition[], verify: () => void): Promise<void> {
    const { clock, settings } = this.#cluster
    const untilMs = clock.monotonic() + settings.appendTimeoutMs
    for (let failures = 0; ; failures++) {
      if (this.isLost || this.#generation < 0) throw this.#fenced(positions)
      const [generation, memberId] = [this.#generation, this.#memberId]
      try {
        const identity = { group: this.#group, generation, memberId, instanceId: settings.instanceId }
        return await sendCommit(this.#cluster, identity, positions, verify)
      } catch (error) {
        if (error instanceof CommitTrouble && error.isFenced) {
          // A round that is under way, or has ended meanwhile, explains it: the next try carries what it gave. A static member
          // that joins anew gets another id in the same generation.
          if (!this.#isJoining && generation === this.#generation && memberId === this.#memberId) {
            const answer = this.#answered(error.answer)
            if (!(answer instanceof Lost)) throw this.#fail(answer)
            this.#lose()
            throw this.#fenced(positions)
          }
        } else if (refusalOf(error) !== undefined || isFirebreakError(error)) throw asLogError(error, settings.path)
        if (this.#stop.signal.aborted || clock.monotonic() >= untilMs)
          throw error instanceof CommitTrouble ? this.#fenced(positions) : asLogError(error, settings.path)
      }
      await sleep(clock, pauseMs(failures), this.#stop.signal)
    }
  }

  async leave(): Promise<void> {
    this.#stop.abort()
    this.#wake?.abort()
    const { clock, connections, settings } = this.#cluster
    if (this.#memberId !== '' && !this.#isLost && settings.instanceId === null && !connections.closed) {
      // A round that waits for others must not hold up the goodbye.
      const goodbye = this.#sayGoodbye().catch(() => undefined)
      const enough = new AbortController()
      await Promise.race([goodbye.finally(() => enough.abort()), sleep(clock, leaveWithinMs, enough.signal)])
      enough.abort()
    }
    await Promise.all([connections.drop(`${this.#lane}-join`), connections.drop(`${this.#lane}-beat`)])
    await this.#running
    this.#settled.resolve()
  }

  async #sayGoodbye(): Promise<void> {
    const { connections } = this.#cluster
    const connection = await connections.get(await this.#cluster.coordinator(this.#group), 'offsets')
    await ask(connection, leaveGroupV5.api, this.#group, [{ memberId: this.#memberId, reason: 'closed' }])
  }

  async #run(): Promise<void> {
    const { clock } = this.#cluster
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      try {
        if (this.#isLost) await this.#rest(Number.MAX_SAFE_INTEGER)
        else if (this.#needsRound) await this.#round()
        else await this.#beat()
        failures = 0
      } catch (error) {
        if (this.#stop.signal.aborted) return
        if (error instanceof Lost) this.#lose()
        else if (isFirebreakError(error) || refusalOf(error) !== undefined) this.#fail(error)
        else {
          this.#trouble ??= { sinceMs: clock.monotonic(), error }
          this.#cluster.forgetCoordinator(this.#group)
          if (this.#generation >= 0 && this.#isSilent()) this.#lose()
          await sleep(clock, pauseMs(failures++), this.#stop.signal)
        }
      }
    }
  }

  /** Waits, unless somebody has a reason to go on. */
  async #rest(ms: number): Promise<void> {
    if (this.#needsRound && !this.#isLost) return
    const wake = new AbortController()
    this.#wake = wake
    if (this.#stop.signal.aborted) return
    await sleep(this.#cluster.clock, ms, wake.signal)
  }

  async #beat(): Promise<void> {
    const { settings, clock } = this.#cluster
    await this.#rest(settings.heartbeatMs)
    if (this.#needsRound || this.#isLost || this.#stop.signal.aborted) return
    if (await this.#leader.hasNewPartitions()) {
      this.#needsRound = true
      return
    }
    const sentAtMs = clock.monotonic()
    const generation = this.#generation
    const connection = await this.#connect('beat')
    const { errorCode } = await ask(
      connection,
      heartbeatV4.api,
      this.#group,
      generation,
      this.#memberId,
      settings.instanceId,
    )
    if (errorCode === code.rebalanceInProgress) this.#needsRound = true
    else if (errorCode !== 0) throw this.#answered(errorCode)
    this.#heard(sentAtMs)
  }

  async #round(): Promise<void> {
    this.#needsRound = false
    this.#isJoining = true
    try {
      const joined = await this.#joinGroup()
      if (joined === undefined) {
        this.#needsRound = true
        return
      }
      const assignments = joined.leader === joined.memberId ? await this.#assign(joined) : this.#leader.resign()
      const connection = await this.#connect('join')
      const sentAtMs = this.#cluster.clock.monotonic()
      const answer = await ask(
        connection,
        syncGroupV5.api,
        this.#group,
        joined.generationId,
        joined.memberId,
        this.#cluster.settings.instanceId,
        protocolType,
        joined.protocolName,
        assignments ?? [],
      )
      if (answer.errorCode === code.rebalanceInProgress) this.#needsRound = true
      // Before the round is finished a coordinator that takes over knows nothing of it, nor the id that the join has given.
      else if (answer.errorCode === code.fencedInstanceId) throw new Lost()
      else if (answer.errorCode !== 0) throw this.#answered(answer.errorCode)
      else {
        this.#heard(sentAtMs)
        this.#finish(joined.generationId, decodeAssignment(answer.assignment))
      }
    } catch (error) {
      this.#needsRound = true
      throw error
    } finally {
      this.#isJoining = false
    }
  }

  /** Undefined: the broker has named this member, and wants to be asked once more. */
  async #joinGroup(): Promise<Joined | undefined> {
    const { settings, clock } = this.#cluster
    const connection = await this.#connect('join')
    const sentAtMs = clock.monotonic()
    const generation = this.#claimedGeneration
    this.#claimed = generation < 0 ? [] : this.#holder.owned()
    const [topics, ledger] = [this.#topics, this.#ledger]
    const metadata = encodeSubscription({ topics, owned: this.#claimed, generation, ledger })
    const joined = await ask(
      connection,
      joinGroupV9.api,
      this.#group,
      settings.sessionTimeoutMs,
      this.#roundMs,
      this.#memberId,
      settings.instanceId,
      protocolType,
      [{ name: protocolName, metadata }],
      null,
    ).catch((error) => {
      this.#inDoubtAtMs = clock.monotonic()
      throw error
    })
    if (joined.errorCode === code.memberIdRequired) {
      this.#memberId = joined.memberId
      return undefined
    }
    if (passes(joined.errorCode)) this.#inDoubtAtMs = clock.monotonic()
    if (joined.errorCode !== 0) throw this.#answered(joined.errorCode)
    this.#memberId = joined.memberId
    this.#generation = joined.generationId
    // Not when the answer was read: the process may have been stopped for long since the broker wrote it.
    this.#aliveAtMs = Math.max(this.#aliveAtMs, sentAtMs)
    return joined
  }

  async #assign(joined: Joined): Promise<{ memberId: string; assignment: Buffer }[]> {
    const members = joined.members.map(({ memberId, metadata }) => ({ memberId, ...decodeSubscription(metadata) }))
    const given = await this.#leader.assign(members)
    return [...given].map(([memberId, partitions]) => ({ memberId, assignment: encodeAssignment(partitions) }))
  }

  #finish(generation: number, assignment: readonly Partition[]): void {
    const round = ++this.#rounds
    const given = assignment.map((partition): [string, Assigned] => {
      const id = partitionId(partition)
      return [id, this.#target.get(id) ?? { partition, round }]
    })
    this.#claimedGeneration = generation
    this.#target = new Map(given)
    this.#holder.changed()
    const still = new Set(this.#holder.owned().map(partitionId))
    if (this.#claimed.some((partition) => !still.has(partitionId(partition)))) this.#needsRound = true
    this.#settled.resolve()
  }

  #heard(sentAtMs: number): void {
    this.#aliveAtMs = Math.max(this.#aliveAtMs, sentAtMs)
    this.#trouble = undefined
  }

  #answered(answer: number): Error {
    if (answer === code.unknownMemberId || answer === code.illegalGeneration) return new Lost()
    if (answer === code.fencedInstanceId) {
      const { settings, clock } = this.#cluster
      // It may be ourselves: a request to join that was in doubt has made us another member meanwhile.
      if (clock.monotonic() - this.#inDoubtAtMs < lateWithinMs) return new Lost()
      const reason = `instanceId "${settings.instanceId}" is used by another member of ${this.#group}`
      return new FirebreakError('FB_LOG_REFUSED', { path: settings.path, reason })
    }
    if (answer === code.inconsistentGroupProtocol) {
      // By the broker's own words nobody would find the program that is in the way.
      const reason = `group ${this.#group} has members that do not assign by "${protocolName}": another program uses this name, or an older client of this service still runs`
      return new FirebreakError('FB_LOG_REFUSED', { path: this.#cluster.settings.path, reason })
    }
    return new ProtocolAnswer(answer)
  }

  #lose(): void {
    if (this.#isLost) return
    this.#isLost = true
    this.#memberId = ''
    this.#generation = -1
    this.#claimedGeneration = -1
    this.#leader.resign()
    this.#target = new Map()
    this.#holder.changed()
    // The member joins again when the cursor is polled, so the cursor must be open.
    this.#settled.resolve()
  }

  #fail(error: unknown): FirebreakError {
    const failure = asLogError(error, this.#cluster.settings.path)
    this.#stop.abort()
    this.#wake?.abort()
    this.#isLost = true
    this.#target = new Map()
    this.#holder.failed(failure)
    this.#holder.changed()
    this.#settled.resolve()
    return failure
  }

  #isSilent(): boolean {
    if (this.#generation < 0) return false
    return this.#cluster.clock.monotonic() - this.#aliveAtMs > this.#cluster.settings.sessionTimeoutMs
  }

  #fenced(positions: readonly Partition[]): FirebreakError {
    return new FirebreakError('FB_FENCED', { partition: positions.map(partitionId).join(', ') })
  }

  /** How long the others of the group wait for a member in a round. Members come at once, so it need not be long. */
  get #roundMs(): number {
    return Math.max(10_000, this.#cluster.settings.sessionTimeoutMs / 2)
  }

  async #connect(lane: 'join' | 'beat'): Promise<Connection> {
    const { connections, settings } = this.#cluster
    const broker = await this.#cluster.coordinator(this.#group)
    this.#stop.signal.throwIfAborted()
    const withinMs = lane === 'join' ? this.#roundMs + 5000 : Math.max(1000, settings.sessionTimeoutMs / 3)
    const connection = await connections.get(broker, `${this.#lane}-${lane}`, withinMs)
    this.#stop.signal.throwIfAborted()
    return connection
  }
}
