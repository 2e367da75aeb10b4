import { type EventDefinition, event, type Schema } from 'firebreak'

/** What every record of the torture carries: `uid` is its identity, `seq` rises per key. */
export interface Order {
  readonly uid: string
  readonly key: string
  readonly seq: number
}

const schema: Schema<Order> = {
  '~standard': {
    version: 1,
    vendor: 'torture',
    validate: (value) => (isOrder(value) ? { value } : { issues: [{ message: 'not an order' }] }),
  },
}

function isOrder(value: unknown): value is Order {
  const { uid, key, seq } = (value ?? {}) as Partial<Order>
  return typeof uid === 'string' && typeof key === 'string' && typeof seq === 'number'
}

type OrderEvent = EventDefinition<Schema<Order>>

export const ordersTopic = 'torture.orders'
export const followedTopic = 'torture.followed'

export const OrderPlaced: OrderEvent = event({ type: 'order.placed', topic: ordersTopic, key: 'key', schema })
/** Its handler always fails: it ends as a dead letter once its attempts are exhausted. */
export const OrderDoomed: OrderEvent = event({ type: 'order.doomed', topic: ordersTopic, key: 'key', schema })
/** Its handler kills the process: it ends as a dead letter of a crash. */
export const OrderLethal: OrderEvent = event({ type: 'order.lethal', topic: ordersTopic, key: 'key', schema })
export const OrderFollowed: OrderEvent = event({ type: 'order.followed', topic: followedTopic, key: 'key', schema })
/** A type that nobody handles: it must be skipped, and counted. */
export const ignoredType = 'order.ignored'

const decoder = new TextDecoder()

/** The identity of a record whatever state its bytes are in: the order's uid, or the event id where there is none. */
export function identityOf(record: { value: Uint8Array | null; headers: Readonly<Record<string, string>> }): string {
  try {
    const { uid } = JSON.parse(decoder.decode(record.value ?? undefined)) as Partial<Order>
    if (typeof uid === 'string') return uid
  } catch {
    // Poison; its event id stands in.
  }
  return record.headers['ce_id'] ?? 'nameless'
}
