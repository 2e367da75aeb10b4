import { z } from 'zod'
import type { InvoiceFacts } from '../domain/invoice/invoice.ts'
import type { EtaReason } from '../domain/roads/eta.ts'
import type { Billing, Route, RouteStop } from '../domain/roads/route.ts'
import type { Order } from '../domain/trade/orders.ts'
import type { Geo, Instant, LdmCm, Metres, Money, Place, Seconds, TimeWindow } from '../domain/values/units.ts'

/** Payloads of the events: each carries its own type, so that the wire value can be read without the envelope. */
type Of<Type extends string, Fields> = { readonly type: Type } & Readonly<Fields>

export type OrderPlaced = Of<'OrderPlaced', Order>
export type RouteCalculated = Of<'RouteCalculated', Route>
export type PositionReported = Of<
  'PositionReported',
  {
    truckId: string
    reportedAt: Instant
    receivedAt: Instant
    geo: Geo
    speedKmh: number
    headingDeg: number
    odometerM: Metres
    seq: number
    ignition: boolean
    accuracyM: Metres
  }
>
export type RouteDeviationDetected = Of<
  'RouteDeviationDetected',
  {
    deviationId: string
    truckId: string
    routeId: string
    revision: number
    at: Instant
    geo: Geo
    offCorridorM: Metres
  }
>
export type EtaRevised = Of<
  'EtaRevised',
  {
    shipmentId: string
    orderId: string
    previousEta: Instant
    eta: Instant
    reason: EtaReason
    p90S: Seconds
    basedOnPositionAt: Instant
  }
>
export type ShipmentPickedUp = Of<
  'ShipmentPickedUp',
  {
    shipmentId: string
    orderId: string
    truckId: string
    pickedUpAt: Instant
    geo: Geo
    pallets: number
    ldmCm: LdmCm
    lateS: Seconds
  }
>
export type ShipmentDelivered = Of<
  'ShipmentDelivered',
  { shipmentId: string; orderId: string; deliveredAt: Instant; geo: Geo; receiverInitials: string; lateS: Seconds }
>
export type InvoicePdf = {
  readonly key: string
  readonly sha256: string
  readonly bytes: number
  readonly pages: number
}
export type InvoiceGenerated = Of<'InvoiceGenerated', InvoiceFacts & { readonly pdf: InvoicePdf }>

const id = z.string().min(1)
const instant = z.iso.datetime({ precision: 3 })
const date = z.iso.date()
const natural = z.int().nonnegative()

const money: z.ZodType<Money> = z.object({ minor: z.int(), currency: z.string().regex(/^[A-Z]{3}$/) })
const geo: z.ZodType<Geo> = z.object({ lat: z.number().min(-90).max(90), lon: z.number().min(-180).max(180) })
const timeWindow: z.ZodType<TimeWindow> = z.object({ from: instant, to: instant, zone: z.string() })
const place: z.ZodType<Place> = z.object({
  placeId: id,
  name: z.string(),
  country: z.string().length(2),
  geo,
  zone: z.string(),
})

const orderStop = z.object({ place, window: timeWindow, serviceS: natural })

export const orderPlaced: z.ZodType<OrderPlaced> = z.object({
  type: z.literal('OrderPlaced'),
  orderId: id,
  orderNumber: z.string().regex(/^LF-\d{4}-\d{6}$/),
  customerId: id,
  placedAt: instant,
  service: z.enum(['FTL', 'LTL']),
  pickup: orderStop,
  delivery: orderStop,
  lines: z
    .array(
      z.object({
        lineNo: z.int().positive(),
        description: z.string(),
        pallets: natural,
        weightG: natural,
        ldmCm: natural,
        adr: z.exactOptional(z.string().regex(/^UN\d{4}$/)),
        tempC: z.exactOptional(z.tuple([z.int(), z.int()])),
      }),
    )
    .min(1),
  quote: z.object({ quoteId: id, tariffId: id, net: money, distanceM: natural, validUntil: instant }),
  payment: z.object({ method: z.enum(['card', 'account']), token: z.string() }),
})

const routeStop: z.ZodType<RouteStop> = z.object({
  seq: z.int().positive(),
  orderId: id,
  shipmentId: id,
  kind: z.enum(['pickup', 'delivery']),
  place,
  arrive: instant,
  depart: instant,
  eta: instant,
  window: timeWindow,
  lateS: natural,
  loadAfterG: natural,
  ldmAfterCm: natural,
})
const billing: z.ZodType<Billing> = z.object({ payerCustomerId: id, tariffId: id, chargeableM: natural })

export const routeCalculated: z.ZodType<RouteCalculated> = z.object({
  type: z.literal('RouteCalculated'),
  truckId: id,
  eta: instant,
  timestamp: natural,
  routeId: id,
  revision: z.int().positive(),
  reason: z.enum(['planned', 'deviation', 'traffic', 'stop_removed']),
  deviationId: z.exactOptional(id),
  depotId: id,
  driverId: id,
  departAt: instant,
  distanceM: natural,
  drivingS: natural,
  breakS: natural,
  serviceS: natural,
  stops: z.array(routeStop),
  geometry: z.object({ encoding: z.literal('corridor-node-ids'), ids: z.array(z.int()) }),
  solver: z.object({
    name: z.literal('savings+sisr'),
    seed: z.int(),
    iterations: natural,
    ms: natural,
    costM: natural,
    bestBoundM: z.null(),
  }),
  billing: z.array(billing),
})

export const positionReported: z.ZodType<PositionReported> = z.object({
  type: z.literal('PositionReported'),
  truckId: id,
  reportedAt: instant,
  receivedAt: instant,
  geo,
  speedKmh: natural,
  headingDeg: z.int().min(0).lt(360),
  odometerM: natural,
  seq: natural,
  ignition: z.boolean(),
  accuracyM: natural,
})

export const routeDeviationDetected: z.ZodType<RouteDeviationDetected> = z.object({
  type: z.literal('RouteDeviationDetected'),
  deviationId: id,
  truckId: id,
  routeId: id,
  revision: z.int().positive(),
  at: instant,
  geo,
  offCorridorM: natural,
})

export const etaRevised: z.ZodType<EtaRevised> = z.object({
  type: z.literal('EtaRevised'),
  shipmentId: id,
  orderId: id,
  previousEta: instant,
  eta: instant,
  reason: z.enum(['progress', 'deviation', 'break_due', 'stop_overrun']),
  p90S: natural,
  basedOnPositionAt: instant,
})

export const shipmentPickedUp: z.ZodType<ShipmentPickedUp> = z.object({
  type: z.literal('ShipmentPickedUp'),
  shipmentId: id,
  orderId: id,
  truckId: id,
  pickedUpAt: instant,
  geo,
  pallets: natural,
  ldmCm: natural,
  lateS: natural,
})

export const shipmentDelivered: z.ZodType<ShipmentDelivered> = z.object({
  type: z.literal('ShipmentDelivered'),
  shipmentId: id,
  orderId: id,
  deliveredAt: instant,
  geo,
  receiverInitials: z.string(),
  lateS: natural,
})

const vatCategory = z.enum(['S', 'AE'])

export const invoiceGenerated: z.ZodType<InvoiceGenerated> = z.object({
  type: z.literal('InvoiceGenerated'),
  invoiceId: id,
  invoiceNumber: z.string().regex(/^[A-Z]{2}-\d{4}-\d{6}$/),
  customerId: id,
  orderId: id,
  routeId: id,
  routeRevision: z.int().positive(),
  issueDate: date,
  dueDate: date,
  supplyDate: date,
  sellerVatId: id,
  buyerVatId: z.string().nullable(),
  currency: z.string().length(3),
  lines: z.array(
    z.object({
      lineNo: z.int().positive(),
      text: z.string(),
      quantity: z.int().positive(),
      unit: z.enum(['KMT', 'C62']),
      unitPrice: money,
      net: money,
      vatCategory,
      vatRateBp: natural,
    }),
  ),
  vat: z.array(
    z.object({
      category: vatCategory,
      rateBp: natural,
      taxable: money,
      tax: money,
      exemptionReason: z.exactOptional(z.string()),
    }),
  ),
  net: money,
  tax: money,
  gross: money,
  pdf: z.object({ key: id, sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: natural, pages: z.int().positive() }),
})
