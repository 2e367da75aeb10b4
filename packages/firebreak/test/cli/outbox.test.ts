import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogRecord } from '../../src/contracts/log.ts'
import { insertBlocked } from '../../src/ledger/blocked-events.ts'
import { addToOutbox } from '../../src/ledger/outbox.ts'
import { type Cleanup, filledScene, run, runServices, type Scene } from './scene.ts'

const invoice = (n: number, key: string): LogRecord => ({
  topic: 'invoices',
  key,
  value: new TextEncoder().encode(JSON.stringify({ orderId: key, amountMinor: n })),
  headers: {
    ce_specversion: '1.0',
    ce_id: `e-${n}`,
    ce_type: 'invoice.generated',
    ce_source: '/invoicing',
    ce_schemaversion: '1',
  },
})

/** Two events that the log refused, with one behind the first of them. **Shape** their numbers. */
async function blockedScene(t: Cleanup): Promise<{ scene: Scene; first: string; second: string }> {
  const scene = await filledScene(t)
  const database = scene.config.services[1]!.database!()
  let numbers: number[] = []
  const [verdict] = await database.commit([
    async (sql) => {
      const rows = await addToOutbox(sql, [invoice(1, 'B-1'), invoice(2, 'B-1'), invoice(3, 'B-\u001b[2J2')], 0)
      const refusals = [0, 2].map((i) => ({
        row: rows[i]!,
        errorClass: 'FB_RECORD_TOO_LARGE',
        message: 'invoice is 50000 bytes, the limit is 20000',
      }))
      await insertBlocked(sql, refusals, 0)
      numbers = [rows[0]!.seq, rows[2]!.seq]
    },
  ])
  assert.equal(verdict?.ok, true)
  await database.close()
  return { scene, first: String(numbers[0]), second: String(numbers[1]) }
}

const amounts = async (scene: Scene): Promise<number[]> => {
  const { out } = await run(scene, ['tail', 'invoices', '--from', 'earliest', '--no-follow', '--json'])
  const lines = out.trim().split('\n')
  return lines.map((line) => JSON.parse(line).payload.amountMinor as number)
}

test('outbox list: what waits, as a table that moves no cursor and as JSON; verify says how many', async (t) => {
  const { scene, first } = await blockedScene(t)
  const table = await run(scene, ['outbox', 'list'], { isTty: true, columns: 200 })
  assert.equal(table.exit, 0)
  assert.match(table.out, /NUMBER/)
  assert.match(table.out, /B-\\u001b\[2J2/)
  assert.match(table.err, new RegExp(`2 blocked events\\. Next: firebreak outbox show ${first}`))
  const { total, events } = JSON.parse((await run(scene, ['outbox', 'list', '--json'])).out)
  assert.equal(total, 2)
  assert.deepEqual(
    [events[0].number, events[0].eventType, events[0].key, events[0].state],
    [Number(first), 'invoice.generated', 'B-1', 'blocked'],
  )
  const empty = await run(scene, ['outbox', 'list', '--topic', 'nothing'])
  assert.match(empty.err, /There are no events that are blocked\./)
  assert.match((await run(scene, ['verify'])).out, /2 events blocked: firebreak outbox list/)
})

test('outbox show: one event with its payload, or its payload alone; 3 for a number that is none', async (t) => {
  const { scene, first } = await blockedScene(t)
  const shown = await run(scene, ['outbox', 'show', first])
  assert.match(shown.out, /blocked, its key waits[\s\S]*FB_RECORD_TOO_LARGE[\s\S]*"amountMinor":1[\s\S]*outbox discard/)
  assert.equal((await run(scene, ['outbox', 'show', first, '--payload'])).out, '{"orderId":"B-1","amountMinor":1}')
  const detail = JSON.parse((await run(scene, ['outbox', 'show', first, '--json'])).out)
  assert.equal(detail.payloadText, '{"orderId":"B-1","amountMinor":1}')
  assert.equal((await run(scene, ['outbox', 'show', '999999'])).exit, 3)
  assert.equal((await run(scene, ['outbox', 'show', 'e-1'])).exit, 2)
})

test('outbox discard: needs a reason, keeps the event, and lets the rest of its key leave', async (t) => {
  const { scene, first } = await blockedScene(t)
  assert.equal((await run(scene, ['outbox', 'discard', first])).exit, 2)
  const dry = await run(scene, ['outbox', 'discard', first, '--reason', 'sent by hand', '--dry-run'])
  assert.match(dry.err, /Would discard 1 blocked event; nothing was changed\./)
  const done = await run(scene, ['outbox', 'discard', first, '--reason', 'sent by hand'])
  assert.deepEqual([done.exit, done.out], [0, `discarded ${first}\n`])
  const again = await run(scene, ['outbox', 'discard', first, '--reason', 'late'])
  assert.equal(again.exit, 4)
  assert.match(again.err, /is discarded, so it cannot be discarded/)
  assert.ok(again.err.includes(`Show its history with: firebreak outbox show ${first}\n`), again.err)
  await runServices(scene, [{ orderId: 'K-9', weightKg: 1 }])
  assert.deepEqual((await amounts(scene)).slice(0, 2).includes(2), true)
  assert.equal((await amounts(scene)).includes(1), false)
  const { history, payloadText } = JSON.parse((await run(scene, ['outbox', 'show', first, '--json'])).out)
  assert.deepEqual([history[1].by, history[1].note], ['ada', 'sent by hand'])
  assert.equal(payloadText, '{"orderId":"B-1","amountMinor":1}')
})

test('outbox edit: shows the change, refuses another key and what does not fit, and goes before what is behind it', async (t) => {
  const { scene, first } = await blockedScene(t)
  assert.equal((await run(scene, ['outbox', 'edit', first, '--set', 'orderId=other'])).exit, 4)
  assert.equal((await run(scene, ['outbox', 'edit', first, '--set', 'amountMinor=much'])).exit, 4)
  const dry = await run(scene, ['outbox', 'edit', first, '--set', 'amountMinor=11', '--dry-run'])
  assert.deepEqual([dry.exit, dry.out.trim()], [0, '~ amountMinor  1 -> 11'])
  assert.equal((await run(scene, ['outbox', 'edit', first, '--set', 'amountMinor=11'])).exit, 0)
  await runServices(scene, [{ orderId: 'K-9', weightKg: 1 }])
  const all = await amounts(scene)
  assert.ok(all.indexOf(11) >= 0 && all.indexOf(11) < all.indexOf(2))
})

test('outbox retry: many are asked for, and go when the service runs', async (t) => {
  const { scene } = await blockedScene(t)
  const unsaid = await run(scene, ['outbox', 'retry', '--all'])
  assert.equal(unsaid.exit, 2)
  assert.match(unsaid.err, /This would retry 2 blocked events; without a terminal to ask on, say --yes\./)
  const done = JSON.parse((await run(scene, ['outbox', 'retry', '--all', '--yes', '--json'])).out)
  assert.equal(done.done.length, 2)
  await runServices(scene, [{ orderId: 'K-9', weightKg: 1 }])
  const all = await amounts(scene)
  assert.deepEqual(
    [1, 2, 3].map((n) => all.includes(n)),
    [true, true, true],
  )
})
