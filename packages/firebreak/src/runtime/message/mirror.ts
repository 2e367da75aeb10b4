import type { LogRecord, TopicSpec } from '../../contracts/log.ts'
import { withHeaders } from '../../contracts/original.ts'
import type { DeadLetter } from '../../ledger/letters.ts'
import { recordSize } from './record-size.ts'

const monthMs = 30 * 86_400_000

/** Where copies of a service's dead letters go when they are mirrored. */
export const mirrorTopic = (service: string): TopicSpec => ({ name: `${service}.dlq`, retentionMs: monthMs })

/**
 * A copy of a dead letter for tools that read the log: the original key, value and headers, and why it is here under the
 * names that Kafka itself uses. A copy and nothing more: what becomes of the letter is decided in the ledger.
 *
 * **Source** KIP-1191, headers `__dlq.errors.*`, UTF-8 text
 */
export function mirrored(service: string, letter: DeadLetter, recordBytesMax: number): LogRecord {
  const { entry } = letter
  const reasons = {
    '__dlq.errors.topic': entry.topic,
    '__dlq.errors.partition': String(entry.partition),
    '__dlq.errors.offset': String(entry.offset),
    '__dlq.errors.group': service,
    '__dlq.errors.delivery.count': String(letter.attempts.length),
    '__dlq.errors.message': letter.message,
    'x-error-class': letter.errorClass,
    'x-letter-id': letter.id,
    'x-letter-reason': letter.reason,
  }
  const { offset: _, partition: __, atMs: ___, ...original } = entry
  const record = withHeaders({ ...original, topic: mirrorTopic(service).name }, reasons)
  // A record as large as the log takes has no room for more headers: then the copy says where the original is.
  return recordSize(record) <= recordBytesMax ? record : { ...record, value: null }
}
