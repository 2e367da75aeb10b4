import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { service } from '../../../src/define/service.ts'
import { createTestRuntime, type TestRuntime } from '../../../src/testing/test-runtime.ts'
import { Happened, writer } from '../../thing-scene.ts'

const table = 'create table effects (seq integer primary key, key text, n bigint, event_id text)'

test('a test has one handle for each of its services, and none for another', async () => {
  const [one, two] = [writer('one'), writer('two')]
  const app = await createTestRuntime({ services: [one, two], prepare: (database) => database.query(table) })
  assert.deepEqual(
    app.services.map(({ definition }) => definition),
    [one, two],
  )
  assert.equal(app.service(two), app.services[1])
  assert.notEqual(app.service(one).database, app.service(two).database)
  for (const other of [writer('one'), service({ name: 'three' }), 'one' as never, undefined as never])
    assert.throws(
      () => app.service(other),
      (error) => isFirebreakError(error, 'FB_CONFIG') && /is none of the services of this test/.test(error.message),
    )
  await app.stop()
})

test('a test runtime ends with its block, and may have been stopped before', async () => {
  const one = writer('one')
  let ended: TestRuntime
  {
    await using app = await createTestRuntime({ services: [one], prepare: (database) => database.query(table) })
    ended = app
    await app.stop()
  }
  assert.equal(ended.service(one).instances, 0)
})

test('the handle of a service follows its instances, and its database outlives them', async () => {
  const one = writer('one')
  const app = await createTestRuntime({ services: [one], prepare: (database) => database.query(table) })
  const { database } = app.service(one)
  const first = app.service(one).runtime
  await app.service(one).crash()
  assert.equal(app.service(one).instances, 0)
  await app.publish(Happened, { id: 'k', n: 1 })
  assert.deepEqual(await app.service(one).deadLetters.list(), [])
  await app.service(one).restart()
  assert.notEqual(app.service(one).runtime, first)
  assert.ok(app.service(one).portCalls > 0)
  assert.equal((await database.query('select key from effects')).length, 1)
  assert.ok((await app.service(one).ledger()).ok)
  await app.service(one).stop()
  assert.equal(app.service(one).instances, 0)
  await app.stop()
})
