import { type EventDefinition, event, hours, topic } from 'firebreak'
import { z } from 'zod'
import { upcastInvoiceGenerated } from './invoice-generated-v1.ts'
import * as payloads from './payloads.ts'

type Definition<T> = EventDefinition<z.ZodType<T, T>>

/** Payload schemas state what they give; nothing is transformed on the way, so what they take is the same. */
const exact = <T>(schema: z.ZodType<T>): z.ZodType<T, T> => schema as z.ZodType<T, T>

export type TariffPublished = {
  readonly type: 'TariffPublished'
  /** The name on quotes and routes. */
  readonly tariffId: string
  /** The tariff of the price list that it stands for. */
  readonly basedOn: string
}
export const tariffPublished: z.ZodType<TariffPublished> = z.object({
  type: z.literal('TariffPublished'),
  tariffId: z.string().min(1),
  basedOn: z.string().min(1),
})

export const OrderPlaced: Definition<payloads.OrderPlaced> = event({
  type: 'order.placed',
  topic: 'orders.events',
  key: 'orderId',
  schema: exact(payloads.orderPlaced),
  description: 'A customer asked for a transport, at a quoted price.',
})

/** On the wire: topic `routing.events`, key `truckId`, JSON with `type`, `truckId`, `eta` and `timestamp`. */
export const RouteCalculated: Definition<payloads.RouteCalculated> = event({
  type: 'route.calculated',
  topic: 'routing.events',
  key: 'truckId',
  schema: exact(payloads.routeCalculated),
  description: 'A truck has a way over its stops, with times, kilometres and who pays for them.',
})

export const PositionReported: Definition<payloads.PositionReported> = event({
  type: 'position.reported',
  topic: topic('tracking.positions', { retentionMs: hours(24) }),
  key: 'truckId',
  schema: exact(payloads.positionReported),
  description: 'Where a truck was seen.',
})

export const EtaRevised: Definition<payloads.EtaRevised> = event({
  type: 'eta.revised',
  topic: 'tracking.events',
  key: 'shipmentId',
  schema: exact(payloads.etaRevised),
  description: 'An arrival moved by more than a quarter of an hour.',
})

export const ShipmentPickedUp: Definition<payloads.ShipmentPickedUp> = event({
  type: 'shipment.picked-up',
  topic: 'tracking.events',
  key: 'shipmentId',
  schema: exact(payloads.shipmentPickedUp),
})

export const ShipmentDelivered: Definition<payloads.ShipmentDelivered> = event({
  type: 'shipment.delivered',
  topic: 'tracking.events',
  key: 'shipmentId',
  schema: exact(payloads.shipmentDelivered),
})

export const InvoiceGenerated: Definition<payloads.InvoiceGenerated> = event({
  type: 'invoice.generated',
  topic: 'invoicing.events',
  key: 'customerId',
  schema: exact(payloads.invoiceGenerated),
  version: 2,
  upcast: { 1: upcastInvoiceGenerated },
  description: 'An invoice has its number and its PDF. Version 1 had one VAT rate, as a float.',
})

export const TariffPublished: Definition<TariffPublished> = event({
  type: 'tariff.published',
  topic: 'tariffs.events',
  key: 'tariffId',
  schema: exact(tariffPublished),
  description: 'A tariff name that invoices may use from now on.',
})
