import assert from 'node:assert/strict'
import { test } from 'node:test'
import { invoiceGeneratedV1, upcastInvoiceGenerated } from '../../contracts/invoice-generated-v1.ts'
import {
  etaRevised,
  invoiceGenerated,
  orderPlaced,
  positionReported,
  routeCalculated,
  routeDeviationDetected,
  shipmentDelivered,
  shipmentPickedUp,
} from '../../contracts/payloads.ts'
import { capacities } from '../../domain/roads/fleet.ts'
import { drivingS } from '../../domain/roads/speed-profile.ts'
import { generateOrders, orderClass, orderLoad } from '../../domain/trade/orders.ts'
import { secondsBetween } from '../../domain/values/time.ts'
import { DEPART_AT, sampleInvoice, sampleRoute } from './samples.ts'

const orders = generateOrders({ seed: 203, count: 200, firstAt: DEPART_AT, everyS: 30 })
const pdf = { key: 'k', sha256: '0'.repeat(64), bytes: 1, pages: 1 }

test('the same seed gives the same orders, another seed others', () => {
  assert.deepEqual(generateOrders({ seed: 203, count: 200, firstAt: DEPART_AT, everyS: 30 }), orders)
  assert.notDeepEqual(generateOrders({ seed: 204, count: 200, firstAt: DEPART_AT, everyS: 30 }), orders)
  assert.equal(new Set(orders.map((order) => order.orderId)).size, 200)
})

test('generated ids are version 7 UUIDs that carry the time of the order', () => {
  const [first] = orders
  assert.match(first!.orderId, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(Number.parseInt(first!.orderId.replace('-', '').slice(0, 12), 16), Date.parse(DEPART_AT))
})

test('every generated order is a valid OrderPlaced, fits the truck of its class and leaves time to drive', () => {
  for (const order of orders) {
    assert.deepEqual(orderPlaced.parse({ type: 'OrderPlaced', ...order }), { type: 'OrderPlaced', ...order })
    const [load, capacity] = [orderLoad(order), capacities[orderClass(order)]]
    assert.ok(load.weightG <= capacity.weightG && load.ldmCm <= capacity.ldmCm && load.pallets <= capacity.pallets)
    const roomS = secondsBetween(order.pickup.window.from, order.delivery.window.from)
    assert.ok(roomS >= order.pickup.serviceS + drivingS(order.quote.distanceM))
    assert.ok(order.quote.net.minor > 0)
  }
})

test('RouteCalculated starts with type, truckId, eta and timestamp, in this order', () => {
  const parsed = routeCalculated.parse(JSON.parse(JSON.stringify({ type: 'RouteCalculated', ...sampleRoute() })))
  assert.deepEqual(Object.keys(parsed).slice(0, 4), ['type', 'truckId', 'eta', 'timestamp'])
  assert.deepEqual(parsed, { type: 'RouteCalculated', ...sampleRoute() })
})

test('what tracking says passes its schema, and an instant without milliseconds or zone does not', () => {
  const geo = { lat: 51.9225, lon: 4.47917 }
  const [truckId, shipmentId, orderId] = ['TRK-01', 's', 'o']
  const position = {
    ...{ type: 'PositionReported', truckId, reportedAt: DEPART_AT, receivedAt: DEPART_AT, geo, speedKmh: 78 },
    ...{ headingDeg: 359, odometerM: 1, seq: 0, ignition: true, accuracyM: 5 },
  }
  const deviation = {
    type: 'RouteDeviationDetected',
    deviationId: 'd',
    truckId,
    routeId: 'r',
    revision: 1,
    at: DEPART_AT,
    geo,
  }
  const revised = {
    type: 'EtaRevised',
    shipmentId,
    orderId,
    previousEta: DEPART_AT,
    eta: DEPART_AT,
    reason: 'break_due',
  }
  const samples = [
    [positionReported, position],
    [routeDeviationDetected, { ...deviation, offCorridorM: 2_100 }],
    [etaRevised, { ...revised, p90S: 540, basedOnPositionAt: DEPART_AT }],
    [
      shipmentPickedUp,
      {
        type: 'ShipmentPickedUp',
        shipmentId,
        orderId,
        truckId,
        pickedUpAt: DEPART_AT,
        geo,
        pallets: 1,
        ldmCm: 40,
        lateS: 0,
      },
    ],
    [
      shipmentDelivered,
      { type: 'ShipmentDelivered', shipmentId, orderId, deliveredAt: DEPART_AT, geo, receiverInitials: 'JV', lateS: 0 },
    ],
  ] as const
  for (const [schema, sample] of samples) assert.deepEqual(schema.parse(sample), sample)
  assert.ok(!positionReported.safeParse({ ...position, reportedAt: '2026-11-01T02:02:03' }).success)
})

test('numbers that are no safe integers are refused', () => {
  const route = { type: 'RouteCalculated', ...sampleRoute() }
  assert.ok(!routeCalculated.safeParse({ ...route, distanceM: 1.5 }).success)
  assert.ok(!routeCalculated.safeParse({ ...route, distanceM: 2 ** 53 }).success)
})

test('the buyer stays inside: parsing an invoice drops name and address', () => {
  const parsed = invoiceGenerated.parse({ type: 'InvoiceGenerated', ...sampleInvoice(sampleRoute()), pdf })
  assert.ok(!('buyer' in parsed))
})

test('an invoice of version 1 becomes a valid version 2 with the tax that was charged', () => {
  const { vat, buyer, lines, ...rest } = sampleInvoice(sampleRoute())
  const oldLines = lines.map(({ vatCategory, vatRateBp, ...line }) => line)
  const old = { type: 'InvoiceGenerated' as const, ...rest, lines: oldLines, vatRatePercent: 21, pdf }
  const { buyer: _, ...facts } = sampleInvoice(sampleRoute())
  const upcast = upcastInvoiceGenerated(invoiceGeneratedV1.parse(old))
  assert.deepEqual(invoiceGenerated.parse(upcast), { type: 'InvoiceGenerated', ...facts, pdf })
  const charged = upcastInvoiceGenerated({ ...old, tax: { minor: 1, currency: 'EUR' }, vatRatePercent: 0.07 * 300 })
  assert.deepEqual([charged.vat[0]!.rateBp, charged.vat[0]!.tax.minor], [2100, 1])
})

test('zero percent in version 1 meant reverse charge', () => {
  const { vat, buyer, lines, ...rest } = sampleInvoice(sampleRoute({ customerId: 'C-0037' }))
  const upcast = upcastInvoiceGenerated({ type: 'InvoiceGenerated', ...rest, lines, vatRatePercent: 0, pdf })
  assert.deepEqual(upcast.vat, vat)
})
