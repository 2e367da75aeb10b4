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

/** Reports how a record has ended. */
export function reportEnd(
  instance: Instance,
  delivery: Delivery,
  kind: 'done' | 'duplicate' | 'skipped',
  attempt: number,
): void {
  // Every record ends, and mostly nobody listens.
  if (instance.hears(kind)) instance.emit({ kind, attempt, ...about(delivery) })
}

/** Its row among the suspects has gone with the commit of its outcome. */
export function cleared({ partition, entry }: Delivery): void {
  partition.suspects.delete(entry.offset)
}
