import { buildInvoice, type Invoice } from '../../domain/invoice/invoice.ts'
import { trucks } from '../../domain/roads/fleet.ts'
import { network } from '../../domain/roads/network.ts'
import { places } from '../../domain/roads/places.ts'
import { buildRoute, type Route, type RouteTask } from '../../domain/roads/route.ts'
import { customerOf } from '../../domain/trade/customers.ts'
import { chargeableM } from '../../domain/trade/tariff.ts'
import { plusSeconds } from '../../domain/values/time.ts'
import type { Place } from '../../domain/values/units.ts'

export const DEPART_AT = '2026-11-01T01:02:03.000Z'

export const placeNamed = (name: string): Place => places.find((place) => place.name === name)!

/** One full load from one place to another by the first articulated truck of Rotterdam, paid by one customer. */
export const sampleRoute = (options: { customerId?: string; from?: string; to?: string } = {}): Route => {
  const { customerId = 'C-0001', from = 'Rotterdam', to = 'Maastricht' } = options
  const [pickup, delivery] = [placeNamed(from), placeNamed(to)]
  const window = { from: DEPART_AT, to: plusSeconds(DEPART_AT, 86_400), zone: 'Europe/Amsterdam' }
  const load = { weightG: 18_400_000, ldmCm: 1040, pallets: 26 }
  const shared = { orderId: 'order-1', shipmentId: 'shipment-1', window, serviceS: 1800, load }
  const tasks: RouteTask[] = [
    { ...shared, kind: 'pickup', place: pickup },
    { ...shared, kind: 'delivery', place: delivery },
  ]
  const loadedM = network.path(Number(pickup.placeId), Number(delivery.placeId)).distanceM
  return buildRoute(network, tasks, {
    ...{ routeId: 'route-1', revision: 1, reason: 'planned', truck: trucks[0]! },
    departAt: DEPART_AT,
    calculatedAt: DEPART_AT,
    solver: { name: 'savings+sisr', seed: 1, iterations: 0, ms: 0 },
    billing: [
      {
        payerCustomerId: customerId,
        tariffId: customerOf(customerId).tariffId,
        chargeableM: chargeableM(loadedM, 'FTL', 1360),
      },
    ],
  })
}

export const sampleInvoice = (route: Route, invoiceNumber: string = 'NL-2026-000045'): Invoice =>
  buildInvoice({
    route,
    buyer: customerOf(route.billing[0]!.payerCustomerId),
    orderId: 'order-1',
    invoiceId: 'invoice-1',
    invoiceNumber,
    issuedAt: DEPART_AT,
  })
