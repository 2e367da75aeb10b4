/**
 * The owner's side of the file: every statement that writes is here or in log-retention.ts.
 *
 * I1 An offset is given once: `next` never falls below any offset ever stored, also when all records are gone.
 * I2 A batch is stored once: its producer's row moves in the same commit as its records.
 * I3 A failed write leaves memory as it was: `next` and `bytes` go back with the transaction.
 * I4 Nothing is answered for that went into a file which is no longer at its path.
 * I5 Consumer positions are durable when they are answered: they ride in the same commits.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { FirebreakError } from '../contracts/errors.ts'
import type { TopicSpec } from '../contracts/log.ts'
import { fileIsGone, fileWatch } from '../node/file-watch.ts'
import { recordsTable } from './log-schema.ts'
import { appendHeadBytes, headBytes, recordHeadBytes } from './log-wire.ts'

export interface StoredPartition {
  readonly id: number
  readonly topic: string
  readonly partition: number
  readonly retentionMs: number
  readonly retentionBytes: number
  readonly insert: StatementSync
  /** `rowsPerInsert` rows at once: half the time per row. */
  readonly insertMany: StatementSync
  next: number
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
  /** Runs `change` in one transaction and undoes it as a whole when it throws. */
  transaction<T>(change: () => T): T
}

interface Producer {
  seq: number
  firsts: ReadonlyMap<number, number>
}

const daysMs = 86_400_000
const rowsPerInsert = 16
const rowSql = '(?, ?, CAST(? AS TEXT), ?, CAST(? AS TEXT))'
const rowValues = 5

/** The store in a file; `path` is where it was opened. */
export function openStore(db: DatabaseSync, path: string): LogStore {
  return new Store(db, path)
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
  /** Memory is behind what went into the file that is gone. */
  #isGone = false

  readonly #adopt = (row: Record<string, SQLInputValue>): void => {
    const found = openPartition(this.db, row)
    this.partitions.set(found.id, found)
    this.#byTopic.set(found.topic, [...(this.#byTopic.get(found.topic) ?? []), found.id])
  }
  readonly transaction = <T>(change: () => T): T => {
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
  readonly #producerOf = (id: number): Producer => {
    let found = this.#producers.get(id)
    if (found === undefined) {
      const row = this.#statements.producer.get(id)
      const pairs = JSON.parse(String(row?.['positions'] ?? '[]')) as [number, number][]
      found = { seq: Number(row?.['seq'] ?? -1), firsts: new Map(pairs) }
      this.#producers.set(id, found)
    }
    return found
  }
  constructor(db: DatabaseSync, path: string) {
    this.db = db
    this.#path = path
    this.#isThere = fileWatch(path)
    this.#statements = prepare(db)
    for (const row of this.#statements.partitions.all()) this.#adopt(row)
  }

  #refuseWhenGone(): void {
    if (this.#isGone) throw new FirebreakError('FB_LOG_CORRUPT', { path: this.#path, reason: fileIsGone })
  }

  readonly topicPartitions = (topic: string): readonly number[] => this.#byTopic.get(topic) ?? []
  ensureTopics(topics: readonly TopicSpec[]): boolean {
    const wanted = topics.filter((topic) => isMissing(topic, this.#byTopic.get(topic.name)?.length))
    if (wanted.length === 0) return false
    this.transaction(() => {
      for (const topic of wanted) if (!this.#byTopic.has(topic.name)) createTopic(this.db, topic)
    })
    for (const row of this.#statements.partitions.all()) if (!this.partitions.has(Number(row['id']))) this.#adopt(row)
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
      return this.transaction(() => {
        const results = appends.map((frame) => {
          const { id, seq, atMs } = readAppendHead(frame)
          const producer = this.#producerOf(id)
          if (seq === producer.seq) return producer.firsts
          const firsts = insertRecords(frame, atMs, this.partitions, before)
          this.#statements.setProducer.run(id, seq, JSON.stringify([...firsts]), this.runMs)
          Object.assign(producer, { seq, firsts })
          return firsts
        })
        for (const { id, retentionBytes, bytes } of before.keys()) {
          if (retentionBytes < Number.POSITIVE_INFINITY) this.#statements.setBytes.run(bytes, id)
        }
        for (const { group, partition, next } of positions) {
          const at = this.partitions.get(partition)
          if (at !== undefined) this.#statements.setCommitted.run(group, at.topic, at.partition, next)
        }
        return results
      })
    } catch (error) {
      for (const [partition, was] of before) Object.assign(partition, was)
      this.#producers.clear()
      throw error
    }
  }
  committed(group: string): Map<number, number> {
    const positions = new Map<number, number>()
    for (const row of this.#statements.committed.all(group)) positions.set(Number(row['id']), Number(row['next']))
    return positions
  }
  forgetProducer(producer: number): void {
    this.#producers.delete(producer)
    this.#statements.dropProducer.run(producer)
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
  partitions: `SELECT p.id, t.name, p.partition, p.next_floor, p.bytes, t.retention_ms, t.retention_bytes
    FROM partitions p JOIN topics t ON t.id = p.topic ORDER BY p.id`,
  producer: 'SELECT seq, positions FROM producers WHERE id = ?',
  setProducer: `INSERT INTO producers VALUES (?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, positions = excluded.positions, at_ms = excluded.at_ms`,
  dropProducer: 'DELETE FROM producers WHERE id = ?',
  setBytes: 'UPDATE partitions SET bytes = ? WHERE id = ?',
  setCommitted: `INSERT INTO committed VALUES (?, ?, ?, ?)
    ON CONFLICT (grp, topic, partition) DO UPDATE SET next = excluded.next`,
  committed: `SELECT p.id, c.next FROM committed c JOIN topics t ON t.name = c.topic
    JOIN partitions p ON p.topic = t.id AND p.partition = c.partition WHERE c.grp = ?`,
}

function openPartition(db: DatabaseSync, row: Record<string, SQLInputValue>): StoredPartition {
  const id = Number(row['id'])
  const last = db.prepare(`SELECT max(offset) AS last FROM records_${id}`).get()?.['last']
  return {
    id,
    topic: String(row['name']),
    partition: Number(row['partition']),
    retentionMs: Number(row['retention_ms'] ?? Number.POSITIVE_INFINITY),
    retentionBytes: Number(row['retention_bytes'] ?? Number.POSITIVE_INFINITY),
    // Keys and headers go through as the bytes that came in: decoding them to strings here would cost more than the insert.
    insert: db.prepare(`INSERT INTO records_${id} VALUES ${rowSql}`),
    insertMany: db.prepare(`INSERT INTO records_${id} VALUES ${Array(rowsPerInsert).fill(rowSql).join()}`),
    next: Math.max(Number(row['next_floor']), last === null ? 0 : Number(last) + 1),
    bytes: Number(row['bytes']),
  }
}

function isMissing(topic: TopicSpec, found: number | undefined): boolean {
  if (found === undefined) return true
  if (topic.partitions !== undefined && topic.partitions > found) {
    throw new FirebreakError('FB_TOPIC_MISMATCH', { topic: topic.name, found, expected: topic.partitions })
  }
  return false
}

function createTopic(db: DatabaseSync, { name, partitions = 6, retentionMs, retentionBytes }: TopicSpec): void {
  const made = db
    .prepare(
      'INSERT INTO topics (name, partitions, retention_ms, retention_bytes) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    )
    .run(name, partitions, finite(retentionMs === undefined ? 7 * daysMs : retentionMs), finite(retentionBytes))
  if (made.changes === 0) return
  const addPartition = db.prepare('INSERT INTO partitions (topic, partition) VALUES (?, ?)')
  for (let partition = 0; partition < partitions; partition++) {
    const { lastInsertRowid } = addPartition.run(made.lastInsertRowid, partition)
    db.exec(recordsTable(Number(lastInsertRowid)))
  }
}

// JSON and SQL have no infinity: null stands for it on the wire and in the file.
const finite = (n: number | null | undefined): number | null => (Number.isFinite(n) ? Number(n) : null)

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
    rows.push(partition.next++, atMs)
    at = pushBytes(rows, frame, at)
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

// Key, value and headers of the record at `at`; returns where the next one starts.
function pushBytes(rows: SQLInputValue[], frame: Buffer, at: number): number {
  const keyBytes = frame.readInt32LE(at + 4)
  const valueBytes = frame.readInt32LE(at + 8)
  const headersBytes = frame.readUInt32LE(at + 12)
  const keyAt = at + recordHeadBytes
  const valueAt = keyAt + Math.max(keyBytes, 0)
  const headersAt = valueAt + Math.max(valueBytes, 0)
  rows.push(
    keyBytes < 0 ? null : slice(frame, keyAt, keyBytes),
    valueBytes < 0 ? null : slice(frame, valueAt, valueBytes),
    headersBytes === 0 ? null : slice(frame, headersAt, headersBytes),
  )
  return headersAt + headersBytes
}

// Plain views are made twice as fast as slices of a Buffer.
const slice = (frame: Buffer, at: number, length: number): Uint8Array =>
  new Uint8Array(frame.buffer, frame.byteOffset + at, length)
