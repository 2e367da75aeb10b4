import { code, isTransient } from '../cluster/kafka-errors.ts'

/** What follows from the answer about one batch. */
export type ProduceVerdict =
  | 'stored'
  /** The same batch again. */
  | 'retry'
  /** The broker no longer knows what it has acknowledged: again under another epoch. */
  | 'retry-in-new-epoch'
  /** Again with another producer id. */
  | 'retry-as-new-producer'
  /** Which record is to blame shows when the halves are sent. */
  | 'split'
  | 'too-large'
  /** The service may not write there, or not like this. */
  | 'denied'
  | 'refused'

const lostIdentity: ReadonlySet<number> = new Set([
  code.invalidProducerEpoch,
  code.producerFenced,
  code.unknownProducerId,
  code.invalidProducerIdMapping,
])
const tooLarge: ReadonlySet<number> = new Set([code.messageTooLarge, code.recordListTooLarge])
/** Refuses a whole batch for what one record of it may have done. */
const ofOneRecord: ReadonlySet<number> = new Set([...tooLarge, code.invalidTimestamp, code.invalidRecord])
const denied: ReadonlySet<number> = new Set([
  code.topicAuthorizationFailed,
  code.clusterAuthorizationFailed,
  code.unsupportedCompression,
])

export function produceVerdict(errorCode: number, recordCount: number): ProduceVerdict {
  if (errorCode === 0) return 'stored'
  if (errorCode === code.outOfOrderSequence) return 'retry-in-new-epoch'
  if (lostIdentity.has(errorCode)) return 'retry-as-new-producer'
  if (isTransient(errorCode)) return 'retry'
  if (recordCount > 1 && ofOneRecord.has(errorCode)) return 'split'
  if (isTooLarge(errorCode)) return 'too-large'
  return denied.has(errorCode) ? 'denied' : 'refused'
}

/** The topic takes less than what was known of it. */
export const isTooLarge = (errorCode: number): boolean => tooLarge.has(errorCode)
