import { network } from '../roads/network.ts'
import { places } from '../roads/places.ts'
import { drivingS } from '../roads/speed-profile.ts'
import { integerBetween, mulberry32, pick, type Random, uuid7From } from '../values/random.ts'
import { epochMs, instantAtMs, plusSeconds } from '../values/time.ts'
import type { Grams, Instant, LdmCm, Load, Metres, Place, Seconds, TimeWindow, TruckClass } from '../values/units.ts'
import { type Customer, customers } from './customers.ts'
import { type Quote, quoteFreight, requiredClass, type Service } from './tariff.ts'

export type Stop = {
  readonly place: Place
  readonly window: TimeWindow
  readonly serviceS: Seconds
}
export type OrderLine = {
  readonly lineNo: number
  readonly description: string
  readonly pallets: number
  readonly weightG: Grams
  readonly ldmCm: LdmCm
  readonly adr?: string
  readonly tempC?: readonly [number, number]
}
export type Order = {
  readonly orderId: string
  readonly orderNumber: string
  readonly customerId: string
  readonly placedAt: Instant
  readonly service: Service
  readonly pickup: Stop
  readonly delivery: Stop
  readonly lines: readonly OrderLine[]
  readonly quote: Quote
  readonly payment: {
    readonly method: 'card' | 'account'
    readonly token: string
  }
}

type Goods = {
  readonly text: string
  readonly palletKg: number
  readonly tempC?: readonly [number, number]
  readonly adr?: string
}

const PALLET_LDM_CM = 40
const COOLED: readonly Goods[] = [
  { text: 'Cut flowers in water', palletKg: 260, tempC: [2, 6] },
  { text: 'Gouda, wheels in crates', palletKg: 780, tempC: [2, 7] },
  { text: 'Apples, Elstar', palletKg: 640, tempC: [1, 4] },
  { text: 'Fresh fish on ice', palletKg: 520, tempC: [0, 2] },
  { text: 'Chocolate, filled', palletKg: 430, tempC: [12, 18] },
]
const DRY: readonly Goods[] = [
  { text: 'Corrugated board, flat', palletKg: 480 },
  { text: 'Ceramic floor tiles', palletKg: 980 },
  { text: 'Garden furniture, boxed', palletKg: 210 },
  { text: 'Beer in crates', palletKg: 870 },
  { text: 'Machine parts', palletKg: 720 },
  { text: 'Paint, solvent based', palletKg: 640, adr: 'UN1263' },
  { text: 'Office paper', palletKg: 690 },
  { text: 'Sanitary ware', palletKg: 390 },
]
const HAUL_MIN_M: Metres = 30_000
const HOUR_S = 3_600

export const orderLoad = (order: Pick<Order, 'lines'>): Load =>
  order.lines.reduce(
    (total, line) => ({
      weightG: total.weightG + line.weightG,
      ldmCm: total.ldmCm + line.ldmCm,
      pallets: total.pallets + line.pallets,
    }),
    { weightG: 0, ldmCm: 0, pallets: 0 },
  )

export const orderClass = (order: Pick<Order, 'lines'>): TruckClass =>
  requiredClass({
    ...orderLoad(order),
    isCooled: order.lines.some((line) => line.tempC !== undefined),
  })

export const loadedDistanceM = (from: Place, to: Place): Metres =>
  network.path(Number(from.placeId), Number(to.placeId)).distanceM

const linesFor = (random: Random, customer: Customer, isFull: boolean): readonly OrderLine[] => {
  const goods = customer.tariffId.startsWith('REEFER') ? COOLED : DRY
  const count = integerBetween(random, 1, 2)
  return Array.from({ length: count }, (_, index): OrderLine => {
    const { text, palletKg, tempC, adr } = pick(random, goods)
    const pallets = isFull ? integerBetween(random, 11, 12) : integerBetween(random, 1, 5)
    const weightG = pallets * (palletKg + integerBetween(random, -20, 20)) * 1000
    return {
      ...{
        lineNo: index + 1,
        description: text,
        pallets,
        weightG,
        ldmCm: pallets * PALLET_LDM_CM,
      },
      ...(adr === undefined ? {} : { adr }),
      ...(tempC === undefined ? {} : { tempC }),
    }
  })
}

const windowAt = (from: Instant, hours: number, place: Place): TimeWindow => ({
  from,
  to: plusSeconds(from, hours * HOUR_S),
  zone: place.zone,
})

const nextQuarter = (instant: Instant): Instant => instantAtMs(Math.ceil(epochMs(instant) / 900_000) * 900_000)

const deliveryPlaceFor = (random: Random, pickup: Place): Place => {
  const candidate = pick(random, places)
  return loadedDistanceM(pickup, candidate) < HAUL_MIN_M ? deliveryPlaceFor(random, pickup) : candidate
}

/** One plausible order of a real-looking customer; windows leave room for the drive, the price comes from the tariff. */
export const generateOrder = (random: Random, sequence: number, placedAt: Instant): Order => {
  const customer = pick(random, customers)
  const isFull = random() < 0.4
  const lines = linesFor(random, customer, isFull)
  const service: Service = isFull ? 'FTL' : 'LTL'
  const to = deliveryPlaceFor(random, customer.place)
  const distanceM = loadedDistanceM(customer.place, to)
  const { ldmCm, pallets } = orderLoad({ lines })
  const serviceS = 600 + pallets * 90
  const pickupFrom = nextQuarter(plusSeconds(placedAt, integerBetween(random, 2, 6) * HOUR_S))
  const deliveryFrom = nextQuarter(plusSeconds(pickupFrom, serviceS + drivingS(distanceM)))
  const atMs = epochMs(placedAt)
  const quoteId = uuid7From(random, atMs)
  return {
    orderId: uuid7From(random, atMs),
    orderNumber: `LF-${placedAt.slice(0, 4)}-${String(sequence).padStart(6, '0')}`,
    customerId: customer.customerId,
    placedAt,
    service,
    pickup: {
      place: customer.place,
      window: windowAt(pickupFrom, 3, customer.place),
      serviceS,
    },
    delivery: { place: to, window: windowAt(deliveryFrom, 5, to), serviceS },
    lines,
    quote: quoteFreight({
      ...{
        quoteId,
        tariffId: customer.tariffId,
        truckClass: orderClass({ lines }),
        service,
        ldmCm,
        distanceM,
      },
      at: placedAt,
    }),
    payment: {
      method: customer.tariffId.startsWith('CONTRACT') ? 'account' : 'card',
      token: `tok_${uuid7From(random, atMs).slice(24)}`,
    },
  }
}

/** A stream of orders, `everyS` apart; the same seed gives the same orders with the same ids. */
export const generateOrders = (options: {
  readonly seed: number
  readonly count: number
  readonly firstAt: Instant
  readonly everyS: Seconds
}): readonly Order[] => {
  const random = mulberry32(options.seed)
  return Array.from({ length: options.count }, (_, index) =>
    generateOrder(random, index + 1, plusSeconds(options.firstAt, index * options.everyS)),
  )
}
