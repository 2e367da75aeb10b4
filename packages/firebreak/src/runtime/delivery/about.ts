import type { Envelope } from '../../contracts/envelope.ts'
import type { Position } from '../../contracts/log.ts'
import type { Instance } from '../instance/instance.ts'
import type { Delivery } from '../partition/partition.ts'

/** What facts can be about: a record, or a job. */
export interface Subject {
  readonly entry: Position & { readonly key: string | null }
  readonly envelope: Envelope | null
}

/** What facts say of their subject. */
export function about({ entry, envelope }: Subject): {
  at: { topic: string; partition: number; offset: number }
  key: string | null
  eventId: string | null
  eventType: string | null
  correlationId: string | null
} {
  const { topic, partition, offset, key } = entry
  return {
    at: { topic, partition, offset },
    key,
    eventId: envelope?.id ?? null,
    eventType: envelope?.type ?? null,
    correlationId: envelope?.correlationId ?? null,
  }
}

/** `sinceMs`: when its last attempt began, on the monotonic scale. */
type RecordEnd =
  | { readonly kind: 'done'; readonly attempt: number; readonly sinceMs: number }
  | { readonly kind: 'duplicate' | 'skipped'; readonly attempt: number }

/** Reports how a record has ended. */
export function reportEnd(instance: Instance, subject: Subject, end: RecordEnd): void {
  // Every record ends, and mostly nobody listens.
  if (!instance.hears(end.kind)) return
  const { kind, attempt } = end
  if (kind !== 'done') instance.emit({ kind, attempt, ...about(subject) })
  else instance.emit({ kind, attempt, durationMs: instance.clock.monotonic() - end.sinceMs, ...about(subject) })
}

/** Its row among the suspects has gone with the commit of its outcome. */
export function cleared({ partition, entry }: Delivery): void {
  partition.suspects.delete(entry.offset)
}
