import { event, hours, topic } from 'firebreak'
import { z } from 'zod'
import { upcastInvoiceGenerated } from './invoice-generated-v1.ts'
import * as payloads from './payloads.ts'

export const tariffPublished = z.object({
  type: z.literal('TariffPublished'),
  /** The name on quotes and routes. */
  tariffId: z.string().min(1),
  /** The tariff of the price list that it stands for. */
  basedOn: z.string().min(1),
})
export type TariffPublished = z.infer<typeof tariffPublished>

export const OrderPlaced = event({
  type: 'order.placed',
  topic: 'orders.events',
  key: 'orderId',
  schema: payloads.orderPlaced,
  description: 'A customer asked for a transport, at a quoted price.',
})

/** On the wire: topic `routing.events`, key `truckId`, JSON with `type`, `truckId`, `eta` and `timestamp`. */
export const RouteCalculated = event({
  type: 'route.calculated',
  topic: 'routing.events',
  key: 'truckId',
  schema: payloads.routeCalculated,
  description: 'A truck has a way over its stops, with times, kilometres and who pays for them.',
})

export const PositionReported = event({
  type: 'position.reported',
  topic: topic('tracking.positions', { retentionMs: hours(24) }),
  key: 'truckId',
  schema: payloads.positionReported,
  description: 'Where a truck was seen.',
})

export const EtaRevised = event({
  type: 'eta.revised',
  topic: 'tracking.events',
  key: 'shipmentId',
  schema: payloads.etaRevised,
  description: 'An arrival moved by more than a quarter of an hour.',
})

export const ShipmentPickedUp = event({
  type: 'shipment.picked-up',
  topic: 'tracking.events',
  key: 'shipmentId',
  schema: payloads.shipmentPickedUp,
})

export const ShipmentDelivered = event({
  type: 'shipment.delivered',
  topic: 'tracking.events',
  key: 'shipmentId',
  schema: payloads.shipmentDelivered,
})

export const InvoiceGenerated = event({
  type: 'invoice.generated',
  topic: 'invoicing.events',
  key: 'customerId',
  schema: payloads.invoiceGenerated,
  version: 2,
  upcast: { 1: upcastInvoiceGenerated },
  description: 'An invoice has its number and its PDF. Version 1 had one VAT rate, as a float.',
})

export const TariffPublished = event({
  type: 'tariff.published',
  topic: 'tariffs.events',
  key: 'tariffId',
  schema: tariffPublished,
  description: 'A tariff name that invoices may use from now on.',
})
