import type { InvoiceGenerated, OrderPlaced, PositionReported, RouteCalculated } from '../../contracts/payloads.ts'
import { depots, truckOf, trucks } from '../../domain/roads/fleet.ts'
import { network } from '../../domain/roads/network.ts'
import { places } from '../../domain/roads/places.ts'
import { customerOf, customers } from '../../domain/trade/customers.ts'
import { orderLoad } from '../../domain/trade/orders.ts'
import { instantAtMs } from '../../domain/values/time.ts'
import type { CardRow } from './store.ts'

const parse = <T>(text: string | null): T | null => (text === null ? null : (JSON.parse(text) as T))

const statusOf = (row: CardRow): string => {
  if (row.delivered_at !== null) return 'delivered'
  if (row.picked_up_at !== null) return 'in transit'
  return row.route_body === null ? 'placed' : 'to pickup'
}

const invoiceView = (invoice: InvoiceGenerated | null): object | null =>
  invoice && {
    number: invoice.invoiceNumber,
    ...{ issueDate: invoice.issueDate, dueDate: invoice.dueDate, lines: invoice.lines, vat: invoice.vat },
    ...{ net: invoice.net, tax: invoice.tax, gross: invoice.gross },
    pdf: { pages: invoice.pdf.pages, bytes: invoice.pdf.bytes },
  }

const orderView = (order: OrderPlaced | null): object | null =>
  order && {
    from: order.pickup.place.name,
    to: order.delivery.place.name,
    zone: order.delivery.place.zone,
    service: order.service,
    goods: order.lines.map((line) => line.description).join(', '),
    ...orderLoad(order),
    quotedNet: order.quote.net,
    distanceM: order.quote.distanceM,
  }

const routeView = (route: RouteCalculated | null): object | null =>
  route && {
    routeId: route.routeId,
    truckId: route.truckId,
    plate: truckOf(route.truckId).plate,
    calculatedAt: instantAtMs(route.timestamp),
    departAt: route.departAt,
    ...{ distanceM: route.distanceM, breakS: route.breakS, ids: route.geometry.ids },
    stops: route.stops.map(({ kind, eta, place }) => ({ kind, eta, placeId: place.placeId, name: place.name })),
  }

/** A shipment as the page shows it: everything from this service's own tables. */
export const cardView = (row: CardRow): Readonly<Record<string, unknown>> => ({
  orderId: row.order_id,
  orderNumber: row.order_number,
  customer: row.customer_id === null ? null : customerOf(row.customer_id).name,
  placedAt: row.placed_at,
  status: statusOf(row),
  promisedEta: row.promised_eta,
  eta: row.eta ?? row.promised_eta,
  etaReason: row.eta_reason,
  etaP90S: row.eta_p90_s,
  pickedUpAt: row.picked_up_at,
  deliveredAt: row.delivered_at,
  receiverInitials: row.receiver_initials,
  lateS: row.late_s,
  routedMs: row.routed_ms,
  order: orderView(parse<OrderPlaced>(row.order_body)),
  route: routeView(parse<RouteCalculated>(row.route_body)),
  invoice: invoiceView(parse<InvoiceGenerated>(row.invoice_body)),
})

export const truckView = (position: PositionReported): Readonly<Record<string, unknown>> => ({
  truckId: position.truckId,
  plate: truckOf(position.truckId).plate,
  ...{ geo: position.geo, headingDeg: position.headingDeg, speedKmh: position.speedKmh, at: position.reportedAt },
})

/** What never changes while the process runs: places, corridors, depots, and what the order form offers. */
export const mapView = (): Readonly<Record<string, unknown>> => ({
  places: places.map(({ placeId, name, country, geo }) => [placeId, name, country, geo.lat, geo.lon]),
  edges: network.edges.map(({ from, to }) => [from, to]),
  depots: depots.map(({ depotId, place }) => ({ depotId, placeId: place.placeId })),
  customers: customers.map(({ customerId, name, place }) => ({ customerId, name, place: place.name })),
  truckCount: trucks.length,
})
