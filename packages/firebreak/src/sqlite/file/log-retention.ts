import type { DatabaseSync } from 'node:sqlite'
import type { LogStore, StoredPartition } from './log-store.ts'

// A chunk is one commit between two appends: large enough to keep up, small enough not to be felt.
const chunkRecords = 1000

/**
 * Deletes the oldest records of a partition that are past its retention, one chunk. `true` when there may be more. Those below
 * `agedBelow` are past their age. The newest offset survives in `next_floor`, so that no offset is given twice.
 */
export function trimChunk(store: LogStore, partition: StoredPartition, agedBelow: number): boolean {
  const { id, retentionBytes } = partition
  if (agedBelow === 0 && partition.bytes <= retentionBytes) return false
  let excess = partition.bytes - retentionBytes
  let dropped = 0
  let count = 0
  let below = -1
  for (const { offset, bytes } of oldest(store.db, id)) {
    // By age all may go, by size the newest stays, however large.
    if (offset >= agedBelow && (excess <= 0 || offset === partition.next - 1)) break
    below = offset + 1
    excess -= bytes
    dropped += bytes
    count++
  }
  if (count === 0) return false
  const left = Math.max(0, partition.bytes - dropped)
  store.transaction(() => {
    store.db.prepare(`DELETE FROM records_${id} WHERE offset < ?`).run(below)
    store.setCounts(partition, { floor: partition.next, bytes: left })
  })
  partition.floor = partition.next
  partition.bytes = left
  return count === chunkRecords
}

/** How often the ages are worth looking at, given the shortest retention. */
export function sweepEveryMs(store: LogStore): number {
  const shortestMs = Math.min(...[...store.partitions.values()].map(({ retentionMs }) => retentionMs))
  return Math.max(100, Math.min(60_000, shortestMs / 10))
}

// Some slack, so that a full partition is not trimmed at every commit.
export const isOversized = ({ bytes, retentionBytes }: StoredPartition): boolean => bytes > retentionBytes * 1.1

function oldest(db: DatabaseSync, id: number): Iterable<{ offset: number; bytes: number }> {
  const parts = ['key', 'value', 'headers', 'original']
  const length = parts.map((part) => `ifnull(octet_length(${part}), 0)`).join(' + ')
  const sql = `SELECT offset, ${length} AS bytes FROM records_${id} ORDER BY offset LIMIT ${chunkRecords}`
  return db.prepare(sql).iterate() as never
}
