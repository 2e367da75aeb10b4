import { code, isTransient } from '../cluster/kafka-errors.ts'
import type { FetchedPartition } from '../protocol/fetch-response.ts'

/** What follows from the answer about one partition. */
export type FetchVerdict =
  | 'accept'
  /** What was read is not in the log any more. */
  | 'truncated'
  /** The offset is not in the log: it must be found out where the log begins and ends. */
  | 'find-range'
  /** The topic is not known, or another one has its name. */
  | 'find-topic'
  | 'corrupt'
  | 'retry'
  | 'refused'

export function fetchVerdict({
  errorCode,
  divergedAt,
}: Pick<FetchedPartition, 'errorCode' | 'divergedAt'>): FetchVerdict {
  switch (errorCode) {
    case 0:
      return divergedAt === undefined ? 'accept' : 'truncated'
    case code.offsetOutOfRange:
      return 'find-range'
    case code.unknownTopicOrPartition:
    case code.unknownTopicId:
    case code.inconsistentTopicId:
      return 'find-topic'
    case code.corruptMessage:
      return 'corrupt'
    default:
      return isTransient(errorCode) ? 'retry' : 'refused'
  }
}

/**
 * What a reader at `at` does in a log that begins at `first` and ends at `next`. Below the oldest record it goes on there; within
 * the range the broker only did not know the epoch that it came from; beyond the end something was lost.
 */
export function rangeVerdict({
  at,
  first,
  next,
}: {
  at: number
  first: number
  next: number
}): 'continue-at-first' | 'forget-epoch' | 'truncated' {
  if (at < first) return 'continue-at-first'
  return at > next ? 'truncated' : 'forget-epoch'
}

// A topic that is missing may be on its way to the broker that was asked.
const goneAfterFailures = 10

/** What a reader of topic `known` does when the brokers have `found` under its name. */
export function topicVerdict(
  known: string | undefined,
  found: string | undefined,
  failures: number,
): 'same' | 'another' | 'gone' | 'missing' {
  if (found === undefined) return failures >= goneAfterFailures ? 'gone' : 'missing'
  return known === undefined || known === found ? 'same' : 'another'
}
