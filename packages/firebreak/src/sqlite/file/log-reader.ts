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
  const topics = new Map<string, Place[]>()
  const places = new Map<number, Place>()
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
  const load = (open: DatabaseSync): void => {
    for (const { id, topic, partition, checkedFrom } of readPartitions(open, database)) {
      if (places.get(id)?.checkedFrom === checkedFrom) continue
      const place = { id, topic: topic.name, partition, checkedFrom }
      places.set(id, place)
      const others = (topics.get(topic.name) ?? []).filter((known) => known.id !== id)
      topics.set(
        topic.name,
        [...others, place].sort((a, b) => a.partition - b.partition),
      )
    }
  }
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
    topic: (name) => topics.get(name) ?? [],
    place: (id) => places.get(id),
    reload: () => guarded(undefined, load),
    read: (place, from, max) => guarded([], (open) => readerOf(open, place).read(from, max)),
    topics: () =>
      guarded([], (open) => {
        let rows: readonly PartitionRow[] = []
        refuseLost(database, () => {
          rows = readPartitions(open, database)
          return heldBy(open, rows)
        })
        if (rows.length === 0) rows = readPartitions(open, database)
        const found = [...new Set(rows.map(({ topic }) => topic))]
        return found.sort((a, b) => (a.name < b.name ? -1 : 1)).map((topic) => topicInfo(open, topic, rows))
      }),
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
