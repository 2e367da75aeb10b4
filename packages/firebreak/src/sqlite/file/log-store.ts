/**
 * The owner's side of the file: every statement that writes is here or in log-retention.ts.
 *
 * I1 An offset is given once: `next` never falls below any offset ever stored, also when all records are gone.
 * I2 A batch is stored once: its producer's row moves in the same commit as its records.
 * I3 A failed write leaves memory as it was: `next` and `bytes` go back with the transaction.
 * I4 Nothing is answered for that went into a file which is no longer at its path.
 * I5 Consumer positions are durable when they are answered: they ride in the same commits.
 * I6 What was acknowledged and is gone is noticed before anything is served.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { FirebreakError } from '../../contracts/errors.ts'
import type { TopicSpec } from '../../contracts/log.ts'
import { fileIsGone, fileWatch } from '../../node/file-watch.ts'
import { type EndMark, openEndMark, refuseLost } from './log-end.ts'
import { prepareInsert, pushRow, rowsPerInsert, rowValues } from './log-rows.ts'
import type { LogDurability } from './log-schema.ts'
import { committedCrc, type PartitionRow, partitionCrc, readCommitted, readPartitions } from './log-tables.ts'
import { createTopic, isMissing } from './log-topics.ts'
import { appendHeadBytes, headBytes, recordHeadBytes } from './log-wire.ts'

export interface StoredPartition {
  readonly id: number
  readonly topic: string
  readonly partition: number
  readonly retentionMs: number
  readonly retentionBytes: number
  readonly insert: StatementSync
  /** `rowsPerInsert` rows at once. */
  readonly insertMany: StatementSync
  readonly topicId: number
  readonly checkedFrom: number
  next: number
  /** What `next` is at least when the file is opened again. */
  floor: number
  bytes: number
}

/** The next offset a group reads, of one partition. */
export interface GroupPosition {
  readonly group: string
  readonly partition: number
  readonly next: number
}

export interface LogStore {
  readonly db: DatabaseSync
  readonly partitions: ReadonlyMap<number, StoredPartition>
  /** For how long the log has been at work; kept by its ages. */
  runMs: number
  topicPartitions(topic: string): readonly number[]
  ensureTopics(topics: readonly TopicSpec[]): boolean
  /** One commit; per append the first offset of every partition it touched. */
  write(appends: readonly Buffer[], positions: readonly GroupPosition[]): readonly ReadonlyMap<number, number>[]
  committed(group: string): Map<number, number>
  /** The offset of the first record appended at `atMs` or later; the next one where there is none. */
  firstAt(partition: number, atMs: number): number
  forgetProducer(producer: number): void
  /** Within a transaction: stores what is counted of a partition. */
  setCounts(partition: StoredPartition, counts: { readonly floor: number; readonly bytes: number }): void
  close(): void
  /** Runs `change` in one transaction and undoes it as a whole when it throws. */
  transaction<T>(change: () => T): T
}

interface Producer {
  seq: number
  firsts: ReadonlyMap<number, number>
}

/** The store in a file; `path` is where it was opened. **Errors** `FB_LOG_CORRUPT` */
export function openStore(db: DatabaseSync, path: string, durability: LogDurability): LogStore {
  return new Store(db, path, durability)
}

class Store implements LogStore {
  readonly db: DatabaseSync
  runMs = 0
  readonly partitions = new Map<number, StoredPartition>()
  readonly #byTopic = new Map<string, number[]>()
  readonly #producers = new Map<number, Producer>()
  readonly #statements: Statements
  readonly #path: string
  readonly #isThere: () => boolean
  readonly #end: EndMark | undefined
  /** Memory is behind what went into the file that is gone. */
  #isGone = false

  constructor(db: DatabaseSync, path: string, durability: LogDurability) {
    this.db = db
    this.#path = path
    this.#statements = prepare(db)
    for (const row of readPartitions(db, path)) this.#adopt(row)
    // Behind the first read, which makes the files beside it.
    this.#isThere = fileWatch(path)
    refuseLost(path, () => this.#held())
    // Of commits that are not flushed a power cut may leave less than was counted.
    if (durability === 'full') this.#end = openEndMark(path)
  }

  #adopt(row: PartitionRow): void {
    const found = openPartition(this.db, row)
    this.partitions.set(found.id, found)
    this.#byTopic.set(found.topic, [...(this.#byTopic.get(found.topic) ?? []), found.id])
  }

  #producerOf(id: number): Producer {
    let found = this.#producers.get(id)
    if (found === undefined) {
      const row = this.#statements.producer.get(id)
      const pairs = JSON.parse(String(row?.['positions'] ?? '[]')) as [number, number][]
      found = { seq: Number(row?.['seq'] ?? -1), firsts: new Map(pairs) }
      this.#producers.set(id, found)
    }
    return found
  }

  /** All records that were ever appended. */
  #held(): number {
    let held = 0
    for (const { next } of this.partitions.values()) held += next
    return held
  }

  #refuseWhenGone(): void {
    if (this.#isGone) throw new FirebreakError('FB_LOG_CORRUPT', { path: this.#path, reason: fileIsGone })
  }

  transaction<T>(change: () => T): T {
    this.#refuseWhenGone()
    this.#statements.begin.run()
    try {
      const result = change()
      this.#statements.commit.run()
      this.#isGone = !this.#isThere()
      this.#refuseWhenGone()
      return result
    } catch (error) {
      // A full disk has already undone it.
      if (this.db.isTransaction) this.#statements.rollback.run()
      throw error
    }
  }

  topicPartitions(topic: string): readonly number[] {
    return this.#byTopic.get(topic) ?? []
  }

  ensureTopics(topics: readonly TopicSpec[]): boolean {
    const wanted = topics.filter((topic) => isMissing(topic, this.#byTopic.get(topic.name)?.length))
    if (wanted.length === 0) return false
    this.transaction(() => {
      for (const topic of wanted) if (!this.#byTopic.has(topic.name)) createTopic(this.db, topic)
    })
    for (const row of readPartitions(this.db, this.#path)) if (!this.partitions.has(row.id)) this.#adopt(row)
    return true
  }

  // Halving works because times hardly ever go back; where they do, it ends at one of the places that fit.
  firstAt(partition: number, atMs: number): number {
    const after = this.db.prepare(
      `SELECT offset, at_ms FROM records_${partition} WHERE offset >= ? ORDER BY offset LIMIT 1`,
    )
    let [low, high] = [0, this.partitions.get(partition)?.next ?? 0]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const row = after.get(middle)
      if (row === undefined || Number(row['at_ms']) >= atMs) high = middle
      else low = Number(row['offset']) + 1
    }
    return Number(after.get(low)?.['offset'] ?? low)
  }

  write(appends: readonly Buffer[], positions: readonly GroupPosition[]): readonly ReadonlyMap<number, number>[] {
    const before = new Map<StoredPartition, { next: number; bytes: number }>()
    try {
      const written = this.transaction(() => {
        const results = appends.map((frame) => {
          const { id, seq, atMs } = readAppendHead(frame)
          const producer = this.#producerOf(id)
          if (seq === producer.seq) return producer.firsts
          const firsts = insertRecords(frame, atMs, this.partitions, before)
          this.#statements.setProducer.run(id, seq, JSON.stringify([...firsts]), this.runMs)
          Object.assign(producer, { seq, firsts })
          return firsts
        })
        for (const partition of before.keys()) {
          if (partition.retentionBytes < Number.POSITIVE_INFINITY) this.setCounts(partition, partition)
        }
        for (const { group, partition, next } of positions) {
          const at = this.partitions.get(partition)
          if (at === undefined) continue
          const crc = committedCrc(group, { topic: at.topic, partition: at.partition, offset: next })
          this.#statements.setCommitted.run(group, at.topic, at.partition, next, crc)
        }
        return results
      })
      if (before.size > 0) this.#end?.write(this.#held())
      return written
    } catch (error) {
      for (const [partition, was] of before) Object.assign(partition, was)
      this.#producers.clear()
      throw error
    }
  }

  committed(group: string): Map<number, number> {
    const positions = new Map<number, number>()
    for (const { topic, partition, offset } of readCommitted(this.db, this.#path, group)) {
      const id = this.#byTopic.get(topic)?.[partition]
      if (id !== undefined) positions.set(id, offset)
    }
    return positions
  }

  setCounts(partition: StoredPartition, { floor, bytes }: { readonly floor: number; readonly bytes: number }): void {
    const { id, topicId: topic, checkedFrom } = partition
    const crc = partitionCrc({ id, topic, partition: partition.partition, floor, bytes, checkedFrom })
    this.#statements.setCounts.run(floor, bytes, crc, id)
  }

  forgetProducer(producer: number): void {
    this.#producers.delete(producer)
    this.#statements.dropProducer.run(producer)
  }

  close(): void {
    this.#end?.close()
    this.db.close()
  }
}

type Statements = Record<keyof typeof sql, StatementSync>

function prepare(db: DatabaseSync): Statements {
  return Object.fromEntries(Object.entries(sql).map(([name, text]) => [name, db.prepare(text)])) as never
}

const sql = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  producer: 'SELECT seq, positions FROM producers WHERE id = ?',
  setProducer: `INSERT INTO producers VALUES (?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, positions = excluded.positions, at_ms = excluded.at_ms`,
  dropProducer: 'DELETE FROM producers WHERE id = ?',
  setCounts: 'UPDATE partitions SET next_floor = ?, bytes = ?, crc = ? WHERE id = ?',
  setCommitted: `INSERT INTO committed (grp, topic, partition, next, crc) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (grp, topic, partition) DO UPDATE SET next = excluded.next, crc = excluded.crc`,
}

function openPartition(db: DatabaseSync, row: PartitionRow): StoredPartition {
  const { id, topic, partition, floor, bytes, checkedFrom } = row
  const last = db.prepare(`SELECT max(offset) AS last FROM records_${id}`).get()?.['last']
  return {
    id,
    topic: topic.name,
    topicId: topic.id,
    partition,
    retentionMs: topic.retentionMs,
    retentionBytes: topic.retentionBytes,
    insert: prepareInsert(db, id, 1),
    insertMany: prepareInsert(db, id, rowsPerInsert),
    checkedFrom,
    next: Math.max(floor, last === null ? 0 : Number(last) + 1),
    floor,
    bytes,
  }
}

function readAppendHead(frame: Buffer): { id: number; seq: number; atMs: number } {
  const at = headBytes
  return { id: frame.readDoubleLE(at), seq: frame.readDoubleLE(at + 8), atMs: frame.readDoubleLE(at + 16) }
}

function insertRecords(
  frame: Buffer,
  atMs: number,
  partitions: ReadonlyMap<number, StoredPartition>,
  before: Map<StoredPartition, { next: number; bytes: number }>,
): Map<number, number> {
  const staged = new Map<StoredPartition, SQLInputValue[]>()
  const firsts = new Map<number, number>()
  const count = frame.readUInt32LE(headBytes + 24)
  let at = headBytes + appendHeadBytes
  for (let i = 0; i < count; i++) {
    const partition = partitions.get(frame.readUInt32LE(at))
    if (partition === undefined) throw new FirebreakError('FB_INVARIANT', { claim: 'partitions are checked before' })
    let rows = staged.get(partition)
    if (rows === undefined) {
      rows = []
      staged.set(partition, rows)
      if (!before.has(partition)) before.set(partition, { next: partition.next, bytes: partition.bytes })
      firsts.set(partition.id, partition.next)
    }
    const start = at
    at = pushRow(rows, frame, at, { partition: partition.id, offset: partition.next++, atMs })
    partition.bytes += at - start - recordHeadBytes
    if (rows.length === rowsPerInsert * rowValues) {
      partition.insertMany.run(...rows)
      rows.length = 0
    }
  }
  for (const [{ insert }, rows] of staged) {
    for (let row = 0; row < rows.length; row += rowValues) insert.run(...rows.slice(row, row + rowValues))
  }
  return firsts
}
