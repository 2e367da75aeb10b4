/**
 * Reads straight from the file, on the reader's own thread: what is visible there is committed and synced, and no message
 * has to carry it.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { LogEntry, Partition, Position, TopicInfo } from '../contracts/log.ts'
import { readableHeaders } from '../node/readable-record.ts'
import { asLogError } from './log-errors.ts'
import { databasePath } from './log-files.ts'
import { openReader } from './log-schema.ts'

/** A partition with its number in the file. */
export interface Place extends Partition {
  readonly id: number
}

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
  const ranges = new Map<number, StatementSync>()
  let db: DatabaseSync | undefined
  let closed = false

  const guarded = <T>(empty: T, query: (open: DatabaseSync) => T): T => {
    try {
      if (!closed) db ??= openReader(database)
      return db === undefined ? empty : query(db)
    } catch (error) {
      throw asLogError(error, database)
    }
  }
  const range = (open: DatabaseSync, id: number): StatementSync => {
    let found = ranges.get(id)
    if (found === undefined) {
      const columns = 'offset, at_ms, key, value, headers'
      found = open.prepare(`SELECT ${columns} FROM records_${id} WHERE offset >= ? ORDER BY offset LIMIT ?`)
      found.setReturnArrays(true)
      ranges.set(id, found)
    }
    return found
  }

  return {
    topic: (name) => topics.get(name) ?? [],
    place: (id) => places.get(id),
    reload() {
      guarded(undefined, (open) => {
        for (const row of open.prepare(placesSql).all() as unknown as Place[]) {
          if (places.has(row.id)) continue
          places.set(row.id, row)
          topics.set(row.topic, [...(topics.get(row.topic) ?? []), row])
        }
      })
    },
    read({ id, topic, partition }, from, max) {
      return guarded([], (open) => {
        const rows = range(open, id).all(from, max) as unknown as Row[]
        return rows.map(([offset, atMs, key, value, headers]) => {
          const found = readableHeaders(headers === null ? null : JSON.parse(headers))
          return { topic, partition, offset, key, value, headers: found, atMs }
        })
      })
    },
    topics: () =>
      guarded([], (open) =>
        open
          .prepare(topicsSql)
          .all()
          .map((row) => topicInfo(open, row)),
      ),
    groups: () =>
      guarded([], (open) =>
        open
          .prepare(groupsSql)
          .all()
          .map((row) => String(row['grp'])),
      ),
    committed: (group) => guarded([], (open) => open.prepare(committedSql).all(group) as unknown as Position[]),
    close() {
      closed = true
      db?.close()
      db = undefined
    },
  }
}

type Row = [offset: number, atMs: number, key: string | null, value: Uint8Array | null, headers: string | null]

const placesSql = `SELECT p.id, t.name AS topic, p.partition FROM partitions p JOIN topics t ON t.id = p.topic ORDER BY p.id`
const topicsSql = 'SELECT id, name, partitions, retention_ms, retention_bytes FROM topics ORDER BY name'
const groupsSql = 'SELECT DISTINCT grp FROM committed ORDER BY grp'
const committedSql = 'SELECT topic, partition, next AS offset FROM committed WHERE grp = ? ORDER BY topic, partition'

function topicInfo(db: DatabaseSync, row: Record<string, unknown>): Omit<TopicInfo, 'recordBytesMax'> {
  const partitions = db.prepare('SELECT id, partition, next_floor FROM partitions WHERE topic = ? ORDER BY partition')
  return {
    name: String(row['name']),
    partitions: Number(row['partitions']),
    retentionMs: Number(row['retention_ms'] ?? Number.POSITIVE_INFINITY),
    retentionBytes: Number(row['retention_bytes'] ?? Number.POSITIVE_INFINITY),
    ends: partitions.all(Number(row['id'])).map((partition) => {
      const table = `records_${Number(partition['id'])}`
      // Two selects: SQLite takes each from an edge of the tree, but scans all of it for both in one.
      const sql = `SELECT (SELECT min(offset) FROM ${table}) AS first, (SELECT max(offset) FROM ${table}) AS last`
      const ends = db.prepare(sql).get()
      const last = ends?.['last'] ?? null
      const next = Math.max(Number(partition['next_floor']), last === null ? 0 : Number(last) + 1)
      return { partition: Number(partition['partition']), first: Number(ends?.['first'] ?? next), next }
    }),
  }
}
