/**
 * Reads straight from the file, on the reader's own thread: what is visible there is committed and synced, and no message
 * has to carry it.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { LogEntry, Position, TopicInfo } from '../../contracts/log.ts'
import { refuseLost } from './log-end.ts'
import { asLogError } from './log-errors.ts'
import { databasePath } from './log-files.ts'
import { type ReadPlace, RowReader } from './log-rows.ts'
import { openReader } from './log-schema.ts'
import { type PartitionRow, readCommitted, readPartitions, type TopicRow } from './log-tables.ts'

/** A partition with its number in the file. */
export type Place = ReadPlace

export interface LogReader {
  /** The places of a topic in order of partition; empty when there is no such topic. */
  topic(name: string): readonly Place[]
  place(id: number): Place | undefined
  /** Looks for topics made since. */
  reload(): void
  read(place: Place, from: number, max: number): LogEntry[]
  topics(): Omit<TopicInfo, 'recordBytesMax'>[]
  groups(): string[]
  committed(group: string): Position[]
  close(): void
}

export function createReader(path: string): LogReader {
  const database = databasePath(path)
  const places = new PlaceIndex()
  const readers = new Map<number, RowReader>()
  let db: DatabaseSync | undefined
  let closed = false

  const guarded = <T>(empty: T, query: (open: DatabaseSync) => T): T => {
    try {
      if (!closed) db ??= opened(database)
      return db === undefined ? empty : query(db)
    } catch (error) {
      throw asLogError(error, database)
    }
  }
  const load = (open: DatabaseSync): void => places.add(readPartitions(open, database))
  const readerOf = (open: DatabaseSync, given: Place): RowReader => {
    let found = readers.get(given.id)
    if (found !== undefined) return found
    // An owner may have brought an older file forward meanwhile.
    if (given.checkedFrom === Number.POSITIVE_INFINITY) load(open)
    const place = places.get(given.id) ?? given
    found = new RowReader(open, database, place)
    if (place.checkedFrom < Number.POSITIVE_INFINITY) readers.set(place.id, found)
    return found
  }

  return {
    topic: (name) => places.of(name),
    place: (id) => places.get(id),
    reload: () => guarded(undefined, load),
    read: (place, from, max) => guarded([], (open) => readerOf(open, place).read(from, max)),
    topics: () => guarded([], (open) => topicsIn(open, database)),
    groups: () =>
      guarded([], (open) =>
        open
          .prepare(groupsSql)
          .all()
          .map((row) => String(row['grp'])),
      ),
    committed: (group) => guarded([], (open) => [...readCommitted(open, database, group)]),
    close() {
      closed = true
      db?.close()
      db = undefined
    },
  }
}

/** The places that have been read, by their topic and by their number in the file. */
class PlaceIndex {
  readonly #topics = new Map<string, Place[]>()
  readonly #places = new Map<number, Place>()

  of(topic: string): readonly Place[] {
    return this.#topics.get(topic) ?? []
  }

  get(id: number): Place | undefined {
    return this.#places.get(id)
  }

  add(rows: Iterable<PartitionRow>): void {
    for (const { id, topic, partition, checkedFrom } of rows) {
      if (this.#places.get(id)?.checkedFrom === checkedFrom) continue
      const place = { id, topic: topic.name, partition, checkedFrom }
      this.#places.set(id, place)
      const others = this.of(topic.name).filter((known) => known.id !== id)
      this.#topics.set(
        topic.name,
        [...others, place].sort((a, b) => a.partition - b.partition),
      )
    }
  }
}

/** A log that has lost what it acknowledged is read by nobody. */
function opened(database: string): DatabaseSync | undefined {
  let db: DatabaseSync | undefined
  refuseLost(database, () => {
    db = openReader(database)
    if (db === undefined) return 0
    try {
      return heldBy(db, readPartitions(db, database))
    } catch (error) {
      db.close()
      throw error
    }
  })
  return db ?? openReader(database)
}

const groupsSql = 'SELECT DISTINCT grp FROM committed ORDER BY grp'

function endsOf(db: DatabaseSync, { id, floor }: PartitionRow): { readonly first: number; readonly next: number } {
  // Two selects: SQLite takes each from an edge of the tree, but scans all of it for both in one.
  const sql = `SELECT (SELECT min(offset) FROM records_${id}) AS first, (SELECT max(offset) FROM records_${id}) AS last`
  const ends = db.prepare(sql).get()
  const last = ends?.['last'] ?? null
  const next = Math.max(floor, last === null ? 0 : Number(last) + 1)
  return { first: Number(ends?.['first'] ?? next), next }
}

const heldBy = (db: DatabaseSync, rows: readonly PartitionRow[]): number =>
  rows.reduce((sum, row) => sum + endsOf(db, row).next, 0)

function topicsIn(open: DatabaseSync, database: string): ReturnType<LogReader['topics']> {
  let rows: readonly PartitionRow[] = []
  refuseLost(database, () => {
    rows = readPartitions(open, database)
    return heldBy(open, rows)
  })
  if (rows.length === 0) rows = readPartitions(open, database)
  const found = [...new Set(rows.map(({ topic }) => topic))]
  return found.sort((a, b) => (a.name < b.name ? -1 : 1)).map((topic) => topicInfo(open, topic, rows))
}

function topicInfo(
  db: DatabaseSync,
  topic: TopicRow,
  rows: readonly PartitionRow[],
): Omit<TopicInfo, 'recordBytesMax'> {
  const { name, partitions, retentionMs, retentionBytes } = topic
  const own = rows.filter((row) => row.topic === topic)
  const ends = own.map((row) => ({ partition: row.partition, ...endsOf(db, row) }))
  return { name, partitions, retentionMs, retentionBytes, ends }
}
