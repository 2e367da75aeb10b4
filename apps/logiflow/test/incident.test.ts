import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Result } from '../incident/result.ts'
import { shortNight, traceOf } from '../incident/scenario.ts'

type Report = { readonly rest: Result; readonly events: Result; readonly broken: readonly string[] }

const run = async (): Promise<Report> => {
  const main = join(import.meta.dirname, '../incident/main.ts')
  const child = spawn(process.execPath, [main, '--short', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  for await (const chunk of child.stdout) output += String(chunk)
  return JSON.parse(output) as Report
}

test('the same seed gives the same night, another seed another one', () => {
  assert.deepEqual(traceOf(shortNight, 1), traceOf(shortNight, 1))
  assert.notDeepEqual(traceOf(shortNight, 1).steps.slice(0, 5), traceOf(shortNight, 2).steps.slice(0, 5))
})

test('the short night: with direct calls the portal falls with invoicing, with events nobody notices', async () => {
  const { rest, events, broken } = await run()
  assert.ok(rest.crashes >= 1 && events.crashes >= 1, 'the invoice process ran out of memory in both')
  const { portalSuccess } = rest.duringOutage
  assert.ok(portalSuccess < 0.85, `during the outage ${portalSuccess} of the views were answered`)
  assert.ok(rest.badSeconds > 4, `${rest.badSeconds} bad seconds`)
  assert.ok(events.portal.ok / events.portal.offered >= 0.999)
  assert.equal(events.invoices.lost, 0)
  assert.equal(events.invoices.duplicated, 0)
  assert.equal(events.backlogAtEnd, 0)
  assert.equal(events.ledgerImbalance, 0)
  assert.deepEqual(broken, [])
})
