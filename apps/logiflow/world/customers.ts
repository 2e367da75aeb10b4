import { places } from '../domain/roads/places.ts'
import { customers } from '../domain/trade/customers.ts'
import { loadedDistanceM } from '../domain/trade/orders.ts'
import { integerBetween, pick, type Random } from '../domain/values/random.ts'
import type { OrderRequest } from '../services/portal/place-order.ts'

const HAUL_MIN_M = 60_000
const HAUL_MAX_M = 260_000
const COOLED = [
  'Cut flowers in water',
  'Gouda, wheels in crates',
  'Apples, Elstar',
  'Fresh fish on ice',
  'Filled chocolate',
]
const DRY = [
  'Corrugated board, flat',
  'Ceramic floor tiles',
  'Garden furniture',
  'Beer in crates',
  'Machine parts',
  'Office paper',
]

/** What one of the customers asks for next. */
export const nextRequest = (random: Random): OrderRequest => {
  const customer = pick(random, customers)
  const reachable = places.filter((place) => {
    const distanceM = loadedDistanceM(customer.place, place)
    return distanceM > HAUL_MIN_M && distanceM < HAUL_MAX_M
  })
  const cooled = customer.tariffId.startsWith('REEFER')
  return {
    customerId: customer.customerId,
    toPlaceId: pick(random, reachable).placeId,
    goods: pick(random, cooled ? COOLED : DRY),
    pallets: random() < 0.45 ? integerBetween(random, 22, 33) : integerBetween(random, 4, 16),
    palletKg: integerBetween(random, 180, 480),
    cooled,
  }
}
