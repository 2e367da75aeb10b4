/**
 * The small tables of a log's file: topics, partitions, positions of groups. Each row has a checksum, because a position, a
 * retention or a count that is damaged would lose records and say nothing.
 */
import type { DatabaseSync } from 'node:sqlite'
import { FirebreakError } from '../../contracts/errors.ts'
import type { Position, TopicSpec } from '../../contracts/log.ts'
import { checksumOf } from '../../node/checksum.ts'

export interface TopicRow {
  readonly id: number
  readonly name: string
  readonly partitions: number
  readonly retentionMs: number
  readonly retentionBytes: number
}

export interface PartitionRow {
  readonly id: number
  readonly topic: TopicRow
  readonly partition: number
  /** No offset below it is given again, also when all records are gone. */
  readonly floor: number
  readonly bytes: number
  /** Records before this one have no checksum. */
  readonly checkedFrom: number
}

type Values = Readonly<Record<string, unknown>>

const topicColumns = ['id', 'name', 'partitions', 'retention_ms', 'retention_bytes']
const partitionColumns = ['id', 'topic', 'partition', 'next_floor', 'bytes', 'checked_from']
const committedColumns = ['grp', 'topic', 'partition', 'next']

/** What an older file lacks; its rows are sealed when an owner brings it forward. */
const isOld = (db: DatabaseSync): boolean => Number(db.prepare('PRAGMA user_version').get()?.['user_version']) < 2

/** **Errors** `FB_LOG_CORRUPT`. */
function readTopics(db: DatabaseSync, path: string): ReadonlyMap<number, TopicRow> {
  const rows = checkedRows(db, path, { table: 'topics', columns: topicColumns })
  return new Map(
    rows.map((row) => [
      Number(row['id']),
      {
        id: Number(row['id']),
        name: String(row['name']),
        partitions: Number(row['partitions']),
        retentionMs: Number(row['retention_ms'] ?? Number.POSITIVE_INFINITY),
        retentionBytes: Number(row['retention_bytes'] ?? Number.POSITIVE_INFINITY),
      },
    ]),
  )
}

/** In order of topic and partition. **Errors** `FB_LOG_CORRUPT`, also where a topic has not the partitions that it must have. */
export function readPartitions(db: DatabaseSync, path: string): readonly PartitionRow[] {
  // Both at one instant.
  const isAlone = !db.isTransaction
  if (isAlone) db.exec('BEGIN')
  try {
    const topics = readTopics(db, path)
    const rows = checkedRows(db, path, { table: 'partitions', columns: partitionColumns })
    const found = rows.map((row) => partitionOf(row, topics.get(Number(row['topic'])), path))
    for (const topic of topics.values()) {
      const count = found.filter((one) => one.topic === topic).length
      if (count !== topic.partitions)
        throw corrupt(path, `topic ${topic.name} has ${count} of its ${topic.partitions} partitions`)
    }
    return found
  } finally {
    if (isAlone && db.isTransaction) db.exec('COMMIT')
  }
}

function partitionOf(row: Values, topic: TopicRow | undefined, path: string): PartitionRow {
  if (topic === undefined) throw corrupt(path, `the topic of partition ${row['id']} is missing`)
  return {
    id: Number(row['id']),
    topic,
    partition: Number(row['partition']),
    floor: Number(row['next_floor']),
    bytes: Number(row['bytes']),
    checkedFrom: Number(row['checked_from'] ?? Number.POSITIVE_INFINITY),
  }
}

/** **Errors** `FB_LOG_CORRUPT`. */
export function readCommitted(db: DatabaseSync, path: string, group: string): readonly Position[] {
  const rows = checkedRows(db, path, { table: 'committed', columns: committedColumns, group })
  return rows.map(({ topic, partition, next }) => ({
    topic: String(topic),
    partition: Number(partition),
    offset: Number(next),
  }))
}

function checkedRows(
  db: DatabaseSync,
  path: string,
  { table, columns, group }: { table: string; columns: readonly string[]; group?: string },
): readonly Values[] {
  const old = isOld(db)
  const wanted = old ? columns.filter((name) => name !== 'checked_from') : [...columns, 'crc']
  const where = group === undefined ? '' : ' WHERE grp = ?'
  const statement = db.prepare(
    `SELECT ${wanted.join(', ')} FROM ${table}${where} ORDER BY ${columns.slice(0, 3).join(', ')}`,
  )
  const rows = group === undefined ? statement.all() : statement.all(group)
  if (!old) {
    for (const row of rows)
      if (row['crc'] !== checksumOf(columns.map((name) => row[name])))
        throw corrupt(path, `a row of table ${table} is not what was written: its checksum does not match`)
  }
  return rows
}

const corrupt = (path: string, reason: string): FirebreakError => new FirebreakError('FB_LOG_CORRUPT', { path, reason })

/** The checksums as they stand in column `crc`. */
export const topicCrc = (id: number, spec: Required<TopicSpec>): number =>
  checksumOf([id, spec.name, spec.partitions, finite(spec.retentionMs), finite(spec.retentionBytes)])

export const partitionCrc = (row: {
  readonly id: number
  readonly topic: number
  readonly partition: number
  readonly floor: number
  readonly bytes: number
  readonly checkedFrom: number
}): number => checksumOf([row.id, row.topic, row.partition, row.floor, row.bytes, row.checkedFrom])

export const committedCrc = (group: string, { topic, partition, offset }: Position): number =>
  checksumOf([group, topic, partition, offset])

/** JSON and SQL have no infinity: null stands for it on the wire and in the file. */
export const finite = (value: number | null): number | null => (Number.isFinite(value) ? Number(value) : null)

/** Seals the rows of an older file. */
export function sealTables(db: DatabaseSync): void {
  for (const [table, columns] of [
    ['topics', topicColumns],
    ['partitions', partitionColumns],
    ['committed', committedColumns],
  ] as const) {
    const key = columns.slice(0, table === 'committed' ? 3 : 1)
    const seal = db.prepare(`UPDATE ${table} SET crc = ? WHERE ${key.map((name) => `${name} = ?`).join(' AND ')}`)
    for (const row of db.prepare(`SELECT ${columns.join(', ')} FROM ${table}`).all()) {
      seal.run(checksumOf(columns.map((name) => row[name])), ...key.map((name) => row[name] as string))
    }
  }
}
