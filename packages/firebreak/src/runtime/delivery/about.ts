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

/** Its row among the suspects has gone with the commit of its outcome. */
export function cleared({ partition, entry }: Delivery): void {
  partition.suspects.delete(entry.offset)
}
