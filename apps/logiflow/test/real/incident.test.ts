import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Night } from '../../incident/night.ts'
import { type Scenario, traceOf } from '../../incident/scenario.ts'
import { databaseUrl, kafkaBrokers } from '../../platform/servers.ts'
import { noServers } from './scene.ts'

/** The heap is full after about ten invoices, and the repair comes while most of the wave waits. */
const serversNight: Scenario = {
  ...{ lastsS: 24, viewsPerS: 10, pingsPerS: 10, dispatchesPerS: 1 },
  wave: { fromS: 2, toS: 14, dispatchesPerS: 5 },
  ...{ hotfixAtS: 16, heapMb: 48, earlierOrders: 3 },
}

test('a night on Kafka and PostgreSQL: invoicing dies, the portal answers, every route is invoiced exactly once', {
  skip: noServers,
}, async (t) => {
  const night = new Night(
    {
      ...{ mode: 'events', scenario: serversNight, trace: traceOf(serversNight, 203) },
      settings: {
        ...{ log: 'kafka', database: 'postgres', dataDir: '', namespace: '' },
        ...{ brokers: kafkaBrokers() ?? [], databaseUrl: databaseUrl() ?? '' },
      },
    },
    () => {},
  )
  const { crashes, portal, invoices, ...result } = await night.run()
  t.diagnostic(`${crashes} crashes, backlog of ${result.backlogPeak}, drained after ${result.drainMs} ms`)
  assert.ok(crashes >= 1, 'the invoice process ran out of memory')
  assert.ok(portal.ok / portal.offered >= 0.99, `the portal answered ${portal.ok} of ${portal.offered}`)
  assert.equal(invoices.issued, invoices.expected)
  assert.deepEqual([invoices.lost, invoices.duplicated], [0, 0])
  assert.equal(result.backlogAtEnd, 0)
  assert.equal(result.deadLetters, 0)
  assert.equal(result.ledgerImbalance, 0)
})
