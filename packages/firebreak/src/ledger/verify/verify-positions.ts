import type { LogInspection, TopicInfo } from '../../contracts/log.ts'
import { parseAbove } from './above.ts'

/** The progress of one partition, as its row keeps it. */
export interface KeptProgress {
  readonly topic: string
  readonly part: number
  readonly first_position: number | null
  readonly next_position: number | null
  readonly above: string
  readonly gaps: number
}

export interface Finding {
  readonly what: string
  readonly difference: number
}

const pageRecords = 1000

/**
 * Compares what a partition has finished with the records that the log holds: nothing finished that never was, nothing
 * passed over as a gap that is there. Reads the finished part of the log.
 */
export async function comparePositions(
  row: KeptProgress,
  log: LogInspection,
  topics: readonly TopicInfo[],
): Promise<readonly Finding[]> {
  const { first_position: first, next_position: next } = row
  const id = `${row.topic}/${row.part}`
  if (first === null || next === null) return []
  const topic = topics.find(({ name }) => name === row.topic)
  const end = topic?.ends.find(({ partition }) => partition === row.part)
  if (end === undefined) return [{ what: `${id}: the log has no such partition`, difference: next - first }]
  const ranges = parseAbove(next, row.above)
  const highest = Math.max(next - 1, ...ranges.map(([, to]) => to))
  if (highest >= end.next) {
    const what = `${id}: finished up to ${highest}, but the log ends at ${end.next}`
    return [{ what, difference: highest + 1 - end.next }]
  }
  const from = Math.max(first, end.first)
  const held = await countRecords(log, row, { from, to: highest })
  const missing = Math.max(0, highest + 1 - from) - held
  // Below the log's first record nobody can tell any more; above `next` a missing position may not be reached yet.
  const trimmed = Math.max(0, Math.min(next, end.first) - first)
  const unseen = row.gaps - missing - trimmed
  return unseen > 0
    ? [{ what: `${id}: records passed over as gaps although the log holds them`, difference: unseen }]
    : []
}

async function countRecords(
  log: LogInspection,
  { topic, part }: KeptProgress,
  { from, to }: { from: number; to: number },
): Promise<number> {
  let count = 0
  for (let offset = from; offset <= to; ) {
    const page = await log.read({ topic, partition: part, offset }, pageRecords)
    const last = page.at(-1)
    if (last === undefined) break
    for (const entry of page) if (entry.offset <= to) count++
    offset = last.offset + 1
  }
  return count
}
