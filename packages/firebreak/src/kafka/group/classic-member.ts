/**
 * A member by the classic protocol with cooperative rebalancing; its states are in `member-state.ts`.
 *
 * I1 The member joins at once when a round begins and claims everything its owner may work on before that round is finished,
 *    so no round waits for a handler. The round names what must be revoked, the owner gives it up, and it moves with the next
 *    round; what was claimed and has been given up when the round is finished moves with another one, begun at once.
 * I2 Heartbeats go on while partitions are drained, on a connection that nothing else waits on.
 * I3 A claim is as old as the last round that was finished, not as one that was only begun. A commit carries the newest
 *    generation; one that a round has overtaken is sent again, if its positions are still the owner's.
 * I4 After `leave`, or a failure, nothing is asked of the group any more.
 */
import { sleep } from '../../contracts/clock.ts'
import { FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import { type Partition, partitionId } from '../../contracts/log.ts'
import type { Cluster } from '../cluster/kafka-cluster.ts'
import { asLogError, code, isTransient, ProtocolError, refusalOf } from '../cluster/kafka-errors.ts'
import type { CommittedPosition } from '../cluster/kafka-positions.ts'
import { pauseMs } from '../cluster/retry.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './group-codec.ts'
import { CommitRejected, sendCommit } from './group-commit.ts'
import { GroupLeader } from './group-leader.ts'
import { GroupRequests, type Joined, protocolName } from './group-requests.ts'
import {
  explainsFence,
  isSilent,
  type MemberEvent,
  type MemberState,
  newMember,
  nextMember,
  noAssignment,
} from './member-state.ts'
import type { Assigned, Assignment, Membership, Outage, PartitionOwner } from './membership.ts'

/** The group goes on without this member. */
class MembershipLost extends Error {}

export interface MemberOptions {
  readonly group: string
  readonly topics: readonly string[]
  readonly ledger: string | null
  readonly channel: string
}

export class ClassicMember implements Membership {
  readonly #cluster: Cluster
  readonly #owner: PartitionOwner
  readonly #options: MemberOptions
  readonly #requests: GroupRequests
  readonly #leader: GroupLeader
  readonly #stop = new AbortController()
  #state: MemberState = newMember
  #rounds = 0
  #outage: Outage | undefined
  #wake: AbortController | undefined
  #running: Promise<void> | undefined
  readonly #settled = Promise.withResolvers<void>()

  constructor(cluster: Cluster, owner: PartitionOwner, options: MemberOptions) {
    const { group, channel } = options
    this.#cluster = cluster
    this.#owner = owner
    this.#options = options
    this.#requests = new GroupRequests(cluster, { group, channel, signal: this.#stop.signal })
    this.#leader = new GroupLeader(cluster)
  }

  get assignment(): Assignment {
    return 'assignment' in this.#state ? this.#state.assignment : noAssignment
  }

  get isLost(): boolean {
    this.#loseIfSilent()
    return this.#state.state === 'lost' || (this.#state.state === 'ended' && this.#state.failed)
  }

  get outage(): Outage | undefined {
    return this.#outage
  }

  join(): Promise<void> {
    if (this.#state.state === 'ended') return this.#settled.promise
    this.#apply({ kind: 'wanted', atMs: this.#nowMs })
    this.#wake?.abort()
    this.#running ??= this.#run()
    return this.#settled.promise
  }

  revocationDone(): void {
    this.#apply({ kind: 'round-due' })
    this.#wake?.abort()
  }

  async commit(positions: readonly CommittedPosition[], verify: () => void): Promise<void> {
    const { clock, settings } = this.#cluster
    const untilMs = clock.monotonic() + settings.appendTimeoutMs
    for (let failures = 0; ; failures++) {
      verify()
      const sender = this.isLost || !('generation' in this.#state) ? undefined : this.#state
      if (sender === undefined || sender.generation < 0) throw fencedError(positions)
      const { generation, memberId } = sender
      try {
        const identity = { group: this.#options.group, generation, memberId, instanceId: settings.instanceId }
        return await sendCommit(this.#cluster, identity, positions, verify)
      } catch (error) {
        if (error instanceof CommitRejected) this.#judgeRejection(error, sender, positions)
        else if (refusalOf(error) !== undefined || isFirebreakError(error)) throw asLogError(error, settings.path)
        if (this.#stop.signal.aborted || clock.monotonic() >= untilMs)
          throw error instanceof CommitRejected ? fencedError(positions) : asLogError(error, settings.path)
      }
      await sleep(clock, pauseMs(failures), this.#stop.signal)
    }
  }

  /** Throws where a commit that was sent as `sender` cannot succeed any more. */
  #judgeRejection(
    rejection: CommitRejected,
    sender: { memberId: string; generation: number },
    positions: readonly Partition[],
  ): void {
    const now = this.#state
    // A round that is due, in progress, or has ended meanwhile explains it: the next try carries what it gave. A static member
    // that joins anew gets another id in the same generation.
    const isOfNow = now.state === 'stable' && now.generation === sender.generation && now.memberId === sender.memberId
    if (!rejection.isFenced || !isOfNow) return
    const error = this.#errorOf(rejection.errorCode)
    if (!(error instanceof MembershipLost)) throw this.#fail(error)
    this.#lose()
    throw fencedError(positions)
  }

  async leave(): Promise<void> {
    const { connections, settings } = this.#cluster
    const memberId = 'memberId' in this.#state && this.#state.state !== 'lost' ? this.#state.memberId : ''
    this.#end(false)
    if (memberId !== '' && settings.instanceId === null && !connections.closed) await this.#requests.leave(memberId)
    await this.#requests.disconnect()
    await this.#running
    this.#settled.resolve()
  }

  async #run(): Promise<void> {
    for (let failures = 0; this.#state.state !== 'ended'; ) {
      try {
        if (this.#state.state === 'lost') await this.#rest(Number.MAX_SAFE_INTEGER)
        else if (this.#state.state === 'stable') await this.#beat()
        else await this.#round()
        failures = 0
      } catch (error) {
        if (this.#stop.signal.aborted) return
        if (error instanceof MembershipLost) this.#lose()
        else if (isFirebreakError(error) || refusalOf(error) !== undefined) this.#fail(error)
        else {
          this.#outage ??= { sinceMs: this.#nowMs, error }
          this.#cluster.forgetCoordinator(this.#options.group)
          this.#loseIfSilent()
          await sleep(this.#cluster.clock, pauseMs(failures++), this.#stop.signal)
        }
      }
    }
  }

  /** Waits until there is a reason to go on, `ms` at most. */
  async #rest(ms: number): Promise<void> {
    this.#wake = new AbortController()
    await sleep(this.#cluster.clock, ms, this.#wake.signal)
  }

  async #beat(): Promise<void> {
    await this.#rest(this.#cluster.settings.heartbeatMs)
    const now = this.#state
    if (now.state !== 'stable') return
    if (await this.#leader.hasNewPartitions()) {
      this.#apply({ kind: 'round-due' })
      return
    }
    const sentAtMs = this.#nowMs
    const errorCode = await this.#requests.heartbeat(await this.#requests.connect('beat'), now)
    if (errorCode === code.rebalanceInProgress) this.#apply({ kind: 'round-due' })
    else if (errorCode !== 0) throw this.#errorOf(errorCode)
    this.#apply({ kind: 'heartbeat-answered', sentAtMs })
    this.#outage = undefined
  }

  async #round(): Promise<void> {
    const connection = await this.#requests.connect('join')
    if (this.#state.state !== 'due') return
    const { finishedGeneration, memberId } = this.#state
    const claimed = finishedGeneration < 0 ? [] : this.#owner.claimed()
    const { topics, ledger } = this.#options
    const metadata = encodeSubscription({ topics, owned: claimed, generation: finishedGeneration, ledger })
    this.#apply({ kind: 'join-sent' })
    try {
      const sentAtMs = this.#nowMs
      const joined = await this.#requests.join(connection, memberId, metadata).catch((error) => {
        this.#apply({ kind: 'join-in-doubt', atMs: this.#nowMs })
        throw error
      })
      if (this.#hasJoined(joined, sentAtMs)) await this.#sync(joined, claimed)
    } catch (error) {
      this.#apply({ kind: 'round-failed' })
      throw error
    }
  }

  /** False: the coordinator has named this member, and wants to be asked once more. */
  #hasJoined({ errorCode, memberId, generationId: generation }: Joined, sentAtMs: number): boolean {
    if (errorCode === code.memberIdRequired) {
      this.#apply({ kind: 'named', memberId })
      return false
    }
    if (isTransient(errorCode)) this.#apply({ kind: 'join-in-doubt', atMs: this.#nowMs })
    if (errorCode !== 0) throw this.#errorOf(errorCode)
    // Not when the answer was read: the process may have been stopped for long since the broker wrote it.
    this.#apply({ kind: 'joined', memberId, generation, sentAtMs })
    return true
  }

  async #sync(joined: Joined, claimed: readonly Partition[]): Promise<void> {
    let assignments: { memberId: string; assignment: Buffer }[] = []
    if (joined.leader === joined.memberId) assignments = await this.#assign(joined)
    else this.#leader.resign()
    const connection = await this.#requests.connect('join')
    const sentAtMs = this.#nowMs
    const { errorCode, assignment } = await this.#requests.sync(connection, joined, assignments)
    if (errorCode === code.rebalanceInProgress) this.#apply({ kind: 'round-failed' })
    else if (errorCode !== 0) throw this.#errorOf(errorCode)
    else this.#finish(decodeAssignment(assignment), claimed, sentAtMs)
  }

  async #assign(joined: Joined): Promise<{ memberId: string; assignment: Buffer }[]> {
    const members = joined.members.map(({ memberId, metadata }) => ({ memberId, ...decodeSubscription(metadata) }))
    const given = await this.#leader.assign(members)
    return [...given].map(([memberId, partitions]) => ({ memberId, assignment: encodeAssignment(partitions) }))
  }

  #finish(partitions: readonly Partition[], claimed: readonly Partition[], sentAtMs: number): void {
    const round = ++this.#rounds
    const before = this.assignment
    const given = partitions.map((partition): [string, Assigned] => {
      const id = partitionId(partition)
      return [id, before.get(id) ?? { partition, round }]
    })
    this.#outage = undefined
    this.#apply({ kind: 'round-finished', assignment: new Map(given), sentAtMs })
    this.#owner.assignmentChanged()
    const still = new Set(this.#owner.claimed().map(partitionId))
    if (claimed.some((partition) => !still.has(partitionId(partition)))) this.#apply({ kind: 'round-due' })
    this.#settled.resolve()
  }

  /** What an error code means for this member. */
  #errorOf(errorCode: number): Error {
    const { path, instanceId } = this.#cluster.settings
    const { group } = this.#options
    if (errorCode === code.unknownMemberId || errorCode === code.illegalGeneration) return new MembershipLost()
    if (errorCode === code.fencedInstanceId) {
      if (explainsFence(this.#state, this.#nowMs)) return new MembershipLost()
      const reason = `instanceId "${instanceId}" is used by another member of ${group}`
      return new FirebreakError('FB_LOG_REFUSED', { path, reason })
    }
    if (errorCode === code.inconsistentGroupProtocol) {
      // By the broker's own words nobody would find the program that is in the way.
      const reason = `group ${group} has members that do not assign by "${protocolName}": another program uses this name, or an older client of this service still runs`
      return new FirebreakError('FB_LOG_REFUSED', { path, reason })
    }
    return new ProtocolError(errorCode)
  }

  #apply(event: MemberEvent): void {
    this.#state = nextMember(this.#state, event)
  }

  /** A process that was stopped for long and goes on notices it here. */
  #loseIfSilent(): void {
    if (isSilent(this.#state, this.#nowMs, this.#cluster.settings.sessionTimeoutMs)) this.#lose()
  }

  #lose(): void {
    if (this.#state.state === 'lost' || this.#state.state === 'ended') return
    this.#apply({ kind: 'lost' })
    this.#leader.resign()
    this.#owner.assignmentChanged()
    // The member joins again when the cursor is polled, so the cursor must be open.
    this.#settled.resolve()
  }

  #fail(error: unknown): FirebreakError {
    const failure = asLogError(error, this.#cluster.settings.path)
    this.#end(true)
    this.#owner.membershipFailed(failure)
    this.#owner.assignmentChanged()
    this.#settled.resolve()
    return failure
  }

  #end(failed: boolean): void {
    this.#apply({ kind: 'ended', failed })
    this.#stop.abort()
    this.#wake?.abort()
  }

  get #nowMs(): number {
    return this.#cluster.clock.monotonic()
  }
}

const fencedError = (positions: readonly Partition[]): FirebreakError =>
  new FirebreakError('FB_FENCED', { partition: positions.map(partitionId).join(', ') })
