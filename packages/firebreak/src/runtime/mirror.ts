import type { LogRecord, TopicSpec } from '../contracts/log.ts'
import type { DeadLetter } from '../ledger/letters.ts'

const monthMs = 30 * 86_400_000
const encoder = new TextEncoder()

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
  const headers: Record<string, string> = {
    ...entry.headers,
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
  const record = { topic: mirrorTopic(service).name, key: entry.key, value: entry.value, headers }
  // A record as large as the log takes has no room for more headers: then the copy says where the original is.
  const bytes = encoder.encode((entry.key ?? '') + JSON.stringify(headers)).length + (entry.value?.length ?? 0)
  return bytes <= recordBytesMax ? record : { ...record, value: null }
}
