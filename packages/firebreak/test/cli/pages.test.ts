import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Database } from '../../src/contracts/database.ts'
import { handle } from '../../src/define/handle.ts'
import { service } from '../../src/define/service.ts'
import { insertBlocked } from '../../src/ledger/blocked-events.ts'
import { addToOutbox } from '../../src/ledger/outbox.ts'
import { openLedger } from '../../src/ledger/schema.ts'
import { defineConfig } from '../../src/runtime/system/config.ts'
import { sqliteDatabase } from '../../src/sqlite/database/sqlite-database.ts'
import { memoryLog } from '../../src/testing/memory-log/memory-log.ts'
import { addLetters, letterId, letterOf } from '../letter-scene.ts'
import { OrderPlaced, run, type Scene } from './scene.ts'

/** Two services, each with letters or blocked events of its own; `rowsMax` is the largest answer that a query had. */
async function twoServices(fill: (database: Database, at: number) => Promise<void>) {
  const asked = { rowsMax: 0 }
  const services = []
  for (const [at, name] of ['billing', 'routing'].entries()) {
    const database = sqliteDatabase({ path: ':memory:' })
    await openLedger(database, name, 0)
    await fill(database, at)
    const counted: Database = {
      capabilities: database.capabilities,
      commit: (units, options) => database.commit(units, options),
      transaction: (body) => database.transaction(body),
      close: async () => {},
      [Symbol.asyncDispose]: async () => {},
      async query(text, params) {
        const rows = await database.query(text, params)
        asked.rowsMax = Math.max(asked.rowsMax, rows.length)
        return rows as never
      },
    }
    services.push({ service: service({ name, handlers: [handle(OrderPlaced, () => {})] }), database: () => counted })
  }
  const scene: Scene = { folder: '/none', config: defineConfig({ log: () => memoryLog(), services }) }
  return { scene, asked }
}

const letters = (count: number) => (database: Database, at: number) =>
  addLetters(
    database,
    Array.from({ length: count }, (_, n) => letterOf(2 * n + at)),
  )

/** The events of each service have the same numbers. */
const blocked = (count: number) => async (database: Database) => {
  await database.commit([
    async (sql) => {
      const record = { topic: 'orders', key: 'k', headers: { ce_id: 'e', ce_type: 'order.placed' }, value: null }
      const rows = await addToOutbox(
        sql,
        Array.from({ length: count }, () => record),
        0,
      )
      await insertBlocked(
        sql,
        rows.map((row) => ({ row, errorClass: 'FB_RECORD_TOO_LARGE', message: 'm' })),
        0,
      )
    },
  ])
}

test('dlq list: pages by --after have every letter of all services once, and "next" is null at the end', async () => {
  const { scene } = await twoServices(letters(60))
  const seen: string[] = []
  for (let after: string | null = '~'; after !== null; ) {
    const page = JSON.parse((await run(scene, ['dlq', 'list', '--json', '--max', '50', '--after', after])).out)
    assert.equal(page.total, 120)
    seen.push(...page.letters.map(({ id }: { id: string }) => id))
    after = page.next
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 120 }, (_, n) => letterId(119 - n)),
  )
  const { err } = await run(scene, ['dlq', 'list', '--max', '50'])
  assert.match(err, new RegExp(`^50 dead letters of 120; the next with --after ${letterId(70)}\\. Next: `))
})

test('dlq: however many letters are listed, grouped or changed, a hundred of them are in memory', async () => {
  const { scene, asked } = await twoServices(letters(1500))
  const { out } = await run(scene, ['dlq', 'list', '--json', '--max', '100000'])
  assert.equal(JSON.parse(out).letters.length, 3000)
  assert.equal((await run(scene, ['dlq', 'list', '--max', '100000'])).out.match(/^ID/gm)?.length, 1)
  const { groups } = JSON.parse((await run(scene, ['dlq', 'list', '--group', '--json'])).out)
  assert.deepEqual(
    groups.map(({ count }: { count: number }) => count),
    [1000, 1000, 1000],
  )
  const line = ['dlq', 'discard', '--all', '--reason', 'r', '--yes', '--json']
  const dry = JSON.parse((await run(scene, [...line, '--dry-run'])).out)
  const { done, failed, matched } = JSON.parse((await run(scene, line)).out)
  assert.deepEqual([dry.would.length, done.length, failed.length, matched], [3000, 3000, 0, 3000])
  assert.deepEqual(dry.would, done)
  assert.ok(asked.rowsMax <= 100, `${asked.rowsMax} rows at once`)
})

test('dlq discard --all --max: the newest of all services, in the order of the log', async () => {
  const { scene } = await twoServices(letters(300))
  const { out, err } = await run(scene, ['dlq', 'discard', '--all', '--max', '250', '--reason', 'r', '--yes', '--json'])
  const { done } = JSON.parse(out)
  assert.match(err, /600 dead letters match; this is about the newest 250\./)
  assert.deepEqual(
    [...done].sort(),
    Array.from({ length: 250 }, (_, n) => letterId(350 + n)),
  )
  // Offsets go against the ids here, and each service is one partition.
  const of = (at: number): string[] => done.filter((id: string) => Number(id.slice(0, 8)) % 2 === at)
  for (const at of [0, 1]) assert.deepEqual(of(at), [...of(at)].sort().reverse())
})

test('dlq: the beginning of several ids is exit 2 with the candidates, in text and JSON, and changes nothing', async () => {
  const { scene } = await twoServices(letters(2))
  for (const words of [['show'], ['replay'], ['discard', '--reason', 'r'], ['edit', '--set', 'weightKg=2']]) {
    const [verb = '', ...options] = words
    const { exit, out, err } = await run(scene, ['dlq', verb, '0000000', ...options])
    assert.deepEqual([exit, out], [2, ''])
    for (const n of [0, 1, 2, 3])
      assert.match(err, new RegExp(`  ${letterId(n)}  ${n % 2 === 0 ? 'billing' : 'routing'}\n`))
  }
  const { err } = await run(scene, ['dlq', 'show', '0000000', '--json'])
  const { error } = JSON.parse(err)
  assert.deepEqual(error.candidates.length, 4)
  assert.deepEqual(error.candidates[0], { id: letterId(0), service: 'billing' })
  assert.equal((await run(scene, ['dlq', 'show', ''])).exit, 2)
  assert.equal(JSON.parse((await run(scene, ['dlq', 'list', '--json'])).out).total, 4)
})

test('outbox list: pages by --after go through service after service, and the next page begins behind', async () => {
  const { scene, asked } = await twoServices(blocked(130))
  const seen: string[] = []
  for (let after: string | null = 'billing:0'; after !== null; ) {
    const page = JSON.parse((await run(scene, ['outbox', 'list', '--json', '--max', '50', '--after', after])).out)
    seen.push(...page.events.map((event: { service: string; number: number }) => `${event.service}:${event.number}`))
    after = page.next
  }
  assert.equal(seen.length, 260)
  assert.equal(new Set(seen).size, 260)
  assert.deepEqual(seen.slice(129, 131), ['billing:130', 'routing:1'])
  assert.ok(asked.rowsMax <= 100)
  assert.equal((await run(scene, ['outbox', 'list', '--after', 'nobody:3'])).exit, 2)
})

test('outbox: a number of several services is exit 2 with the candidates, and changes nothing', async () => {
  const { scene } = await twoServices(blocked(2))
  for (const words of [['show'], ['retry'], ['discard', '--reason', 'r'], ['edit', '--set', 'note=1']]) {
    const [verb = '', ...options] = words
    const { exit, err } = await run(scene, ['outbox', verb, '2', '--json', ...options])
    const { error } = JSON.parse(err)
    assert.deepEqual([exit, error.exit], [2, 2])
    assert.deepEqual(error.candidates, [
      { number: 2, service: 'billing' },
      { number: 2, service: 'routing' },
    ])
  }
  assert.equal(JSON.parse((await run(scene, ['outbox', 'list', '--json'])).out).total, 4)
})
