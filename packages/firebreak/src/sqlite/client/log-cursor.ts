/**
 * One member of a consumer group.
 *
 * I1 `visible` changes only when a poll returns, and a poll that loses a partition returns: between polls it is constant.
 * I2 A partition that left `view` is released by the next poll, never before; `view` loses none within a poll.
 * I3 A poll sleeps only if every readable partition was read to its end after the last nudge.
 */
import type { Clock } from '../../contracts/clock.ts'
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
import type { LogReader, Place } from '../file/log-reader.ts'
import { jsonFrame, wire } from '../file/log-wire.ts'
import type { Assignment } from '../owner/log-groups.ts'
import type { OwnerSession } from './owner-session.ts'

export interface MemberCursor extends Cursor {
  readonly name: string
  /** What an owner must know to take this member in; its claims after a change of owner. */
  joinFrame(id: number): Buffer
  assigned(assignment: Assignment): void
  /** Partitions grew up to these offsets. */
  nudged(next: ReadonlyMap<number, number>): void
  failed(error: FirebreakError): void
}

export interface CursorOptions {
  readonly name: string
  readonly group: string
  readonly topics: readonly string[]
  readonly from: StartFrom
  readonly ledger: string | null
  readonly session: OwnerSession
  readonly reader: LogReader
  readonly clock: Clock
  onClose(): void
}

interface Held {
  readonly place: Place
  readonly id: string
  position: number
  /** Below it there are records; infinite when unknown. Written by nudges and reads. */
  end: number
  rowBytes: number
}

// Nudges are enough; this is for the one that got lost because a socket was full.
const backupMs = 1000
const readBytesMax = 4 * 1024 * 1024

export function createCursor(options: CursorOptions): MemberCursor {
  return new GroupCursor(options)
}

class GroupCursor implements MemberCursor {
  readonly #options: CursorOptions
  readonly name: string
  readonly #session: OwnerSession
  readonly #reader: LogReader
  readonly #clock: Clock
  #view = new Map<number, Held>()
  #visible: readonly Partition[] = []
  #paused: ReadonlySet<string> = new Set()
  #pending: Assignment | undefined
  #generation = 0
  #letGo = new Set<number>()
  #owesRelease = false
  #changed = false
  #failure: FirebreakError | undefined
  #closed = false
  #turn = 0
  readonly #waker = new Waker()

  constructor(options: CursorOptions) {
    this.#options = options
    this.name = options.name
    this.#session = options.session
    this.#reader = options.reader
    this.#clock = options.clock
  }

  #adopt(): void {
    if (this.#pending === undefined) return
    const { partitions } = this.#pending
    this.#generation = this.#pending.generation
    this.#pending = undefined
    const next = new Map<number, Held>()
    for (const [id, committed] of partitions) {
      const held = this.#view.get(id) ?? hold(this.#reader, id, Math.max(committed, 0))
      if (held !== undefined) next.set(id, held)
    }
    for (const id of this.#view.keys()) if (!next.has(id)) this.#letGo.add(id)
    this.#owesRelease = true
    this.#view = next
    this.#changed = true
  }

  #show(): void {
    if (!this.#changed) return
    this.#changed = false
    this.#visible = Object.freeze(
      [...this.#view.values()].map(({ place: { topic, partition } }) => ({ topic, partition })),
    )
  }

  #release(): void {
    if (!this.#owesRelease) return
    this.#owesRelease = false
    this.#letGo = new Set()
    this.#session
      .request((id) => jsonFrame(wire.release, id, { member: this.name, generation: this.#generation }))
      .catch(() => undefined)
  }

  #readable(): Held[] {
    const staying = this.#pending === undefined ? undefined : new Set(this.#pending.partitions.map(([id]) => id))
    return [...this.#view.values()].filter(
      ({ place, id, position, end }) => end > position && !this.#paused.has(id) && staying?.has(place.id) !== false,
    )
  }

  #readSome(max: number): LogEntry[] {
    const sources = this.#readable()
    // The one that was second goes first next time: none waits behind the others forever.
    const start = this.#turn++ % Math.max(sources.length, 1)
    const order = [...sources.slice(start), ...sources.slice(0, start)]
    let entries: LogEntry[] = []
    for (const [i, held] of order.entries()) {
      const share = Math.ceil((max - entries.length) / (order.length - i))
      if (share <= 0) break
      const read = readOne(this.#reader, held, share)
      entries = entries.length === 0 ? read : entries.concat(read)
    }
    return entries
  }

  #lookEverywhere(): void {
    for (const held of this.#view.values()) held.end = Number.POSITIVE_INFINITY
  }

  async #pollOnce({ recordsMax, waitMs, signal }: PollLimit): Promise<readonly LogEntry[]> {
    let leftMs = waitMs
    if (onlyAdds(this.#pending, this.#view)) this.#adopt()
    for (;;) {
      if (this.#closed) return []
      if (this.#failure !== undefined) throw this.#takeFailure()
      const entries = signal.aborted ? [] : this.#readSome(recordsMax)
      const news = this.#changed || this.#pending !== undefined
      if (entries.length > 0 || news || signal.aborted || leftMs <= 0) return entries
      const sliceMs = Math.min(leftMs, backupMs)
      const before = this.#clock.monotonic()
      const late = await this.#waker.wait(this.#clock, sliceMs, signal)
      leftMs -= late ? sliceMs : Math.max(0, Math.min(sliceMs, this.#clock.monotonic() - before))
      if (late) this.#lookEverywhere()
    }
  }

  #takeFailure(): FirebreakError | undefined {
    const found = this.#failure
    this.#failure = undefined
    return found
  }

  async poll(limit: PollLimit): Promise<readonly LogEntry[]> {
    if (this.#closed) throw new FirebreakError('FB_CLOSED', { what: `cursor of ${this.#options.group}` })
    this.#session.wake()
    this.#release()
    try {
      return await this.#pollOnce(limit)
    } finally {
      this.#adopt()
      this.#show()
    }
  }

  async commit(next: readonly Position[]): Promise<void> {
    if (this.#closed) throw new FirebreakError('FB_CLOSED', { what: `cursor of ${this.#options.group}` })
    const positions = next.map((position) => {
      const id = this.#reader.topic(position.topic)[position.partition]?.id ?? -1
      if (!this.#view.has(id) && !this.#letGo.has(id))
        throw new FirebreakError('FB_FENCED', { partition: partitionId(position) })
      return [id, position.offset]
    })
    if (positions.length > 0)
      await this.#session.request((id) => jsonFrame(wire.commit, id, { member: this.name, positions }))
  }

  assignment(): readonly Partition[] {
    return this.#visible
  }

  pause(partitions: readonly Partition[]): void {
    this.#paused = new Set(partitions.map(partitionId))
    this.#waker.wake()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#session.send(jsonFrame(wire.leave, 0, { member: this.name }))
    this.#visible = []
    this.#options.onClose()
    this.#waker.wake()
  }

  joinFrame(id: number): Buffer {
    const { group, topics, from, ledger } = this.#options
    const holds = [...this.#view.keys(), ...this.#letGo]
    const generation = this.#generation
    return jsonFrame(wire.join, id, { group, member: this.name, topics, from, ledger, generation, holds })
  }

  assigned(assignment: Assignment): void {
    const same =
      assignment.partitions.length === this.#view.size && assignment.partitions.every(([id]) => this.#view.has(id))
    this.#pending = assignment
    // What the caller has is confirmed, after a change of owner for example: nothing for it to see.
    if (same && this.#letGo.size === 0) {
      this.#generation = assignment.generation
      this.#pending = undefined
      // Nudges may have gone astray with the owner before.
      this.#lookEverywhere()
    }
    this.#waker.wake()
  }

  nudged(next: ReadonlyMap<number, number>): void {
    let grew = false
    for (const [id, end] of next) {
      const held = this.#view.get(id)
      if (held === undefined) continue
      if (end > held.end) held.end = end
      grew ||= end > held.position && !this.#paused.has(held.id)
    }
    if (grew) this.#waker.wake()
  }

  failed(error: FirebreakError): void {
    this.#failure = error
    this.#waker.wake()
  }
}

// What was added before a poll is read by it at once; what is lost must be seen by the caller first.
function onlyAdds(assignment: Assignment | undefined, view: ReadonlyMap<number, Held>): boolean {
  if (assignment === undefined) return false
  const ids = new Set(assignment.partitions.map(([id]) => id))
  return [...view.keys()].every((id) => ids.has(id))
}

function hold(reader: LogReader, id: number, position: number): Held | undefined {
  if (reader.place(id) === undefined) reader.reload()
  const place = reader.place(id)
  if (place === undefined) return undefined
  return { place, id: partitionId(place), position, end: Number.POSITIVE_INFINITY, rowBytes: readBytesMax / 64 }
}

function readOne(reader: LogReader, held: Held, share: number): LogEntry[] {
  // Rows are counted in SQL, bytes are not: the size of the rows before tells how many to ask for.
  const max = Math.max(1, Math.min(share, Math.floor(readBytesMax / held.rowBytes)))
  const entries = reader.read(held.place, held.position, max)
  const last = entries.at(-1)
  if (last !== undefined) {
    held.position = last.offset + 1
    const bytes = entries.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
    held.rowBytes = Math.max(64, bytes / entries.length)
  }
  if (entries.length < max) held.end = held.position
  return entries
}
