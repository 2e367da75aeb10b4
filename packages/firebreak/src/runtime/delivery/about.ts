import type { Instance } from '../instance/instance.ts'
import type { Delivery } from '../partition/partition.ts'

/** What the facts of a delivery say of its record. */
export function about(delivery: Delivery): {
  at: { topic: string; partition: number; offset: number }
  key: string | null
  eventId: string | null
  eventType: string | null
  correlationId: string | null
} {
  const { topic, partition, offset, key } = delivery.entry
  return {
    at: { topic, partition, offset },
    key,
    eventId: delivery.envelope?.id ?? null,
    eventType: delivery.envelope?.type ?? null,
    correlationId: delivery.envelope?.correlationId ?? null,
  }
}

/** `sinceMs`: when its last attempt began, on the monotonic scale. */
type RecordEnd =
  | { readonly kind: 'done'; readonly attempt: number; readonly sinceMs: number }
  | { readonly kind: 'duplicate' | 'skipped'; readonly attempt: number }

/** Reports how a record has ended. */
export function reportEnd(instance: Instance, delivery: Delivery, end: RecordEnd): void {
  // Every record ends, and mostly nobody listens.
  if (!instance.hears(end.kind)) return
  const { kind, attempt } = end
  if (kind !== 'done') instance.emit({ kind, attempt, ...about(delivery) })
  else instance.emit({ kind, attempt, durationMs: instance.clock.monotonic() - end.sinceMs, ...about(delivery) })
}

/** Its row among the suspects has gone with the commit of its outcome. */
export function cleared({ partition, entry }: Delivery): void {
  partition.suspects.delete(entry.offset)
}
