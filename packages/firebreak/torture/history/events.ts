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

export type OrderEvent = EventDefinition<Schema<Order>>

/** An order that is handled with hostility. */
export interface HostileOrder extends Order {
  /** Name of the act. */
  readonly act: string
}

export const hostileSchema: Schema<HostileOrder> = {
  '~standard': {
    version: 1,
    vendor: 'torture',
    validate: (value) => (isHostile(value) ? { value } : { issues: [{ message: 'not a hostile order' }] }),
  },
}

const isHostile = (value: unknown): value is HostileOrder =>
  isOrder(value) && typeof (value as Partial<HostileOrder>).act === 'string'

export const ordersTopic = 'torture.orders'
export const followedTopic = 'torture.followed'

export const OrderPlaced: OrderEvent = event({ type: 'order.placed', topic: ordersTopic, key: 'key', schema })
/** Its handler always fails: it ends as a dead letter once its attempts are exhausted. */
export const OrderDoomed: OrderEvent = event({ type: 'order.doomed', topic: ordersTopic, key: 'key', schema })
/** Its handler kills the process: it ends as a dead letter of a crash. */
export const OrderLethal: OrderEvent = event({ type: 'order.lethal', topic: ordersTopic, key: 'key', schema })
/** As producers write it; `hostile-orders.ts` has what the service makes of it. */
export const OrderHostile: OrderEvent = event({
  type: 'order.hostile',
  topic: ordersTopic,
  key: 'key',
  schema: hostileSchema,
})
export const OrderFollowed: OrderEvent = event({ type: 'order.followed', topic: followedTopic, key: 'key', schema })
/** A type that nobody handles: it must be skipped, and counted. */
export const ignoredType = 'order.ignored'

const oddMark = '~odd~'

/** The key, and identity, of a record that is odd in a way that has a name. */
export const oddKey = (name: string, place: string): string => `${place}${oddMark}${name}`
/** The name in it; undefined for the key of an order. */
export const oddIn = (uid: string): string | undefined => uid.split(oddMark)[1]

const decoder = new TextDecoder()

/** A record as the log and the dead letters keep it. */
export interface Kept {
  readonly value: Uint8Array | null
  readonly headers: Readonly<Record<string, string>>
}

/** The identity of a record whatever state its bytes are in: the order's uid, or the event id where there is none. */
export function identityOf(record: Kept): string {
  const { uid } = fieldsOf(record)
  return typeof uid === 'string' ? uid : (record.headers['ce_id'] ?? 'nameless')
}

/** The act that a record asks for; null when it asks for none. */
export function actOf(record: Kept): string | null {
  const { act } = fieldsOf(record)
  return record.headers['ce_type'] === OrderHostile.type && typeof act === 'string' ? act : null
}

/** It can be read, its handler means well, and it does nobody any harm. */
export function isInnocent(record: Kept): boolean {
  const type = record.headers['ce_type']
  if (oddIn(identityOf(record)) !== undefined) return false
  return (type === OrderPlaced.type || type === OrderFollowed.type) && isOrder(fieldsOf(record))
}

function fieldsOf({ value }: Kept): Partial<HostileOrder> {
  try {
    return (JSON.parse(decoder.decode(value ?? undefined)) ?? {}) as Partial<HostileOrder>
  } catch {
    // Poison.
    return {}
  }
}
