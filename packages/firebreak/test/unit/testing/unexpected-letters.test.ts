import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FirebreakError, permanent } from '../../../src/contracts/errors.ts'
import { createTestRuntime, type TestRuntimeOptions } from '../../../src/testing/test-runtime.ts'
import { Happened, publishAll, writer } from '../../thing-scene.ts'

const never = new Error('no such customer\u001b')
const failing = writer('billing', ({ id }) => {
  if (id.startsWith('bad')) throw permanent(never.message, never)
})
const start = (options: Partial<TestRuntimeOptions> = {}) =>
  createTestRuntime({
    services: [failing],
    prepare: (database) => database.query('create table effects (key text, n bigint, event_id text)'),
    observe: false,
    ...options,
  })

test('a dead letter fails the test where it comes to be, with event, handler and cause, and once', async () => {
  const app = await start()
  await publishAll(app, [['good', 1]])
  await assert.rejects(app.publish(Happened, { id: 'bad', n: 1 }), (error: FirebreakError) => {
    assert.equal(error.code, 'FB_DEAD_LETTER_UNEXPECTED')
    assert.match(
      error.message,
      /^the test did not expect a dead letter of billing, handler of thing\.happened \S+, key "bad", permanent: no such customer\\u001b$/,
    )
    assert.equal((error.cause as Error).cause, never)
    assert.match(error.remedy, /expectDeadLetters: true/)
    return true
  })
  await app.settle()
  await app.stop()
})

test('a dead letter that nobody has waited for fails the end of the test, which has stopped all the same', async () => {
  const app = await start()
  const clock = app.clock
  const log = app.log
  await log.append([1, 2, 3, 4].map((n) => ({ topic: Happened.topic, key: `bad${n}`, value: null, headers: {} })))
  await clock.settle()
  await assert.rejects(app.stop(), /key "bad\d", undecodable: .*\n.*\n.*\nand 1 more$/)
  await assert.rejects(app.service(failing).database.query('select 1'), { code: 'FB_CLOSED' })
})

test('a test that is about dead letters says so', async () => {
  await using app = await start({ expectDeadLetters: true })
  await publishAll(app, [['bad', 1]])
  const [letter] = await app.service(failing).deadLetters.list()
  assert.equal(letter?.reason, 'permanent')
})
