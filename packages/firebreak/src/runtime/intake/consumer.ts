import { sleep, type Timer } from '../../contracts/clock.ts'
import type { Sql } from '../../contracts/database.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import {
  type Cursor,
  type LogEntry,
  type Partition,
  type Position,
  partitionId,
  placeOf,
  type StartFrom,
} from '../../contracts/log.ts'
import { releasePartition } from '../../ledger/partitions.ts'
import { clearSuspects } from '../../ledger/suspects.ts'
import { nextTurn } from '../../node/turn.ts'
import type { Lanes } from '../delivery/lanes.ts'
import type { Parking } from '../delivery/parking.ts'
import { refuseCompany } from '../instance/boot-checks.ts'
import { classify, troubleWith } from '../instance/decide.ts'
import type { Engine } from '../instance/engine.ts'
import { persist } from '../instance/persist.ts'
import type { StopTime } from '../instance/stop-time.ts'
import { inboxIdOf } from '../message/envelope-codec.ts'
import { behindTheLog } from '../partition/log-agreement.ts'
import type { ClaimedPartition } from '../partition/partition.ts'
import { claim } from './claim.ts'

const pollRecordsMax = 1000
// A thousand records take the event loop for 10 ms. While many handlers wait, their timers and answers are due in between;
// for a few it is not worth the smaller groups of commits.
const stepRecords = 100
const manyShare = 0.1
const pollWaitMs = 5000
// Nothing wakes a poll when an outbox or a parked lane drains; looking again costs next to nothing.
const pausedWaitMs = 250
const commitEveryMs = 1000
// A window of offsets much wider than the records in memory means that one slow key holds the others' progress open.
const spanFactor = 5
const none: ReadonlySet<string> = new Set()

/**
 * The intake of one instance: polls, keeps the claims of partitions, and feeds the lanes.
 *
 * I1 `#claims` equals the cursor's assignment at every poll; a lost partition is drained, committed and released before
 *    the next poll, which is what hands it to somebody else.
 * I2 What the log is told as committed is never beyond what the database has committed.
 * I3 A record that the cursor has handed out is accepted, or the cursor is opened anew from what is committed.
 * I4 A full memory, too much parked, a full outbox, or a topic of which nothing could start pauses partitions; the group is
 *    never left.
 */
export class Consumer {
  readonly #engine: Engine
  readonly #lanes: Lanes
  readonly #parking: Parking
  readonly #startFrom: StartFrom
  readonly #outboxPending: () => number
  readonly #onClaim: () => void
  readonly #claims = new Map<string, ClaimedPartition>()
  /** Event ids of the last records, two to four times `recordsMax`: notices copies that come close together. */
  #lately = new Set<string>()
  #before: ReadonlySet<string> = none
  readonly #committed = new Map<string, number>()
  /** The cursor has moved past records that are not accepted yet. */
  #handedOut = false
  /** Claims that have not been compared with the log. */
  readonly #unchecked = new Set<ClaimedPartition>()
  /** The cursor stands beyond what the database has finished. */
  #isAhead = false
  #cursor: Cursor | undefined
  #loop: Promise<void> = Promise.resolve()
  readonly #stop = new AbortController()
  #wake: AbortController | undefined
  #commitTimer: Timer | undefined

  constructor(deps: {
    engine: Engine
    lanes: Lanes
    parking: Parking
    startFrom: StartFrom
    outboxPending: () => number
    onClaim: () => void
  }) {
    this.#engine = deps.engine
    this.#lanes = deps.lanes
    this.#parking = deps.parking
    this.#startFrom = deps.startFrom
    this.#outboxPending = deps.outboxPending
    this.#onClaim = deps.onClaim
  }

  get claims(): readonly ClaimedPartition[] {
    return [...this.#claims.values()]
  }

  async start(): Promise<void> {
    if (this.#engine.service.topics.length === 0) return
    this.#cursor = await this.#open()
    this.#loop = this.#run()
  }

  /** A record has left memory: a poll that waits with everything paused may have something to do again. */
  onRoom(): void {
    if (this.#wake !== undefined && !this.#isFull(0.5)) {
      this.#wake.abort()
      this.#wake = undefined
    }
  }

  /** Stops intake, waits for what runs, and leaves the group with everything committed, as far as `time` allows. */
  async stop(time: StopTime): Promise<boolean> {
    this.#stop.abort()
    this.#wake?.abort()
    await time.sees(this.#loop)
    const drained = await this.#release(this.claims, time.drainMs, time)
    this.#commitTimer?.cancel()
    if (this.#cursor !== undefined) await time.sees(this.#cursor.close())
    return drained
  }

  async #open(): Promise<Cursor> {
    const { log, service, ledger } = this.#engine
    const own = ledger.id === null ? {} : { ledger: ledger.id }
    const cursor = await log.open(service.name, service.topics, { from: this.#startFrom, ...own })
    if (!this.#stop.signal.aborted) return cursor
    // The stop has not waited for it, and nobody else would leave the group again.
    await cursor.close()
    throw new FirebreakError('FB_CLOSED', { what: `the runtime of ${service.name}` })
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      try {
        this.#cursor ??= await this.#open()
        await this.#turn(this.#cursor)
        if (this.#isAhead || this.claims.some((claimed) => claimed.fenced)) await this.#rejoin()
        failures = 0
      } catch (error) {
        if (this.#stop.signal.aborted) return
        if (classify(error).kind === 'halt') return this.#engine.halt(error as Error)
        this.#engine.tell?.({ kind: 'trouble', where: troubleWith(error), error })
        if (this.#handedOut) await this.#rejoin()
        failures++
        await sleep(this.#engine.clock, Math.min(1000, 50 * failures), this.#stop.signal)
      }
    }
  }

  /**
   * Starts again from what is committed (I3): the database gave a partition to somebody else while the log had not, or
   * records that were handed out could not be accepted. The cursor goes even if closing it fails, because it is ahead.
   */
  async #rejoin(): Promise<void> {
    await this.#release(this.claims, this.#engine.limits.drainMs)
    const cursor = this.#cursor
    this.#cursor = undefined
    this.#handedOut = false
    this.#isAhead = false
    await cursor?.close().catch((error) => this.#engine.tell?.({ kind: 'trouble', where: 'log', error }))
  }

  async #turn(cursor: Cursor): Promise<void> {
    // A log may assign at once: what is parked there must not wait for the first record.
    if (this.#claims.size === 0) await this.#persist(() => this.#followAssignment(cursor))
    if (this.#isAhead) return
    const paused = this.#pausedNow()
    cursor.pause(paused)
    const wake = new AbortController()
    this.#wake = paused.length > 0 ? wake : undefined
    const signal = paused.length > 0 ? AbortSignal.any([wake.signal, this.#stop.signal]) : this.#stop.signal
    const waitMs = paused.length > 0 ? pausedWaitMs : pollWaitMs
    const room = Math.max(1, this.#engine.limits.recordsMax - this.#lanes.held)
    const recordsMax = Math.min(this.#manyWait() ? stepRecords : pollRecordsMax, room)
    const entries = await cursor.poll({ recordsMax, waitMs, signal })
    this.#wake = undefined
    if (this.#stop.signal.aborted) return
    // The cursor has moved past these records: from here on they are ours to keep until they are accepted (I3).
    this.#handedOut = entries.length > 0
    await this.#persist(() => this.#followAssignment(cursor))
    if (this.#isAhead) return
    if (entries.length > 0) await this.#accept(entries)
    this.#handedOut = false
    if (this.#manyWait()) await new Promise<void>(nextTurn)
  }

  #manyWait(): boolean {
    const { slots, limits } = this.#engine
    return slots.running >= limits.handlersMax * manyShare
  }

  #persist<T>(run: () => Promise<T>): Promise<T | undefined> {
    return persist(this.#engine, this.#stop.signal, run)
  }

  async #accept(entries: readonly LogEntry[]): Promise<void> {
    const ids: (string | null)[] = []
    const old: string[] = []
    let claimOf = claimFinder(this.#claims)
    for (const entry of entries) {
      const id = inboxIdOf(entry)
      ids.push(id)
      if (id !== null && claimOf(entry)?.horizon.isNew(id) === false) old.push(id)
    }
    const handled = old.length === 0 ? none : await this.#persist(() => this.#engine.committer.inbox.find(old))
    if (handled === undefined) return
    claimOf = claimFinder(this.#claims)
    let at = 0
    for (const entry of entries) {
      const id = ids[at++] ?? null
      const claimed = claimOf(entry)
      if (claimed === undefined || claimed.fenced) continue
      const from = claimed.offsets.expected
      if (from !== null && from < entry.offset)
        this.#engine.tell?.({ kind: 'gap', partition: placeOf(claimed), from, to: entry.offset })
      if (!claimed.offsets.accept(entry.offset)) continue
      const before = id !== null && (handled.has(id) || this.#seen(id))
      this.#lanes.push(claimed, { entry, inboxId: id, handled: before })
    }
    this.#commitSoon()
  }

  // Copies of one event can sit in memory together, on different partitions even: the later one asks again on its turn.
  #seen(id: string): false | 'ask' {
    if (this.#lately.has(id) || this.#before.has(id)) return 'ask'
    // Two generations: forgetting ids one by one costs more than a look into both.
    if (this.#lately.size >= this.#engine.limits.recordsMax * 2) {
      this.#before = this.#lately
      this.#lately = new Set()
    }
    this.#lately.add(id)
    return false
  }

  async #followAssignment(cursor: Cursor): Promise<void> {
    const assigned = new Map(cursor.assignment().map((p) => [partitionId(p), p]))
    const lost = this.claims.filter((claimed) => !assigned.has(claimed.id))
    const gained = [...assigned].filter(([id]) => !this.#claims.has(id))
    // First, so that it is asked again when the log does not answer. Gaining is a reason too: members that start at once
    // share the first assignment, and none of them loses anything.
    if (lost.length > 0 || gained.length > 0) await refuseCompany(this.#engine)
    await this.#release(lost, this.#engine.limits.drainMs)
    for (const [id, partition] of gained) await this.#persist(() => this.#claim(id, partition))
    await this.#agreeWithLog(cursor)
    // Whoever had them may have died between a commit and the relay: what it left in the outbox is ours to send.
    if (gained.length > 0) this.#onClaim()
  }

  /** After a restored database the cursor is ahead of the ledger: it is opened anew where the ledger stands. */
  async #agreeWithLog(cursor: Cursor): Promise<void> {
    if (this.#unchecked.size === 0) return
    const { log, service } = this.#engine
    const back = await behindTheLog(
      log,
      service.name,
      this.claims.filter((claimed) => this.#unchecked.has(claimed)),
    )
    if (back.length > 0) await cursor.commit(back)
    this.#unchecked.clear()
    for (const { topic, partition, offset } of back)
      this.#engine.tell?.({ kind: 'rewound', partition: { topic, partition }, to: offset })
    this.#isAhead ||= back.length > 0
  }

  async #claim(id: string, partition: Partition): Promise<void> {
    const claimed = await claim(this.#engine, partition)
    this.#claims.set(id, claimed)
    this.#unchecked.add(claimed)
    // Tried on its own: claiming once more would make us suspicious of ourselves, and without what is parked in it a
    // partition would let later records of a key run ahead.
    await this.#persist(() => this.#parking.adopt(claimed))
  }

  /**
   * Waits for what runs in these partitions, tells the log where they stand, and lets them go. The next poll, or the end of
   * the cursor, hands them over.
   *
   * Until then each is idle or fenced. Idle: nothing of it is under way. Fenced: what waits for a commit is refused, and a
   * commit that the database has begun either ends before the next member's claim, or finds the epoch raised and changes
   * nothing. So a stop may leave a silent database behind, and what is told to the log is what has been committed in both
   * cases. A rebalance has no `time`: it waits for the database.
   */
  async #release(claims: readonly ClaimedPartition[], drainMs: number, time?: StopTime): Promise<boolean> {
    if (claims.length === 0) return true
    for (const claimed of claims) {
      for (const lane of claimed.lanes.values()) this.#lanes.forget(claimed, lane)
      this.#parking.drop(claimed)
    }
    const drained = await this.#drained(claims, drainMs)
    for (const claimed of claims) if (claimed.busy.size > 0) claimed.fence()
    const { committer, tell } = this.#engine
    const sees = async (work: Promise<unknown>): Promise<boolean> => (time ? time.sees(work) : work.then(() => true))
    if (!(await sees(committer.idle()))) for (const claimed of claims) claimed.fence()
    const clean = new Set(claims.filter((claimed) => !claimed.fenced))
    const told = this.#commitToLog().catch((error) => tell?.({ kind: 'trouble', where: 'log', error }))
    await sees(Promise.all([told, this.#letGo(claims, time !== undefined)]))
    for (const claimed of claims) {
      // A stop that did not wait for this has let it go.
      if (!this.#claims.delete(claimed.id)) continue
      this.#committed.delete(claimed.id)
      claimed.fence()
      tell?.({ kind: 'released', partition: placeOf(claimed), drained: clean.has(claimed) })
    }
    return drained
  }

  /**
   * Says goodbye in the ledger, also for what still runs: nobody has died, so nobody is suspect. A stop clears all suspicion; a
   * hand-over passes it on. Where the database does not answer, the next holder is suspicious for a while, and nothing worse.
   */
  async #letGo(claims: readonly ClaimedPartition[], isStop: boolean): Promise<void> {
    const units = claims.map((claimed) => async (sql: Sql) => {
      const wasOurs = await releasePartition(sql, claimed)
      if (wasOurs && isStop && claimed.suspects.size > 0) await clearSuspects(sql, claimed)
    })
    try {
      await this.#engine.database.commit(units)
    } catch (error) {
      this.#engine.tell?.({ kind: 'trouble', where: 'database', error })
    }
  }

  async #drained(claims: readonly ClaimedPartition[], drainMs: number): Promise<boolean> {
    const { clock } = this.#engine
    const untilMs = clock.monotonic() + drainMs
    const busy = (): boolean => claims.some((claimed) => claimed.busy.size > 0 || claimed.lanes.size > 0)
    while (busy() && clock.monotonic() < untilMs) await sleep(clock, 5)
    return !busy()
  }

  #pausedNow(): readonly Partition[] {
    const { limits, gate } = this.#engine
    if (this.#isFull(1)) return this.claims
    const tooMuchParked = this.#parking.count >= limits.parkedMax
    const claims = Math.max(1, this.#claims.size)
    const share = Math.max(100, (limits.recordsMax * 2) / claims)
    // Of those that hold parked records only those that hold many: a key that failed must not stop a whole topic.
    const parkedShare = limits.parkedMax / claims
    return this.claims.filter(
      (claimed) =>
        claimed.held >= share ||
        claimed.offsets.span >= limits.recordsMax * spanFactor ||
        (tooMuchParked && claimed.parkedCount >= parkedShare) ||
        gate.isShut(claimed.topic),
    )
  }

  #isFull(fraction: number): boolean {
    const { limits } = this.#engine
    return this.#lanes.held >= limits.recordsMax * fraction || this.#outboxPending() >= limits.outboxMax * fraction
  }

  #commitSoon(): void {
    if (this.#stop.signal.aborted) return
    this.#commitTimer ??= this.#engine.clock.schedule(commitEveryMs, () => {
      this.#commitTimer = undefined
      this.#commitToLog().catch((error) => {
        this.#engine.tell?.({ kind: 'trouble', where: 'log', error })
        this.#commitSoon()
      })
    })
  }

  async #commitToLog(): Promise<void> {
    const positions = this.#untold()
    if (positions.length > 0) await this.#cursor?.commit(positions)
    for (const position of positions) this.#committed.set(partitionId(position), position.offset)
    // Asked again: the log may have taken its time, and what finished meanwhile has nobody else to tell it.
    if (this.#lanes.held > 0 || this.#untold().length > 0) this.#commitSoon()
  }

  /** Where the database is ahead of what the log knows. */
  #untold(): readonly Position[] {
    return this.claims.flatMap((claimed) => {
      const { committedNext } = claimed.offsets
      if (claimed.fenced || committedNext === null || this.#committed.get(claimed.id) === committedNext) return []
      return [{ topic: claimed.topic, partition: claimed.partition, offset: committedNext }]
    })
  }
}

/** Finds the claims of records that come partition by partition: the last one found is mostly the next one asked for. */
function claimFinder(
  claims: ReadonlyMap<string, ClaimedPartition>,
): (partition: Partition) => ClaimedPartition | undefined {
  let last: ClaimedPartition | undefined
  return (entry) => {
    if (last?.topic !== entry.topic || last.partition !== entry.partition) last = claims.get(partitionId(entry))
    return last
  }
}
