import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Night } from '../incident/night.ts'
import { shortNight, traceOf } from '../incident/scenario.ts'

test('hardened calls invoice nothing twice; they give up invoices instead', async () => {
  const night = new Night(
    {
      ...{ mode: 'rest-hardened', scenario: shortNight, trace: traceOf(shortNight, 203) },
      settings: {
        ...{ log: 'embedded', database: 'sqlite', dataDir: '', namespace: '' },
        ...{ brokers: [], databaseUrl: '' },
      },
    },
    () => {},
  )
  const { crashes, invoices, curve } = await night.run()
  assert.ok(crashes >= 1, 'the invoice process ran out of memory')
  assert.equal(invoices.duplicated, 0)
  assert.ok(invoices.lost > 0, 'some routes have no invoice')
  assert.equal(invoices.issued + invoices.lost, invoices.expected)
  // Of the orders that were on the road before the night none is in the curve.
  assert.ok((curve.uninvoiced.at(-1) ?? 0) > 0, 'and their line does not return to zero')
})
