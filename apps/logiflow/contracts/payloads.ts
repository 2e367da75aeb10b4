import { z } from 'zod'

/** Payloads of the events: each carries its own type, so that the wire value can be read without the envelope. */
const id = z.string().min(1)
const instant = z.iso.datetime({ precision: 3 })
const date = z.iso.date()
const natural = z.int().nonnegative()

const money = z.object({ minor: z.int(), currency: z.string().regex(/^[A-Z]{3}$/) })
const geo = z.object({ lat: z.number().min(-90).max(90), lon: z.number().min(-180).max(180) })
const timeWindow = z.object({ from: instant, to: instant, zone: z.string() })
const place = z.object({
  placeId: id,
  name: z.string(),
  country: z.string().length(2),
  geo,
  zone: z.string(),
})

const orderStop = z.object({ place, window: timeWindow, serviceS: natural })

export const orderPlaced = z.object({
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
        tempC: z.exactOptional(z.tuple([z.int(), z.int()]).readonly()),
      }),
    )
    .min(1)
    .readonly(),
  quote: z.object({ quoteId: id, tariffId: id, net: money, distanceM: natural, validUntil: instant }),
  payment: z.object({ method: z.enum(['card', 'account']), token: z.string() }),
})
export type OrderPlaced = z.infer<typeof orderPlaced>

const routeStop = z.object({
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
const billing = z.object({ payerCustomerId: id, tariffId: id, chargeableM: natural })

export const routeCalculated = z.object({
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
  stops: z.array(routeStop).readonly(),
  geometry: z.object({ encoding: z.literal('corridor-node-ids'), ids: z.array(z.int()).readonly() }),
  solver: z.object({
    name: z.literal('savings+sisr'),
    seed: z.int(),
    iterations: natural,
    ms: natural,
    costM: natural,
    bestBoundM: z.null(),
  }),
  billing: z.array(billing).readonly(),
})
export type RouteCalculated = z.infer<typeof routeCalculated>

export const positionReported = z.object({
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
export type PositionReported = z.infer<typeof positionReported>

export const routeDeviationDetected = z.object({
  type: z.literal('RouteDeviationDetected'),
  deviationId: id,
  truckId: id,
  routeId: id,
  revision: z.int().positive(),
  at: instant,
  geo,
  offCorridorM: natural,
})
export type RouteDeviationDetected = z.infer<typeof routeDeviationDetected>

export const etaRevised = z.object({
  type: z.literal('EtaRevised'),
  shipmentId: id,
  orderId: id,
  previousEta: instant,
  eta: instant,
  reason: z.enum(['progress', 'deviation', 'break_due', 'stop_overrun']),
  p90S: natural,
  basedOnPositionAt: instant,
})
export type EtaRevised = z.infer<typeof etaRevised>

export const shipmentPickedUp = z.object({
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
export type ShipmentPickedUp = z.infer<typeof shipmentPickedUp>

export const shipmentDelivered = z.object({
  type: z.literal('ShipmentDelivered'),
  shipmentId: id,
  orderId: id,
  deliveredAt: instant,
  geo,
  receiverInitials: z.string(),
  lateS: natural,
})
export type ShipmentDelivered = z.infer<typeof shipmentDelivered>

const invoicePdf = z.object({
  key: id,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: natural,
  pages: z.int().positive(),
})
export type InvoicePdf = z.infer<typeof invoicePdf>

const vatCategory = z.enum(['S', 'AE'])

export const invoiceGenerated = z.object({
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
  lines: z
    .array(
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
    )
    .readonly(),
  vat: z
    .array(
      z.object({
        category: vatCategory,
        rateBp: natural,
        taxable: money,
        tax: money,
        exemptionReason: z.exactOptional(z.string()),
      }),
    )
    .readonly(),
  net: money,
  tax: money,
  gross: money,
  pdf: invoicePdf,
})
export type InvoiceGenerated = z.infer<typeof invoiceGenerated>
