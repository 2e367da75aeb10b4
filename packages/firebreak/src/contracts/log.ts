import { FirebreakError, isFirebreakError } from './errors.ts'
import type { Original } from './original.ts'

/**
 * The `Log` port: event streams that are partitioned, append-only and replayable, read by consumer groups.
 *
 * Pull, not push: the caller goes at its own pace, and a rebalance is a value it reads, not a callback it races.
 * An adapter is done when it passes `logConformance` of `firebreak/testing`.
 */
export interface Log extends AsyncDisposable {
  readonly capabilities: LogCapabilities
  /**
   * Creates what is missing and changes nothing that exists; more partitions than before is a `FB_TOPIC_MISMATCH`, and what no
   * topic can be `FB_CONFIG`, before anything is created.
   */
  ensureTopics(topics: readonly TopicSpec[]): Promise<void>
  /**
   * Appends records; records of one key keep the order of the array and of the calls.
   *
   * **Guarantee** Every record is durable when this resolves; positions are in the order of the argument. It rejects when
   * nothing of the call is under way any more, and `storedOf` the error says what is stored all the same: per partition the
   * first records of the call, none behind one that failed.
   * **Errors** `FB_RECORD_TOO_LARGE`, `FB_TOPIC_UNKNOWN` (nothing was appended, where the log knows beforehand);
   * `FB_RECORD_REFUSED` for what no reader could be given (nothing was appended), and what only a broker finds out;
   * `FB_LOG_UNAVAILABLE` (unknown: appending the same records again may store them twice, with the same ids); `FB_LOG_FULL`;
   * `FB_CLOSED`.
   */
  append(records: readonly LogRecord[]): Promise<readonly Position[]>
  /**
   * Joins `group` as one member. A group without a committed position starts at `from` (default `earliest`); `latest` is
   * what comes after this resolves. **Errors** `FB_TOPIC_UNKNOWN`, `FB_LOG_UNAVAILABLE`; `FB_CONFIG` beside members of another
   * ledger, where the log runs on one machine and decides alone who is in a group.
   */
  open(group: string, topics: readonly string[], options?: OpenOptions): Promise<Cursor>
  /** What an operator asks: topics, ends, committed positions, one record. Reads only, never joins a group. */
  inspect(): LogInspection
  /** Idempotent. Cursors of this log are closed too; a poll that waits returns. */
  close(): Promise<void>
}

/** One member of one consumer group. One `poll` at a time; `commit` may be called while a poll waits. */
export interface Cursor {
  /**
   * Waits up to `waitMs` for records of the assigned, unpaused partitions, in offset order within a partition.
   *
   * Calling it again after `assignment()` lost a partition says that the caller has drained and committed it: only then
   * may another member receive it. Returns early and empty when the assignment changes or the signal aborts.
   * **Errors** `FB_LOG_CORRUPT`, `FB_CLOSED`; `FB_LOG_UNAVAILABLE` where reading needs more than the file (poll again).
   */
  poll(limit: PollLimit): Promise<readonly LogEntry[]>
  /**
   * Stores the next offset to read per partition. `FB_FENCED` when one belongs to somebody else by now; whether the others
   * of that call are stored is up to the engine, so the caller commits them again.
   */
  commit(next: readonly Position[]): Promise<void>
  /** The partitions this member holds; changes only between polls. */
  assignment(): readonly Partition[]
  /** Replaces the set of paused partitions: they stay assigned and return no records. An empty array resumes all. */
  pause(partitions: readonly Partition[]): void
  /** Leaves the group at once. Idempotent. */
  close(): Promise<void>
}

export interface LogInspection {
  /** Those of these names that exist, or all; of all, those that cannot be asked at the moment are left out. */
  topics(names?: readonly string[]): Promise<readonly TopicInfo[]>
  /** Committed positions of a group, for lag; empty when unknown. */
  committed(group: string): Promise<readonly Position[]>
  groups(): Promise<readonly string[]>
  /** The members of a group; one that died is among them until the log has noticed. */
  members(group: string): Promise<readonly GroupMember[]>
  /** Up to `max` records from `position.offset` on, in order. */
  read(position: Position, max: number): Promise<readonly LogEntry[]>
}

export interface LogCapabilities {
  readonly name: string
  /** Records outlive the process. */
  readonly durable: boolean
  /** Several processes can share the log. */
  readonly multiProcess: boolean
  /** Members of a group can run on different machines. */
  readonly multiMachine: boolean
  /** Offsets of a partition have no gaps. */
  readonly contiguousOffsets: boolean
  /** Whether `append` stores all records of a call or none. */
  readonly atomicAppend: boolean
  readonly retention: { readonly byTime: boolean; readonly bySize: boolean }
  /** Largest key + value + headers of one record, in bytes. */
  readonly recordBytesMax: number
}

export interface TopicSpec {
  readonly name: string
  /** 1 or more, default 6; fixed for the life of the topic, because it decides where a key lives. */
  readonly partitions?: number
  /** Records older than this may go; default 7 days. `Infinity` keeps all. */
  readonly retentionMs?: number
  /** Bytes per partition above which the oldest may go; default unlimited. */
  readonly retentionBytes?: number
}

export interface TopicInfo extends Required<TopicSpec> {
  /** Largest key + value + headers of one record of this topic, in bytes; no more than the log takes at all. */
  readonly recordBytesMax: number
  /** Per partition: the oldest offset kept and the offset the next record will get. */
  readonly ends: readonly { readonly partition: number; readonly first: number; readonly next: number }[]
}

export interface Partition {
  readonly topic: string
  readonly partition: number
}

export interface Position extends Partition {
  readonly offset: number
}

export interface LogRecord {
  readonly topic: string
  /** Records of one key share a partition; null spreads them. */
  readonly key: string | null
  readonly value: Uint8Array | null
  readonly headers: Readonly<Record<string, string>>
  /** What the text of key and headers leaves out, where it does; it is stored instead of them. */
  readonly original?: Original
  /** Overrides the key's partition: a mirror or a replay into a fixed place. */
  readonly partition?: number
}

export interface LogEntry extends Position {
  /** Bytes that are no UTF-8 are replacement characters here. */
  readonly key: string | null
  readonly value: Uint8Array | null
  /** Of several headers of one name the last; one without a value is empty. */
  readonly headers: Readonly<Record<string, string>>
  /** What the text of key and headers leaves out; absent where it leaves out nothing. */
  readonly original?: Original
  /** Append time in ms since the epoch, as far as a `Date` reaches; foreign writers may say anything. */
  readonly atMs: number
}

export interface PollLimit {
  readonly recordsMax: number
  readonly waitMs: number
  readonly signal: AbortSignal
}

export interface OpenOptions {
  readonly from?: StartFrom
  /** Which ledger this member works on: part of the answer to a request for the members of its group. */
  readonly ledger?: string
}

export interface GroupMember {
  readonly id: string
  /** Null where it has not said so, or not yet. */
  readonly ledger: string | null
}

/** Where a group without committed positions starts; `atMs`: at the first record appended then or later, by its time. */
export type StartFrom = 'earliest' | 'latest' | { readonly atMs: number }

/** `topic/partition`, the key of maps over partitions. */
export const partitionId = (p: Partition): string => `${p.topic}/${p.partition}`

/** The place alone: nothing else of a partition goes out. */
export const placeOf = ({ topic, partition }: Partition): Partition => ({ topic, partition })

/** Indexes of the records that an `append` has stored although it rejected with this error. */
export function storedOf(error: unknown): ReadonlySet<number> {
  const stored = isFirebreakError(error) ? error.detail['stored'] : undefined
  return new Set(Array.isArray(stored) ? stored : [])
}

/** The same error for one call of `append`, with what is stored of it. */
export function havingStored(error: unknown, indexes: readonly number[]): unknown {
  if (indexes.length === 0 || !isFirebreakError(error)) return error
  return new FirebreakError(error.code, { ...error.detail, stored: indexes }, error)
}
