import type { DatabaseSync } from 'node:sqlite'
import { FirebreakError } from '../../contracts/errors.ts'
import type { TopicSpec } from '../../contracts/log.ts'
import { recordsTable } from './log-schema.ts'
import { finite, partitionCrc, topicCrc } from './log-tables.ts'

const daysMs = 86_400_000

/** Whether a topic is to be created. **Errors** `FB_TOPIC_MISMATCH` for one with fewer partitions. */
export function isMissing(topic: TopicSpec, found: number | undefined): boolean {
  if (found === undefined) return true
  if (topic.partitions !== undefined && topic.partitions > found) {
    throw new FirebreakError('FB_TOPIC_MISMATCH', { topic: topic.name, found, expected: topic.partitions })
  }
  return false
}

/** Within a transaction. */
export function createTopic(db: DatabaseSync, topic: TopicSpec): void {
  const { name, partitions = 6, retentionMs = 7 * daysMs, retentionBytes = Number.POSITIVE_INFINITY } = topic
  const made = db
    .prepare(
      'INSERT INTO topics (name, partitions, retention_ms, retention_bytes) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    )
    .run(name, partitions, finite(retentionMs), finite(retentionBytes))
  if (made.changes === 0) return
  const topicId = Number(made.lastInsertRowid)
  const crc = topicCrc(topicId, { name, partitions, retentionMs, retentionBytes })
  db.prepare('UPDATE topics SET crc = ? WHERE id = ?').run(crc, topicId)
  const addPartition = db.prepare('INSERT INTO partitions (topic, partition) VALUES (?, ?)')
  const seal = db.prepare('UPDATE partitions SET crc = ? WHERE id = ?')
  for (let partition = 0; partition < partitions; partition++) {
    const id = Number(addPartition.run(topicId, partition).lastInsertRowid)
    seal.run(partitionCrc({ id, topic: topicId, partition, floor: 0, bytes: 0, checkedFrom: 0 }), id)
    db.exec(recordsTable(id))
  }
}
