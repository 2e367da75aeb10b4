import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Database } from '../../../src/contracts/database.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { verifyLedger } from '../../../src/ledger/verify/verify.ts'
import { createRuntime, type Runtime } from '../../../src/runtime/runtime.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { Happened } from '../../thing-scene.ts'
import { until } from '../kafka/scene.ts'
import { needsPostgres, PostgresScene } from './scene.ts'

let scene: PostgresScene
before(async () => {
  if (needsPostgres === false) scene = await PostgresScene.start()
})
after(async () => {
  if (needsPostgres === false) await scene.end()
})

test('a ledger is in its own schema, whatever a connection looks through first', { skip: needsPostgres }, async () => {
  await scene.rows('create table effects (who text, n int)')
  const log = memoryLog()
  // The later one puts its tables where the earlier one's connections look first; and its handler leaves another path behind.
  const first = await start('first', scene.open({ schema: 'order' }))
  const second = await start('second', scene.open({ schema: 'public' }))
  for (let n = 0; n < 40; n++) await first.runtime.publish(Happened, { id: `k${n % 7}`, n })
  const counts = async (): Promise<unknown> =>
    scene.rows('select who, count(*)::int as n, count(distinct n)::int as ns from effects group by who order by who')
  const all = ['first', 'second'].map((who) => ({ who, n: 40, ns: 40 }))
  await until('both have handled all', async () => JSON.stringify(await counts()) === JSON.stringify(all))
  for (const { name, runtime, database } of [first, second]) {
    await runtime.stop()
    const { problems, partitions } = await verifyLedger(database, { inspection: log.inspect(), group: name })
    assert.deepEqual(problems, [])
    assert.equal(
      partitions.reduce((sum, { done }) => sum + done, 0),
      40,
    )
    await database.close()
  }
  await log.close()

  async function start(
    name: string,
    database: Database,
  ): Promise<{ name: string; runtime: Runtime; database: Database }> {
    const onHappened = handle(Happened, async ({ n }, ctx) => {
      await ctx.transaction(async (sql) => {
        await sql.query('insert into public.effects values ($1, $2)', [name, n])
        await sql.query(`select set_config('search_path', 'pg_catalog', false)`)
      })
    })
    const one = service({ name, handlers: [onHappened], publishes: [Happened] })
    const runtime = createRuntime({ service: one, log, database, observe: false })
    await runtime.start()
    return { name, runtime, database }
  }
})
