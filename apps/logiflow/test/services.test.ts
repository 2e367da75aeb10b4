import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ServiceDefinition } from 'firebreak'
import { createTestRuntime, type TestRuntime, type TestRuntimeOptions } from 'firebreak/testing'
import {
  EtaRevised,
  InvoiceGenerated,
  OrderPlaced,
  PositionReported,
  RouteCalculated,
  ShipmentDelivered,
  ShipmentPickedUp,
  TariffPublished,
} from '../contracts/events.ts'
import type { OrderPlaced as Order, RouteCalculated as Route } from '../contracts/payloads.ts'
import { truckOf } from '../domain/roads/fleet.ts'
import { network } from '../domain/roads/network.ts'
import { planOf } from '../domain/roads/route.ts'
import { truckAt } from '../domain/roads/truck-motion.ts'
import { plusSeconds } from '../domain/values/time.ts'
import { invoicingService } from '../services/invoicing/handlers.ts'
import { invoicingTables } from '../services/invoicing/store.ts'
import { portalService } from '../services/portal/handlers.ts'
import { buildOrder } from '../services/portal/place-order.ts'
import { findCard, invoicesDue, portalTables } from '../services/portal/store.ts'
import { cardView } from '../services/portal/views.ts'
import { routing } from '../services/routing/handlers.ts'
import { planOrder } from '../services/routing/plan.ts'
import { routingTables } from '../services/routing/store.ts'
import { tracking } from '../services/tracking/handlers.ts'
import { observePosition, observeScan } from '../services/tracking/observe.ts'
import { trackingTables } from '../services/tracking/store.ts'
import { createAll, sampleOrder } from './samples.ts'

const tables: Readonly<Record<string, readonly string[]>> = {
  routing: routingTables,
  invoicing: invoicingTables,
  tracking: trackingTables,
  portal: portalTables,
}

/** All four services in one test: PDFs stay in memory, time is virtual. */
const logiflow = async (options: Partial<TestRuntimeOptions> = {}) => {
  const portal = portalService(() => {})
  const invoicing: ServiceDefinition = invoicingService({
    database: () => app.service(invoicing).database,
    render: async (invoice) => Buffer.from(`PDF of ${invoice.invoiceNumber}`),
    keep: async (pdf) => {
      const sha256 = createHash('sha256').update(pdf).digest('hex')
      return { key: `${sha256}.pdf`, sha256, bytes: pdf.length, pages: 1 }
    },
  })
  const app: TestRuntime = await createTestRuntime({
    services: [routing, invoicing, tracking, portal],
    prepare: (database, name) => createAll(database, tables[name] ?? []),
    ...options,
  })
  return { app, invoicing, portal }
}

const planned = (order: Order): Route =>
  planOrder(order, {
    ...{ routeId: `route-${order.orderNumber}`, truck: truckOf('TRK-01'), calculatedAt: order.placedAt },
    departAt: plusSeconds(order.placedAt, 600),
  })
const routeOf = (number: number): Route => planned(sampleOrder(number))

test('RouteCalculated has the wire value of the seed: topic, key and JSON fields', async () => {
  const { app } = await logiflow()
  await app.publish(OrderPlaced, sampleOrder(1))
  const [route] = await app.published(RouteCalculated)
  assert.ok(route)
  const [record] = await app.log
    .inspect()
    .read({ topic: 'routing.events', partition: route.at.partition, offset: route.at.offset }, 1)
  const value = JSON.parse(new TextDecoder().decode(record?.value ?? undefined)) as Record<string, unknown>
  assert.equal(record?.key, value['truckId'])
  assert.equal(value['type'], 'RouteCalculated')
  assert.equal(typeof value['truckId'], 'string')
  assert.ok(!Number.isNaN(Date.parse(String(value['eta']))))
  assert.ok(Number.isSafeInteger(value['timestamp']))
  await app.stop()
})

test('routing gives an order one route, however often the order arrives', async () => {
  const { app } = await logiflow()
  const eventId = await app.publish(OrderPlaced, sampleOrder(1))
  await app.redeliver(eventId)
  await app.settle()
  assert.equal((await app.published(RouteCalculated)).length, 1)
  await app.stop()
})

test('routing keeps a truck for one trip at a time', async () => {
  const { app } = await logiflow()
  for (let number = 1; number <= 12; number++) await app.publish(OrderPlaced, sampleOrder(number))
  const routes = (await app.published(RouteCalculated)).map(({ payload }) => payload)
  assert.equal(routes.length, 12)
  for (const [, own] of Map.groupBy(routes, ({ truckId }) => truckId)) {
    const trips = own.toSorted((a, b) => a.departAt.localeCompare(b.departAt))
    for (const [index, trip] of trips.slice(1).entries()) assert.ok(trip.departAt >= (trips[index]?.eta ?? ''))
  }
  await app.stop()
})

test('invoicing bills the quoted freight, under numbers without gaps', async () => {
  const { app } = await logiflow()
  for (let number = 1; number <= 8; number++) await app.publish(OrderPlaced, sampleOrder(number))
  const invoices = (await app.published(InvoiceGenerated)).map(({ payload }) => payload)
  assert.deepEqual(
    invoices.map(({ invoiceNumber }) => invoiceNumber).toSorted(),
    Array.from({ length: 8 }, (_, index) => `NL-2026-00000${index + 1}`),
  )
  for (const invoice of invoices) {
    const order = Array.from({ length: 8 }, (_, index) => sampleOrder(index + 1)).find(
      ({ orderId }) => orderId === invoice.orderId,
    )
    assert.deepEqual(invoice.net, order?.quote.net)
  }
  await app.stop()
})

test('a route that is delivered twice is invoiced once', async () => {
  const { app } = await logiflow()
  const eventId = await app.publish(RouteCalculated, routeOf(1))
  await app.redeliver(eventId)
  await app.publish(RouteCalculated, routeOf(1))
  assert.equal((await app.published(InvoiceGenerated)).length, 1)
  await app.stop()
})

test('an invoice that a crash interrupts is issued after the restart, without a gap', async () => {
  const { app, invoicing } = await logiflow()
  app.service(invoicing).crashAt(2)
  await app.publish(RouteCalculated, routeOf(1))
  await app.service(invoicing).restart()
  await app.publish(RouteCalculated, routeOf(2))
  await app.advance(60_000)
  const numbers = (await app.published(InvoiceGenerated)).map(({ payload }) => payload.invoiceNumber)
  assert.deepEqual(numbers.toSorted(), ['NL-2026-000001', 'NL-2026-000002'])
  assert.ok((await app.service(invoicing).ledger()).ok)
  await app.stop()
})

test('an unknown tariff is a dead letter at once; published and replayed it becomes an invoice', async () => {
  const { app, invoicing } = await logiflow({ expectDeadLetters: true })
  const order = sampleOrder(1)
  await app.publish(OrderPlaced, { ...order, quote: { ...order.quote, tariffId: 'SPOT-2026-11' } })
  await app.publish(OrderPlaced, sampleOrder(2))
  const [letter, ...others] = await app.service(invoicing).deadLetters.list()
  assert.equal(others.length, 0)
  assert.match(letter?.message ?? '', /no tariff has the id SPOT-2026-11/)
  assert.equal(letter?.attempts.length, 1)
  assert.equal((await app.published(InvoiceGenerated)).length, 1, 'the other order is not held up')
  await app.publish(TariffPublished, { type: 'TariffPublished', tariffId: 'SPOT-2026-11', basedOn: 'STANDARD-2026' })
  await app.service(invoicing).deadLetters.replay(letter?.id ?? '', { by: 'test', note: 'tariff is there' })
  await app.settle()
  assert.equal((await app.published(InvoiceGenerated)).length, 2)
  assert.equal((await app.published(RouteCalculated)).length, 2, 'nobody else saw the replay')
  await app.stop()
})

test('tracking tells a new arrival when a truck falls behind by more than a quarter of an hour', async () => {
  const { app } = await logiflow()
  const request = {
    customerId: 'C-0002',
    toPlaceId: '2751283',
    goods: 'Tiles',
    pallets: 12,
    palletKg: 450,
    cooled: false,
  }
  // Without waiting for windows, which would swallow the delay.
  const route = planned(buildOrder(request, 1, '2026-11-01T01:02:03.000Z'))
  await app.publish(RouteCalculated, route)
  const plan = planOf(network, route)
  const report = (behindS: number, seq: number): Promise<void> => {
    const at = plusSeconds(route.departAt, 3_600 + behindS)
    const { geo, headingDeg, speedKmh, odometerM } = truckAt(plan, plusSeconds(route.departAt, 3_600))
    const position = {
      ...{ type: 'PositionReported' as const, truckId: route.truckId, reportedAt: at, receivedAt: at, geo, headingDeg },
      ...{ speedKmh, odometerM, seq, ignition: true, accuracyM: 8 },
    }
    return app.service(tracking).runtime.transaction((tx) => observePosition(tx, position, new Map()))
  }
  const [pickup] = route.stops
  assert.ok(pickup)
  const { shipmentId, place, depart: at } = pickup
  const scan = { shipmentId, kind: 'pickup', at, geo: place.geo, receiverInitials: '' } as const
  assert.ok(await app.service(tracking).runtime.transaction((tx) => observeScan(tx, scan)))
  await report(0, 1)
  await app.settle()
  assert.equal((await app.published(EtaRevised)).length, 0, 'on time is no news')
  await report(2_400, 2)
  await report(2_400, 2)
  await app.settle()
  const [revised, ...others] = await app.published(EtaRevised)
  assert.equal(others.length, 0)
  const shiftS = (Date.parse(revised?.payload.eta ?? '') - Date.parse(revised?.payload.previousEta ?? '')) / 1000
  assert.ok(shiftS > 900 && shiftS < 2_600, `moved by ${shiftS} s`)
  assert.equal((await app.published(PositionReported)).length, 2, 'the report that came twice counts once')
  await app.stop()
})

test('the portal shows a shipment from order to invoice, whatever arrives first', async () => {
  const { app, portal } = await logiflow()
  const order = sampleOrder(1)
  await app.publish(OrderPlaced, order)
  const [route] = await app.published(RouteCalculated)
  const [pickup, delivery] = route?.payload.stops ?? []
  assert.ok(pickup && delivery)
  for (const [kind, stop] of [
    ['pickup', pickup],
    ['delivery', delivery],
  ] as const) {
    const scan = { kind, shipmentId: stop.shipmentId, at: stop.arrive, geo: stop.place.geo, receiverInitials: 'JVM' }
    const isKnown = await app.service(tracking).runtime.transaction((tx) => observeScan(tx, scan))
    assert.ok(isKnown)
  }
  await app.settle()
  assert.equal((await app.published(ShipmentPickedUp)).length + (await app.published(ShipmentDelivered)).length, 2)
  const row = await findCard(app.service(portal).database, order.orderId)
  assert.ok(row)
  const card = cardView(row)
  assert.equal(card['status'], 'delivered')
  assert.equal(card['promisedEta'], delivery.eta)
  assert.equal((card['invoice'] as { number: string }).number, 'NL-2026-000001')
  assert.deepEqual(await invoicesDue(app.service(portal).database), { waiting: 0, oldestMs: null })
  await app.stop()
})

test('no service of the event wiring asks another one over HTTP', () => {
  const folder = join(import.meta.dirname, '../services')
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  assert.ok(sources.length > 12)
  for (const file of sources) {
    const text = readFileSync(join(folder, file), 'utf8').replaceAll(/^import type .*$/gm, '')
    assert.doesNotMatch(
      text,
      /\bfetch\(|node:https?['"]|http\.request|undici|axios|https?:\/\/127/,
      `${file} calls somebody`,
    )
  }
})
