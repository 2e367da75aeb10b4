/** What decision records claim and no other test holds. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { isFirebreakError } from '../../src/contracts/errors.ts'
import { event } from '../../src/define/event.ts'
import { handle } from '../../src/define/handle.ts'
import { service } from '../../src/define/service.ts'
import { inboxIdOf } from '../../src/runtime/message/envelope-codec.ts'
import { createTestRuntime } from '../../src/testing/test-runtime.ts'
import { named } from '../named.ts'

const Counted = event({
  type: 'thing.counted',
  topic: 'things',
  key: 'name',
  schema: z.object({ name: z.string() }),
})

test('ADR 0011: two handlers of one event in one service are refused', () => {
  const twice = () => service({ name: 'twice', handlers: [handle(Counted, () => {}), handle(Counted, () => {})] })
  assert.throws(twice, (error) => isFirebreakError(error, 'FB_CONFIG') && /make it two services/.test(error.message))
})

test('ADR 0011: an event is known by its id when that is a UUID, and by source and id otherwise', () => {
  const known = (ce_id: string): string | null =>
    inboxIdOf({
      ...{ topic: 't', partition: 0, offset: 0, key: null, value: null, atMs: 0 },
      headers: { ce_id, ce_source: '/shop' },
    })
  assert.equal(known('01890a5d-ac96-774b-bcce-b302099a8057'), '01890a5d-ac96-774b-bcce-b302099a8057')
  assert.equal(known('4711'), '/shop#4711')
  assert.equal(known(''), null)
})

test('ADR 0012: copies of an event that are in memory together take effect once, and each has its outcome', async () => {
  const counter = service({
    name: 'counter',
    publishes: [Counted],
    handlers: [
      handle(Counted, ({ name }, ctx) =>
        ctx.transaction(async (sql) => {
          await sql.query('INSERT INTO counted (name) VALUES ($1)', [name])
        }),
      ),
    ],
  })
  const app = await createTestRuntime({
    services: [counter],
    prepare: (database) => database.query('CREATE TABLE counted (name TEXT)'),
  })
  const id = await app.publish(Counted, { name: 'a' })
  await named(app, 'counter').crash()
  // While nobody reads, so that the next instance polls all of them at once; on different partitions, too.
  const [first] = await app.published(Counted)
  const { headers, value } = (await app.log.inspect().read(first?.at ?? assert.fail(), 1))[0] ?? assert.fail()
  const fresh = { ...headers, ce_id: id.replace(/^./, 'f') }
  const copies = [0, 1, 2, 2].map((partition) => ({ topic: 'things', partition, key: 'a', value, headers: fresh }))
  await app.log.append(copies)
  await named(app, 'counter').restart()

  assert.equal((await named(app, 'counter').database.query('SELECT name FROM counted')).length, 2)
  const ledger = await named(app, 'counter').ledger()
  assert.ok(ledger.ok, JSON.stringify(ledger))
  await app.stop()
})
