import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verifyLedger } from 'firebreak'
import type { RouteCalculated } from '../../contracts/payloads.ts'
import { type Engines, loadEngines } from '../../platform/engines.ts'
import type { ServiceStatus } from '../../platform/messages.ts'
import { databaseUrl, kafkaBrokers } from '../../platform/servers.ts'
import { systemOn } from '../../system.ts'
import { noKafka, noPostgres, noServers, type RealApp, startOn, until } from './scene.ts'

const INSTANCES = ['routing', 'invoicing'].flatMap((service) => [1, 2, 3].map((n) => `${service}-${n}`))

const placeOrders = (app: RealApp, from: number, count: number): Promise<readonly string[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => app.placeOrder(`${app.namespace}-order-${from + index}`)))

const instance = async (app: RealApp, name: string): Promise<ServiceStatus | undefined> =>
  (await app.ops())?.services.find((status) => status.name === name)

const kill = async (app: RealApp, name: string): Promise<void> => {
  const status = await instance(app, name)
  assert.ok(status?.pid, `${name} runs`)
  process.kill(status.pid, 'SIGKILL')
}

const column = async (engines: Engines, service: string, sql: string): Promise<readonly unknown[]> => {
  const database = engines.openDatabase(service)
  const rows = await database.query(sql)
  await database.close()
  return rows.map((row) => Object.values(row)[0])
}

/** Each truck is back before its next trip begins, whichever instance gave it either. */
const overlappingTrips = async (engines: Engines): Promise<number> => {
  const bodies = await column(engines, 'routing', 'SELECT body FROM routes')
  const routes = bodies.map((body) => JSON.parse(String(body)) as RouteCalculated)
  const perTruck = Map.groupBy(routes, ({ truckId }) => truckId)
  return [...perTruck.values()].reduce((total, own) => {
    const trips = own.toSorted((a, b) => a.departAt.localeCompare(b.departAt))
    return total + trips.slice(1).filter((trip, index) => trip.departAt < (trips[index]?.eta ?? '')).length
  }, 0)
}

test('three instances each of routing and invoicing, one of each killed: every route is invoiced exactly once', {
  skip: noServers,
}, async () => {
  const app = await startOn({ log: 'kafka', database: 'postgres' })
  try {
    const engines = await loadEngines({
      ...{ log: 'kafka', database: 'postgres', namespace: app.namespace, dataDir: app.dataDir },
      ...{ brokers: kafkaBrokers() ?? [], databaseUrl: databaseUrl() ?? '' },
    })
    const holders = (service: string): Promise<boolean> =>
      column(engines, service, 'SELECT COUNT(DISTINCT holder) FROM fb_partitions').then(
        ([count]) => Number(count) === 3,
      )
    await until('each instance has partitions', async () => (await holders('routing')) && (await holders('invoicing')))
    const ops = await until('a first look', async () => (await app.ops()) ?? undefined)
    assert.deepEqual(
      ops.services.map(({ name }) => name).filter((name) => /-\d$/.test(name)),
      INSTANCES,
    )
    const first = await placeOrders(app, 1, 30)
    await until('the first invoices', () =>
      Promise.any(first.map((id) => app.isInvoiced(id).then((is) => is || Promise.reject()))).catch(() => false),
    )
    await kill(app, 'routing-2')
    await kill(app, 'invoicing-2')
    const second = await placeOrders(app, 31, 30)
    for (const orderId of [...first, ...second]) await until(`an invoice for ${orderId}`, () => app.isInvoiced(orderId))
    for (const name of ['routing-2', 'invoicing-2']) {
      await until(`${name} is up again`, async () => (await instance(app, name))?.state === 'up')
      assert.equal((await instance(app, name))?.crashes, 1)
    }
    await app.stop()

    const ours = new Set([...first, ...second])
    const routed = (await column(engines, 'routing', 'SELECT order_id FROM routes')).map(String)
    const invoiced = (await column(engines, 'invoicing', 'SELECT order_id FROM invoices')).map(String)
    assert.equal(new Set(routed).size, routed.length, 'one route per order')
    assert.equal(new Set(invoiced).size, invoiced.length, 'one invoice per route')
    assert.equal(invoiced.filter((orderId) => ours.has(orderId)).length, 60)
    const numbers = await column(engines, 'invoicing', 'SELECT sequence FROM invoice_numbers ORDER BY sequence')
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
      'no number is left out or given twice',
    )
    assert.ok(numbers.length >= invoiced.length)
    assert.equal(await overlappingTrips(engines), 0)
    const log = engines.openLog()
    for (const { service, database: open } of systemOn(engines)) {
      const database = open()
      const report = await verifyLedger(database, { inspection: log.inspect(), group: service.name })
      assert.equal(report.imbalance, 0, service.name)
      await database.close()
    }
    await log.close()
  } finally {
    await app.discard()
  }
})

for (const [engines, skip] of [
  [{ log: 'kafka', database: 'sqlite' }, noKafka],
  [{ log: 'embedded', database: 'postgres' }, noPostgres],
] as const) {
  test(`one server alone is enough: ${engines.log} and ${engines.database}`, { skip }, async () => {
    const app = await startOn(engines)
    try {
      const orderId = await app.placeOrder('the only order')
      await until('its invoice', () => app.isInvoiced(orderId))
    } finally {
      await app.discard()
    }
  })
}
