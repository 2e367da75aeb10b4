/**
 * One member of a consumer group, as the caller sees it.
 *
 * I1 What the caller knows to hold changes only inside `poll`.
 * I2 What the group takes away is shown as lost by one poll, and given up by the next one, which means that it is drained; the states
 *    of a partition are in `holding.ts`. What was given and not taken yet is claimed too: it may be taken while a round is
 *    in progress.
 * I3 A partition that was not given up within the drain time, or whose membership was lost, is fenced: it is no longer
 *    claimed, and its commits are refused.
 * I4 A partition is taken after the position to start at is known, and that is asked for after it was given to us.
 * I5 One commit is in flight at a time, and none goes out for a partition that has left since it was asked for: the group's
 *    position does not go back.
 */
import { sleep, type Timer } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import {
  type Cursor,
  type LogEntry,
  type Partition,
  type PollLimit,
  type Position,
  partitionId,
  type StartFrom,
} from '../../contracts/log.ts'
import { Waker } from '../../node/waker.ts'
import type { Cluster } from '../cluster/kafka-cluster.ts'
import { asLogError } from '../cluster/kafka-errors.ts'
import type { CommittedPosition } from '../cluster/kafka-positions.ts'
import { ClassicMember } from '../group/classic-member.ts'
import type { Assignment, Membership, Outage, PartitionOwner } from '../group/membership.ts'
import { Holdings } from './holdings.ts'
import { Fetcher } from './kafka-fetcher.ts'
import { StartPositions } from './start-positions.ts'

export interface CursorOrigin {
  readonly cluster: Cluster
  readonly group: string
  readonly topics: readonly string[]
  readonly from: StartFrom
  /** Part of the names of its connections: no two cursors share one. */
  readonly name: string
  readonly ledger: string | null
  readonly onClose: (cursor: KafkaCursor) => void
}

const noEntries: readonly LogEntry[] = Object.freeze([])
const openWithinMs = 5000
const placeAgainMs = 200
const unavailableAfterMs = 10_000

export class KafkaCursor implements Cursor, PartitionOwner {
  readonly #origin: CursorOrigin
  readonly #cluster: Cluster
  readonly #member: Membership
  readonly #fetcher: Fetcher
  readonly #starts: StartPositions
  readonly #holdings = new Holdings()
  /** The view of the caller. */
  #assignment: readonly Partition[] = []
  #placing: Promise<void> = Promise.resolve()
  #placeAgain: Timer | undefined
  /** Since when it is not known where to start. */
  #unplaced: Outage | undefined
  #reportedAtMs = Number.NEGATIVE_INFINITY
  #committing: Promise<void> = Promise.resolve()
  #drainTimer: Timer | undefined
  #failure: FirebreakError | undefined
  readonly #waker = new Waker()
  #closed = false
  #closing: Promise<void> | undefined

  constructor(origin: CursorOrigin) {
    const { cluster, group, topics, name } = origin
    this.#origin = origin
    this.#cluster = cluster
    this.#fetcher = new Fetcher(cluster, `fetch-${name}`, () => this.#waker.wake())
    this.#starts = new StartPositions(cluster, group, (positions, given) =>
      this.#commit(positions, () => this.#verifyGiven(given)),
    )
    this.#member = new ClassicMember(cluster, this, { group, topics, ledger: origin.ledger, channel: `member-${name}` })
  }

  /** Resolves when the group has given this member its part, or later by itself when others hold that up. */
  async start(): Promise<void> {
    await this.#starts.resolve(this.#origin.from, this.#origin.topics)
    const enough = new AbortController()
    const joined = this.#member.join().then(() => this.#placing)
    await Promise.race([joined.finally(() => enough.abort()), sleep(this.#cluster.clock, openWithinMs, enough.signal)])
    if (this.#failure !== undefined) throw this.#failure
    if (this.#take()) this.#fetcher.fetch()
  }

  async poll({ recordsMax, waitMs, signal }: PollLimit): Promise<readonly LogEntry[]> {
    this.#open()
    const { clock } = this.#cluster
    this.#giveUpDrained()
    const untilMs = clock.monotonic() + waitMs
    for (;;) {
      if (this.#closed || signal.aborted) return noEntries
      if (this.#showLosses()) return noEntries
      if (this.#failure !== undefined) throw this.#failure
      if (this.#member.isLost) this.#member.join().catch(() => undefined)
      const hasGained = this.#take()
      const entries = this.#fetcher.take(recordsMax)
      const nowMs = clock.monotonic()
      if (entries.length > 0 || hasGained) return entries
      this.#reportOutage(nowMs)
      if (nowMs >= untilMs) return entries
      await this.#waker.wait(clock, untilMs - nowMs, signal)
    }
  }

  async commit(next: readonly Position[]): Promise<void> {
    this.#open()
    if (next.length === 0) return
    const rounds = new Map(next.map(partitionId).map((id) => [id, this.#holdings.commitRound(id)]))
    const verify = (): void => {
      this.#open()
      const { isLost } = this.#member
      for (const [id, round] of rounds)
        if (isLost || round === undefined || this.#holdings.commitRound(id) !== round)
          throw new FirebreakError('FB_FENCED', { partition: id })
    }
    verify()
    const positions = next.map((position) => {
      const leaderEpoch = this.#fetcher.epochBefore(partitionId(position), position.offset)
      return { ...position, leaderEpoch }
    })
    await this.#commit(positions, verify)
  }

  assignment(): readonly Partition[] {
    return this.#assignment
  }

  pause(partitions: readonly Partition[]): void {
    this.#fetcher.pause(new Set(partitions.map(partitionId)))
    this.#waker.wake()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  claimed(): readonly Partition[] {
    return this.#holdings.claimed(this.#member.assignment)
  }

  assignmentChanged(): void {
    if (this.#closed) return
    if (this.#member.isLost) this.#holdings.lose()
    if (this.#member.assignment.size === 0) this.#unplaced = undefined
    this.#follow()
    this.#watchDrain()
    this.#waker.wake()
  }

  membershipFailed(error: FirebreakError): void {
    this.#failure = error
    this.#waker.wake()
  }

  async #close(): Promise<void> {
    this.#closed = true
    this.#drainTimer?.cancel()
    this.#placeAgain?.cancel()
    this.#assignment = []
    this.#holdings.clear()
    this.#waker.wake()
    await Promise.all([this.#fetcher.close(), this.#member.leave()])
    this.#origin.onClose(this)
  }

  #open(): void {
    if (this.#closed) throw new FirebreakError('FB_CLOSED', { what: `cursor of group ${this.#origin.group}` })
  }

  #commit(positions: readonly CommittedPosition[], verify: () => void): Promise<void> {
    const turn = this.#committing.then(() => this.#member.commit(positions, verify))
    this.#committing = turn.catch(() => undefined)
    return turn
  }

  /** A member that holds nothing learns of an outage from nothing else. */
  #reportOutage(nowMs: number): void {
    const outage = this.#member.outage ?? this.#unplaced
    if (this.#assignment.length > 0 || outage === undefined) return
    if (nowMs - Math.max(outage.sinceMs, this.#reportedAtMs) < unavailableAfterMs) return
    this.#reportedAtMs = nowMs
    throw asLogError(outage.error, this.#cluster.settings.path)
  }

  /** A poll after one that showed a loss: what was lost is drained and committed. */
  #giveUpDrained(): void {
    if (!this.#holdings.drained()) return
    this.#watchDrain()
    this.#follow()
    this.#member.revocationDone()
  }

  /** Takes out of the view what the group has given to another member. */
  #showLosses(): boolean {
    // Looked at here: it notices that the process was stopped for too long.
    void this.#member.isLost
    const lost = this.#holdings.show()
    if (lost.length === 0) return false
    for (const id of lost) this.#fetcher.remove(id)
    this.#assignment = Object.freeze(this.#holdings.view())
    this.#follow()
    return true
  }

  /** Takes into the view what can be read. */
  #take(): boolean {
    const taken = this.#holdings.take()
    if (taken.length === 0) return false
    for (const { partition, start } of taken) this.#fetcher.add(partition, start)
    this.#assignment = Object.freeze(this.#holdings.view())
    return true
  }

  /** Brings the holdings in line with the assignment, and finds out where to start in what is new. */
  #follow(): void {
    const { clock } = this.#cluster
    const given = this.#holdings.follow(this.#member.assignment, clock.monotonic())
    if (given.size === 0) return
    const error = new Error(`no answer about the positions of ${this.#origin.group}`)
    this.#unplaced ??= { sinceMs: clock.monotonic(), error }
    this.#placing = this.#starts.find(given).then(
      (starts) => {
        for (const [id, { round }] of given) {
          const start = starts.get(id)
          if (start !== undefined) this.#holdings.place(id, round, start)
        }
        this.#unplaced = undefined
        this.#waker.wake()
      },
      (error) => this.#notPlaced(given, asLogError(error, this.#cluster.settings.path)),
    )
  }

  #notPlaced(given: Assignment, error: FirebreakError): void {
    for (const [id, { round }] of given) this.#holdings.unplace(id, round)
    if (this.#closed) return
    if (this.#unplaced !== undefined) this.#unplaced = { ...this.#unplaced, error }
    if (error.kind === 'config') this.membershipFailed(error)
    else this.#placeAgain = this.#cluster.clock.schedule(placeAgainMs, () => this.#follow())
  }

  #verifyGiven(given: Assignment): void {
    this.#open()
    for (const [id, assigned] of given)
      if (this.#member.assignment.get(id) !== assigned) throw new FirebreakError('FB_FENCED', { partition: id })
  }

  /** Gives up what is not drained in time. */
  #watchDrain(): void {
    const { clock, settings } = this.#cluster
    const nowMs = clock.monotonic()
    const isLate = this.#holdings.expire(nowMs, settings.drainTimeoutMs)
    const sinceMs = this.#holdings.drainingSinceMs
    this.#drainTimer?.cancel()
    this.#drainTimer =
      sinceMs === undefined
        ? undefined
        : clock.schedule(sinceMs + settings.drainTimeoutMs - nowMs, () => this.#watchDrain())
    if (!isLate) return
    this.#member.revocationDone()
    this.#follow()
    this.#waker.wake()
  }
}
