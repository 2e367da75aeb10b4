import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Clock } from '../../../src/contracts/clock.ts'
import type { Database } from '../../../src/contracts/database.ts'
import type { Fact } from '../../../src/contracts/journal.ts'
import type { LogRecord } from '../../../src/contracts/log.ts'
import { systemClock } from '../../../src/node/clock.ts'
import { postgresDatabase } from '../../../src/postgres/postgres-database.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import { conformanceReport } from '../../../src/testing/conformance/conformance.ts'
import { databaseConformance } from '../../../src/testing/conformance/database-conformance.ts'
import type { DatabaseHarness } from '../../../src/testing/conformance/database-scene.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { memoryLogStore } from '../../../src/testing/memory-log/memory-log-store.ts'
import { dayMs } from '../../jump-scene.ts'
import { restlessClock } from '../../restless-clock.ts'
import { Followed, Happened, parkingRetry, type Thing, writer } from '../../thing-scene.ts'
import { needsPostgres, PostgresScene } from './scene.ts'

let scene: PostgresScene
before(async () => {
  if (needsPostgres === false) scene = await PostgresScene.start()
})
after(() => scene?.end())

const { capabilities } = postgresDatabase({ url: 'postgresql://nobody@localhost/nothing' })
const able = { crash: async () => {}, restart: async () => {} } as unknown as DatabaseHarness
for (const { name, run } of conformanceReport(databaseConformance, capabilities, able).runs) {
  test(`postgres database under a restless clock: ${name}`, { timeout: 30_000, skip: needsPostgres }, async () => {
    const harness = await scene.harness({ clock: restlessClock() })
    await run(harness)
  })
}

const ahead = (ms: number): Clock => ({ ...systemClock, now: () => systemClock.now() + ms })

const encoder = new TextEncoder()
const happened = (key: string, n: number): LogRecord => ({
  topic: Happened.topic,
  key,
  value: encoder.encode(JSON.stringify({ id: key, n })),
  headers: {
    ...{ ce_id: `${key}-${n}`, ce_type: Happened.type, ce_source: '/test' },
    ...{ ce_schemaversion: '1', ce_specversion: '1.0' },
  },
})

/** Until nothing is missing. */
async function until(missing: () => Promise<Record<string, number>>): Promise<void> {
  const untilMs = systemClock.monotonic() + 60_000
  for (;;) {
    const left = await missing()
    if (Object.values(left).every((n) => n === 0)) return
    assert.ok(systemClock.monotonic() < untilMs, `still missing: ${JSON.stringify(left)}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

for (const [name, clocks] of [
  ['two days apart', [() => ahead(dayMs), () => ahead(-dayMs)]],
  ['at which each look shows another time', [restlessClock, restlessClock]],
] as const) {
  test(`on PostgreSQL, instances with clocks ${name} keep order and effects, and inherit what a dead one left`, {
    skip: needsPostgres,
  }, async () => {
    const schema = `clocks_${name.length}`
    const store = memoryLogStore()
    const letters: Fact[] = []
    const before = ({ id, n }: Thing, { attempt }: { attempt: number }): void => {
      if (id === 'parked' && n % 3 === 0 && attempt < 3) throw new Error('not yet')
    }
    const retry = { ...parkingRetry, baseMs: 300, capMs: 300, laneWaitMaxMs: 0 }
    await using opened = new AsyncDisposableStack()
    const open = (clock: Clock): Database => {
      const database = scene.open({ schema, clock })
      opened.defer(() => database.close())
      return database
    }
    const first = open(systemClock)
    const outside = opened.use(memoryLog({ store }))
    const start = async (clock: Clock, instance: string): Promise<void> => {
      const database = open(clock)
      const runtime = createRuntime({
        service: writer('one', before, { publishes: Followed, retry }),
        log: memoryLog({ clock, store }),
        ...{ database, clock, instance },
        observe: (fact) => fact.kind === 'dead-lettered' && letters.push(fact),
      })
      opened.defer(() => runtime.stop())
      await runtime.start()
    }
    await first.query(`create table ${schema}.effects (seq bigserial primary key, key text, n bigint, event_id text)`)
    await start(clocks[0](), 'a')
    // What a process left that died with its clock a day ahead.
    const dead = Array.from({ length: 8 }, (_, shard) => [`outbox ${shard}`, 'dead', systemClock.now() + dayMs])
    await first.commit([
      async (sql) => {
        await sql.query(`delete from ${schema}.fb_leases`)
        await sql.batch(`insert into ${schema}.fb_leases (name, holder, until_ms) values ($1, $2, $3)`, dead)
      },
    ])
    await start(clocks[1](), 'b')
    const keys = ['steady', 'parked', 'other']
    const wanted = Array.from({ length: 12 }, (_, n) => n)
    for (const n of wanted) await outside.append(keys.map((key) => happened(key, n)))
    const count = async (table: string): Promise<number> =>
      (await first.query<{ n: number }>(`select count(*) as n from ${schema}.${table}`))[0]?.n ?? -1
    await until(async () => ({
      effects: keys.length * wanted.length - (await count('effects')),
      outbox: await count('fb_outbox'),
    }))
    for (const key of keys) {
      const rows = await first.query<{ n: number }>(`select n from ${schema}.effects where key = $1 order by seq`, [
        key,
      ])
      assert.deepEqual(
        rows.map(({ n }) => n),
        wanted,
        key,
      )
    }
    assert.deepEqual(letters, [])
  })
}
