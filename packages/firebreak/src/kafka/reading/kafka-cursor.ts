/**
 * One member of a consumer group, as the caller sees it.
 *
 * I1 `#view` is what the caller knows to hold; it changes only inside `poll`.
 * I2 What the group takes away goes from `#view` to `#leaving` when a poll shows it, and from there to nobody when the
 *    next poll says that it is drained. Until then it is claimed in every round, so nobody else gets it. So is what was given
 *    and not taken yet: it may be taken while a round is under way.
 * I3 A partition that was not let go of within the drain time, or whose membership was lost, is fenced: it is no longer
 *    claimed, and its commits are refused.
 * I4 A partition is taken after the position to start at is known, and that is asked for after it was given to us.
 * I5 One commit is under way at a time, and none goes out for a partition that has left since it was asked for: the group's
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
import type { Cluster } from '../cluster/kafka-cluster.ts'
import { asLogError } from '../cluster/kafka-errors.ts'
import { type CommittedPosition, committedPositions, offsetsAt } from '../cluster/kafka-positions.ts'
import { ClassicMember } from '../group/classic-member.ts'
import type { Assigned, Membership, Outage, PartitionOwner } from '../group/membership.ts'
import type { Start } from './fetch-place.ts'
import { Fetcher } from './kafka-fetcher.ts'

export interface CursorOrigin {
  readonly cluster: Cluster
  readonly group: string
  readonly topics: readonly string[]
  readonly from: StartFrom
  /** Tells the connections of this cursor from those of others. */
  readonly name: string
  readonly ledger: string | null
  readonly onClose: (cursor: KafkaCursor) => void
}

const noEntries: readonly LogEntry[] = Object.freeze([])
const openWithinMs = 5000
const prepareAgainMs = 200
const unavailableAfterMs = 10_000

export class KafkaCursor implements Cursor, PartitionOwner {
  readonly #origin: CursorOrigin
  readonly #cluster: Cluster
  readonly #member: Membership
  readonly #fetcher: Fetcher
  readonly #view = new Map<string, Partition>()
  readonly #leaving = new Map<string, Partition>()
  readonly #fenced = new Set<string>()
  /** Where to start in partitions that were given to us and not taken yet, with the round that gave them. */
  readonly #starts = new Map<string, { round: number; start: Start | undefined }>()
  /** Where a group without a committed position starts; empty for `earliest`. */
  #origins: ReadonlyMap<string, number> = new Map()
  #assignment: readonly Partition[] = []
  #preparing: Promise<void> = Promise.resolve()
  #prepareAgain: Timer | undefined
  /** Since when it is not known where to start. */
  #unplaced: Outage | undefined
  #toldAtMs = Number.NEGATIVE_INFINITY
  #committing: Promise<void> = Promise.resolve()
  /** When the group has named what `#drainTimer` waits for. */
  readonly #lostAtMs = new Map<string, number>()
  #drainTimer: Timer | undefined
  #failure: FirebreakError | undefined
  #wakeUp: (() => void) | undefined
  #closed = false
  #closing: Promise<void> | undefined

  constructor(origin: CursorOrigin) {
    const { cluster, group, topics, name } = origin
    this.#origin = origin
    this.#cluster = cluster
    this.#fetcher = new Fetcher(cluster, `fetch-${name}`, () => this.#wakeUp?.())
    this.#member = new ClassicMember(cluster, this, { group, topics, ledger: origin.ledger, channel: `member-${name}` })
  }

  /** Resolves when the group has given this member its part, or later by itself when others hold that up. */
  async start(): Promise<void> {
    const { from, topics } = this.#origin
    if (from !== 'earliest') {
      const all = topics.flatMap((topic) =>
        (this.#cluster.topic(topic)?.leaders ?? []).map((_, partition) => ({ topic, partition })),
      )
      this.#origins = await offsetsAt(this.#cluster, all, from === 'latest' ? 'next' : from)
    }
    const enough = new AbortController()
    const joined = this.#member.join().then(() => this.#preparing)
    await Promise.race([joined.finally(() => enough.abort()), sleep(this.#cluster.clock, openWithinMs, enough.signal)])
    if (this.#failure !== undefined) throw this.#failure
    if (this.#gain()) this.#fetcher.fetch()
  }

  async poll({ recordsMax, waitMs, signal }: PollLimit): Promise<readonly LogEntry[]> {
    this.#open()
    const { clock } = this.#cluster
    this.#acknowledge()
    const untilMs = clock.monotonic() + waitMs
    for (;;) {
      if (this.#closed || signal.aborted) return noEntries
      const hasLost = this.#drop()
      if (hasLost) return noEntries
      if (this.#failure !== undefined) throw this.#failure
      if (this.#member.isLost) this.#member.join().catch(() => undefined)
      const hasGained = this.#gain()
      const entries = this.#fetcher.take(recordsMax)
      const nowMs = clock.monotonic()
      if (entries.length > 0 || hasGained) return entries
      this.#tellTrouble(nowMs)
      if (nowMs >= untilMs) return entries
      await this.#wait(untilMs - nowMs, signal)
    }
  }

  async commit(next: readonly Position[]): Promise<void> {
    this.#open()
    if (next.length === 0) return
    const held = new Map(next.map((position) => [partitionId(position), this.#held(partitionId(position))]))
    const verify = (): void => {
      this.#open()
      const { isLost } = this.#member
      for (const [id, holding] of held)
        if (isLost || holding === undefined || this.#held(id) !== holding)
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
    this.#wakeUp?.()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  claimed(): readonly Partition[] {
    const all = new Map([...this.#view, ...this.#leaving])
    for (const id of this.#fenced) all.delete(id)
    for (const [id, { partition }] of this.#member.assignment) all.set(id, partition)
    return [...all.values()]
  }

  assignmentChanged(): void {
    if (this.#closed) return
    if (this.#member.isLost) {
      for (const id of this.#view.keys()) this.#fenced.add(id)
      this.#leaving.clear()
    }
    if (this.#member.assignment.size === 0) this.#unplaced = undefined
    this.#watchDrain()
    this.#prepare()
    this.#wakeUp?.()
  }

  membershipFailed(error: FirebreakError): void {
    this.#failure = error
    this.#wakeUp?.()
  }

  async #close(): Promise<void> {
    this.#closed = true
    this.#drainTimer?.cancel()
    this.#prepareAgain?.cancel()
    this.#assignment = []
    this.#view.clear()
    this.#leaving.clear()
    this.#wakeUp?.()
    await Promise.all([this.#fetcher.close(), this.#member.leave()])
    this.#origin.onClose(this)
  }

  #open(): void {
    if (this.#closed) throw new FirebreakError('FB_CLOSED', { what: `cursor of group ${this.#origin.group}` })
  }

  /** The same object from when the partition was taken until it has left. */
  #held(id: string): Partition | undefined {
    return this.#fenced.has(id) ? undefined : (this.#view.get(id) ?? this.#leaving.get(id))
  }

  #commit(positions: readonly CommittedPosition[], verify: () => void): Promise<void> {
    const turn = this.#committing.then(() => this.#member.commit(positions, verify))
    this.#committing = turn.catch(() => undefined)
    return turn
  }

  /** A member that holds nothing hears of trouble from nobody else. */
  #tellTrouble(nowMs: number): void {
    const trouble = this.#member.outage ?? this.#unplaced
    if (this.#view.size > 0 || trouble === undefined) return
    if (nowMs - Math.max(trouble.sinceMs, this.#toldAtMs) < unavailableAfterMs) return
    this.#toldAtMs = nowMs
    throw asLogError(trouble.error, this.#cluster.settings.path)
  }

  /** A poll after one that showed a loss: what was lost is drained and committed. */
  #acknowledge(): void {
    if (this.#leaving.size === 0) return
    this.#leaving.clear()
    this.#watchDrain()
    this.#prepare()
    this.#member.revocationDone()
  }

  /** Takes out of the view what the group has given to somebody else. */
  #drop(): boolean {
    // Looked at here: it notices that the process was stopped for too long.
    void this.#member.isLost
    let hasLost = false
    for (const [id, partition] of this.#view) {
      const isFenced = this.#fenced.has(id)
      if (!isFenced && this.#member.assignment.has(id)) continue
      this.#view.delete(id)
      this.#fetcher.remove(id)
      if (isFenced) this.#fenced.delete(id)
      else this.#leaving.set(id, partition)
      hasLost = true
    }
    if (hasLost) {
      this.#assignment = Object.freeze([...this.#view.values()])
      this.#prepare()
    }
    return hasLost
  }

  #gain(): boolean {
    let hasGained = false
    for (const [id, { round, start }] of this.#starts) {
      const assigned = this.#member.assignment.get(id)
      if (start === undefined) continue
      this.#starts.delete(id)
      if (assigned?.round !== round || this.#view.has(id) || this.#leaving.has(id)) continue
      this.#view.set(id, assigned.partition)
      this.#fetcher.add(assigned.partition, start)
      hasGained = true
    }
    if (hasGained) this.#assignment = Object.freeze([...this.#view.values()])
    return hasGained
  }

  /** Finds out where to start in what is ours to take. */
  #prepare(): void {
    const wanted = new Map<string, Assigned>()
    for (const [id, assigned] of this.#member.assignment) {
      if (this.#view.has(id) || this.#leaving.has(id) || this.#starts.get(id)?.round === assigned.round) continue
      this.#starts.set(id, { round: assigned.round, start: undefined })
      wanted.set(id, assigned)
    }
    if (wanted.size === 0) return
    const error = new Error(`no answer about the positions of ${this.#origin.group}`)
    this.#unplaced ??= { sinceMs: this.#cluster.clock.monotonic(), error }
    this.#preparing = this.#findStarts(wanted).then(
      (starts) => {
        for (const [id, start] of starts) {
          const waiting = this.#starts.get(id)
          if (waiting !== undefined && waiting.round === wanted.get(id)?.round)
            this.#starts.set(id, { ...waiting, start })
        }
        this.#unplaced = undefined
        this.#wakeUp?.()
      },
      (error) => this.#unprepared(wanted, asLogError(error, this.#cluster.settings.path)),
    )
  }

  #unprepared(wanted: ReadonlyMap<string, Assigned>, error: FirebreakError): void {
    for (const [id, { round }] of wanted) if (this.#starts.get(id)?.round === round) this.#starts.delete(id)
    if (this.#closed) return
    if (this.#unplaced !== undefined) this.#unplaced = { ...this.#unplaced, error }
    if (error.kind === 'config') this.membershipFailed(error)
    else this.#prepareAgain = this.#cluster.clock.schedule(prepareAgainMs, () => this.#prepare())
  }

  async #findStarts(wanted: ReadonlyMap<string, Assigned>): Promise<ReadonlyMap<string, Start>> {
    const partitions = [...wanted.values()].map(({ partition }) => partition)
    const starts = new Map<string, Start>()
    for (const one of await committedPositions(this.#cluster, this.#origin.group, partitions))
      starts.set(partitionId(one), { offset: one.offset, leaderEpoch: one.leaderEpoch })
    const fresh = partitions.filter((one) => !starts.has(partitionId(one)))
    if (fresh.length === 0) return starts
    const unplaced = fresh.filter((one) => !this.#origins.has(partitionId(one)))
    const firsts = unplaced.length === 0 ? new Map<string, number>() : await offsetsAt(this.#cluster, unplaced, 'first')
    const positions = fresh.map((one) => {
      const id = partitionId(one)
      return { ...one, offset: this.#origins.get(id) ?? firsts.get(id) ?? 0, leaderEpoch: -1 }
    })
    // Committed at once: whoever takes over next must not skip what came in between.
    if (this.#origins.size > 0) await this.#commit(positions, () => this.#verifyGiven(wanted))
    for (const { offset, ...partition } of positions) starts.set(partitionId(partition), { offset, leaderEpoch: -1 })
    return starts
  }

  #verifyGiven(wanted: ReadonlyMap<string, Assigned>): void {
    this.#open()
    for (const [id, assigned] of wanted)
      if (this.#member.assignment.get(id) !== assigned) throw new FirebreakError('FB_FENCED', { partition: id })
  }

  /** Fences what was not let go of in time. */
  #watchDrain(): void {
    const { clock, settings } = this.#cluster
    const nowMs = clock.monotonic()
    const draining = new Set(this.#leaving.keys())
    for (const id of this.#view.keys()) if (!this.#member.assignment.has(id) && !this.#fenced.has(id)) draining.add(id)
    for (const id of this.#lostAtMs.keys()) if (!draining.has(id)) this.#lostAtMs.delete(id)
    let nextMs = Number.POSITIVE_INFINITY
    let isLate = false
    for (const id of draining) {
      const lostAtMs = this.#lostAtMs.get(id) ?? nowMs
      this.#lostAtMs.set(id, lostAtMs)
      if (lostAtMs + settings.drainTimeoutMs > nowMs) nextMs = Math.min(nextMs, lostAtMs + settings.drainTimeoutMs)
      else {
        isLate = true
        if (!this.#leaving.delete(id)) this.#fenced.add(id)
        this.#lostAtMs.delete(id)
      }
    }
    this.#drainTimer?.cancel()
    this.#drainTimer = undefined
    if (nextMs < Number.POSITIVE_INFINITY) this.#drainTimer = clock.schedule(nextMs - nowMs, () => this.#watchDrain())
    if (!isLate) return
    this.#member.revocationDone()
    this.#prepare()
    this.#wakeUp?.()
  }

  #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel()
        signal.removeEventListener('abort', wake)
        this.#wakeUp = undefined
        resolve()
      }
      const timer = this.#cluster.clock.schedule(delayMs, wake)
      signal.addEventListener('abort', wake, { once: true })
      this.#wakeUp = wake
    })
  }
}
