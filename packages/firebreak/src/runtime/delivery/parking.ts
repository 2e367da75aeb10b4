import type { Timer } from '../../contracts/clock.ts'
import { heldLanes } from '../../ledger/letters.ts'
import { type ParkedDates, type ParkedRow, readLane, readLanes, waitOf } from '../../ledger/parked.ts'
import { nextTurn } from '../../node/turn.ts'
import { classify } from '../instance/decide.ts'
import type { Instance } from '../instance/instance.ts'
import { inboxIdOf } from '../message/envelope-codec.ts'
import { type ClaimedPartition, type Delivery, deliveryOf, type ParkedState } from '../partition/partition.ts'
import type { DeliveryEnd, ParkedUntil } from './deliver.ts'

const rowsPerRead = 64
const readAgainMs = 1000

/**
 * Brings parked lanes back when they are due, one record after the other, and lets a lane go live again when nothing of
 * it is left in the database.
 *
 * I1 A lane is drained by one loop at a time, and only while no live record of it is being handled (`busy`).
 * I2 A lane leaves `parked` and `busy` in the turn in which its last row is gone: no live record can slip between.
 * I3 One timer for all lanes, armed for the earliest date; none while nothing waits for a date.
 * I4 What was read of a lane is forgotten when the lane has changed since: memory is never set back to an older state.
 * I5 A date of the table is read once, when it is met: from then on it waits on the monotonic scale, wherever the wall clock is
 *    set meanwhile.
 */
export class Parking {
  readonly #instance: Instance
  readonly #deliver: (delivery: Delivery) => Promise<DeliveryEnd>
  readonly #partitions = new Set<ClaimedPartition>()
  readonly #loading = new Map<ClaimedPartition, Load>()
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  #kicksSoon = false
  #stopped = false

  constructor(instance: Instance, deliver: (delivery: Delivery) => Promise<DeliveryEnd>) {
    this.#instance = instance
    this.#deliver = deliver
  }

  get count(): number {
    let count = 0
    for (const partition of this.#partitions) count += partition.parkedCount
    return count
  }

  /** Takes over what is parked in a partition that has just been claimed. */
  async adopt(partition: ClaimedPartition): Promise<void> {
    this.#partitions.add(partition)
    await this.#load(partition)
    this.kick()
  }

  drop(partition: ClaimedPartition): void {
    this.#partitions.delete(partition)
  }

  /** A live record was parked: its lane waits. */
  parkedUntil(partition: ClaimedPartition, lane: string, until: ParkedUntil): void {
    const state = this.stateOf(partition, lane)
    state.count++
    putOff(state, until)
    this.touch(partition, lane)
    // Otherwise the timer comes first, and looks at all of them.
    if (state.headDueAtMs < this.#timerAtMs) this.kick()
  }

  /** A dead letter holds its lane until a person decides. */
  hold(partition: ClaimedPartition, lane: string): void {
    this.stateOf(partition, lane).held = true
    this.touch(partition, lane)
  }

  /** A lane has changed: what is being read of it right now is out of date (I4). */
  touch(partition: ClaimedPartition, lane: string): void {
    this.#loading.get(partition)?.touched.add(lane)
  }

  stateOf(partition: ClaimedPartition, lane: string): ParkedState {
    const known = partition.parked.get(lane)
    if (known !== undefined) return known
    const state = { count: 0, pending: 0, landed: 0, headDueAtMs: 0, head: null, draining: false, held: false }
    partition.parked.set(lane, state)
    return state
  }

  /** Reads again what another process may have changed: replays and discards. */
  async reload(): Promise<void> {
    for (const partition of this.#partitions) await this.#load(partition)
    this.kick()
  }

  /** Starts nothing more; what runs ends by itself, and `busy` says when. */
  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** Starts the lanes that are due and arms the timer for the next one. */
  kick(): void {
    if (this.#stopped) return
    const now = this.#instance.clock.monotonic()
    let earliest = Number.POSITIVE_INFINITY
    for (const partition of this.#partitions) {
      if (partition.parked.size === 0) continue
      for (const [lane, state] of partition.parked) {
        const due = partition.busy.has(lane) ? Number.POSITIVE_INFINITY : dueOf(state)
        if (due <= now) this.#start(partition, lane, state)
        else if (due < earliest) earliest = due
      }
    }
    this.#arm(earliest, now)
  }

  // Once for all lanes that end in one turn: thousands wait, and each look is at all of them.
  #kickSoon(): void {
    if (this.#kicksSoon) return
    this.#kicksSoon = true
    nextTurn(() => {
      this.#kicksSoon = false
      this.kick()
    })
  }

  #arm(atMs: number, now: number): void {
    if (atMs === this.#timerAtMs) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAtMs = atMs
    if (atMs === Number.POSITIVE_INFINITY) return
    this.#timer = this.#instance.clock.schedule(atMs - now, () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY
      this.kick()
    })
  }

  async #load(partition: ClaimedPartition): Promise<void> {
    const running = this.#loading.get(partition)
    if (running !== undefined) {
      running.again = true
      return
    }
    const load: Load = { touched: new Set(), again: true }
    this.#loading.set(partition, load)
    try {
      while (load.again) await this.#loadOnce(partition, load)
    } finally {
      this.#loading.delete(partition)
    }
  }

  async #loadOnce(partition: ClaimedPartition, load: Load): Promise<void> {
    load.again = false
    load.touched.clear()
    const { database } = this.#instance
    const rows = new Map((await readLanes(database, partition)).map((row) => [row.lane, row]))
    const held = new Set(await heldLanes(database, partition))
    for (const lane of new Set([...rows.keys(), ...held, ...partition.parked.keys()])) {
      const known = partition.parked.get(lane)
      if (load.touched.has(lane)) {
        load.again ||= rows.has(lane) || held.has(lane)
        continue
      }
      // Its own loop, a live record of it, or an insert under way knows better than what was just read.
      if (known !== undefined && (known.draining || known.pending > 0 || partition.busy.has(lane))) continue
      const row = rows.get(lane)
      if (row === undefined && !held.has(lane)) {
        partition.parked.delete(lane)
        continue
      }
      const state = this.stateOf(partition, lane)
      state.count = row?.count ?? 0
      state.held = held.has(lane)
      if (row !== undefined) this.#meet(state, row.head)
    }
  }

  #start(partition: ClaimedPartition, lane: string, state: ParkedState): void {
    state.draining = true
    partition.busy.add(lane)
    this.#drain(partition, lane, state).then(
      () => partition.fenced || this.#kickSoon(),
      (error) => this.#instance.halt(error),
    )
  }

  async #drain(partition: ClaimedPartition, lane: string, state: ParkedState): Promise<void> {
    // The head alone at first: a lane whose head fails again needs none of what waits behind it.
    for (let rowsMax = 1; this.#mayRun(partition); rowsMax = rowsPerRead)
      if (!(await this.#drainSome(partition, lane, state, rowsMax))) break
    state.draining = false
    partition.busy.delete(lane)
    if (state.count === 0 && !state.held) partition.parked.delete(lane)
    this.touch(partition, lane)
  }

  #mayRun(partition: ClaimedPartition): boolean {
    return !this.#stopped && !partition.fenced && this.#partitions.has(partition)
  }

  /** False when the lane must wait, or is empty. */
  async #drainSome(partition: ClaimedPartition, lane: string, state: ParkedState, rowsMax: number): Promise<boolean> {
    const { landed } = state
    const rows = await this.#read(partition, lane, rowsMax)
    if (rows === undefined) {
      state.headDueAtMs = this.#instance.clock.monotonic() + readAgainMs
      return false
    }
    if (rows.length === 0) {
      if (state.landed !== landed) return true
      // The table has the last word on the count. Inserts under way will kick when they land, and wait for nothing then.
      state.count = state.pending
      state.headDueAtMs = 0
      return false
    }
    for (const row of rows) if (!(await this.#handle(partition, state, row))) return false
    return true
  }

  async #handle(partition: ClaimedPartition, state: ParkedState, row: ParkedRow): Promise<boolean> {
    if (!this.#mayRun(partition)) return false
    this.#meet(state, row)
    const nowMs = this.#instance.clock.monotonic()
    if (state.headDueAtMs > nowMs) return false
    const parked = { ...row, owedAtMs: state.head?.owedAtMs ?? nowMs }
    const known = { lane: row.lane, inboxId: inboxIdOf(row.entry), handled: 'ask', parked } as const
    const end = await this.#deliver(deliveryOf(partition, row.entry, known))
    if (typeof end === 'object') {
      putOff(state, end)
      return false
    }
    if (end === 'left') return false
    state.count = Math.max(state.pending, state.count - 1)
    state.held = end === 'held'
    return !state.held
  }

  /** This is the head of the lane now (I5). */
  #meet(state: ParkedState, dates: ParkedDates): void {
    const { dueAtMs } = dates
    if (dueAtMs !== null && state.head?.dateMs === dueAtMs) return
    const { clock } = this.#instance
    const owedAtMs = clock.monotonic() + waitOf(dates, clock.now())
    // One without a date stands behind a hold that is over: what it waited for is gone.
    state.head = dueAtMs === null ? null : { dateMs: dueAtMs, owedAtMs }
    state.headDueAtMs = dueAtMs === null ? 0 : owedAtMs
  }

  async #read(partition: ClaimedPartition, lane: string, rowsMax: number): Promise<readonly ParkedRow[] | undefined> {
    try {
      return await readLane(this.#instance.database, partition, lane, rowsMax)
    } catch (error) {
      if (classify(error).kind === 'halt') this.#instance.halt(error as Error)
      this.#instance.emit({ kind: 'infrastructure-error', where: 'database', error })
      return undefined
    }
  }
}

/** A reading of a partition's parked lanes that is under way. */
interface Load {
  readonly touched: Set<string>
  again: boolean
}

function dueOf(state: ParkedState): number {
  if (state.draining || state.held || state.count <= state.pending) return Number.POSITIVE_INFINITY
  return state.headDueAtMs
}

/** A record that was not even started bears its old date, and counts from that. */
function putOff(state: ParkedState, { parkedUntilMs, dateMs }: ParkedUntil): void {
  if (dateMs !== state.head?.dateMs) state.head = dateMs === null ? null : { dateMs, owedAtMs: parkedUntilMs }
  state.headDueAtMs = parkedUntilMs
}
