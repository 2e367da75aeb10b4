import { createHash } from 'node:crypto'
import type { Transaction } from 'firebreak'
import { z } from 'zod'
import { OrderPlaced } from '../../contracts/events.ts'
import type { OrderPlaced as Order } from '../../contracts/payloads.ts'
import { placeOf } from '../../domain/roads/places.ts'
import { drivingS } from '../../domain/roads/speed-profile.ts'
import { customerOf } from '../../domain/trade/customers.ts'
import { loadedDistanceM, type OrderLine, orderClass, orderLoad } from '../../domain/trade/orders.ts'
import { quoteFreight } from '../../domain/trade/tariff.ts'
import { plusSeconds } from '../../domain/values/time.ts'
import type { Instant, TimeWindow } from '../../domain/values/units.ts'
import { Problem } from '../../platform/http.ts'
import { newId } from '../../platform/machine.ts'
import { cardOrdered, findRequest, nextCount, rememberRequest } from './store.ts'

const PALLET_LDM_CM = 40
/** From here on a load has the truck to itself. */
const FULL_LOAD_PALLETS = 20
const HOUR_S = 3_600
const HAUL_MIN_M = 20_000

export type OrderRequest = {
  readonly customerId: string
  readonly toPlaceId: string
  readonly goods: string
  readonly pallets: number
  readonly palletKg: number
  readonly cooled: boolean
}
const PALLETS = 'A truck takes 1 to 33 pallets.'

export const orderRequest: z.ZodType<OrderRequest> = z.object({
  customerId: z.string().min(1, 'Choose a customer.'),
  toPlaceId: z.string().min(1, 'Choose a destination.'),
  goods: z.string().trim().min(1, 'Say what the truck carries.').max(60, 'Use 60 characters at most.'),
  pallets: z.int(PALLETS).min(1, PALLETS).max(33, PALLETS),
  palletKg: z.int().min(50).max(700).default(450),
  cooled: z.boolean().default(false),
})

const lineOf = (request: OrderRequest): OrderLine => ({
  lineNo: 1,
  description: request.goods,
  pallets: request.pallets,
  weightG: request.pallets * request.palletKg * 1000,
  ldmCm: request.pallets * PALLET_LDM_CM,
  ...(request.cooled ? { tempC: [2, 6] as const } : {}),
})

const windowFrom = (from: Instant, hours: number, zone: string): TimeWindow => ({
  from,
  to: plusSeconds(from, hours * HOUR_S),
  zone,
})

/** A transport from the customer's own place, to be loaded as soon as a truck is there. */
export const buildOrder = (request: OrderRequest, sequence: number, at: Instant): Order => {
  const customer = customerOf(request.customerId)
  const to = placeOf(request.toPlaceId)
  const distanceM = loadedDistanceM(customer.place, to)
  if (distanceM < HAUL_MIN_M)
    throw new Problem(422, `${to.name} is too near; choose a place further away.`, 'toPlaceId')
  const lines = [lineOf(request)]
  const service = request.pallets >= FULL_LOAD_PALLETS ? 'FTL' : 'LTL'
  const serviceS = 600 + request.pallets * 90
  const earliest = plusSeconds(at, serviceS + drivingS(distanceM))
  const quoted = { tariffId: customer.tariffId, truckClass: orderClass({ lines }), service, distanceM, at } as const
  return {
    type: 'OrderPlaced',
    orderId: newId(),
    orderNumber: `LF-${at.slice(0, 4)}-${String(sequence).padStart(6, '0')}`,
    customerId: customer.customerId,
    ...{ placedAt: at, service, lines },
    pickup: { place: customer.place, window: windowFrom(at, 6, customer.place.zone), serviceS },
    delivery: { place: to, window: windowFrom(earliest, 8, to.zone), serviceS },
    quote: quoteFreight({ ...quoted, quoteId: newId(), ldmCm: orderLoad({ lines }).ldmCm }),
    payment: { method: 'account', token: `acc_${customer.customerId}` },
  }
}

export type Placed = { readonly orderId: string; readonly orderNumber: string }

/** One order per key, however often the request is sent: answer, card and event in one commit. */
export const placeOrder = async (
  tx: Transaction,
  request: OrderRequest,
  at: { readonly key: string; readonly now: Instant; readonly tariffId?: string },
): Promise<Placed> => {
  const digest = createHash('sha256').update(JSON.stringify(request)).digest('hex')
  const earlier = await findRequest(tx, at.key)
  if (earlier !== undefined) {
    if (earlier.digest !== digest) throw new Problem(422, 'this Idempotency-Key was used for another order')
    return { orderId: earlier.order_id, orderNumber: earlier.order_number }
  }
  const built = buildOrder(request, await nextCount(tx, 'orders'), at.now)
  const order = at.tariffId === undefined ? built : { ...built, quote: { ...built.quote, tariffId: at.tariffId } }
  await rememberRequest(tx, at.key, { digest, order_id: order.orderId, order_number: order.orderNumber })
  await cardOrdered(tx, order)
  tx.publish(OrderPlaced, order)
  return { orderId: order.orderId, orderNumber: order.orderNumber }
}
