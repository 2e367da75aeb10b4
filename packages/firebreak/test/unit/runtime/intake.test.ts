import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PortCall } from '../../../src/testing/around.ts'
import { Outage, recordOf, scene, writer } from '../../thing-scene.ts'

/** Sees in which turn of the event loop a poll has brought how many records. */
class Polls extends Outage {
  seen: { readonly turn: number; readonly records: number }[] = []
  #turn = 0

  override async call<T>(call: PortCall, run: () => Promise<T>): Promise<T> {
    const result = await super.call(call, run)
    if (call.method !== 'poll') return result
    this.seen.push({ turn: this.#turn, records: (result as readonly unknown[]).length })
    setImmediate(() => this.#turn++)
    return result
  }
}

/** How a backlog of 450 records is taken while one of `handlersMax` handlers waits. */
async function stepsOf(handlersMax: number): Promise<Polls['seen']> {
  const polls = new Polls()
  const gate = Promise.withResolvers<void>()
  const one = { ...writer('one', () => gate.promise), handlersMax }
  const { app, effects } = await scene([one], { around: polls })
  await app.log.append([recordOf(0)])
  await app.advance(1000)
  polls.seen = []
  await app.log.append(Array.from({ length: 450 }, (_, i) => recordOf(i + 1)))
  await app.advance(1000)
  gate.resolve()
  await app.advance(1000)
  assert.deepEqual(
    await effects('one'),
    Array.from({ length: 451 }, (_, n) => `k:${n}`),
  )
  await app.stop()
  return polls.seen.filter(({ records }) => records > 0)
}

test('while many handlers wait, a backlog is taken in small steps, with a turn of the event loop between any two', async () => {
  const steps = await stepsOf(10)
  assert.equal(
    steps.reduce((sum, { records }) => sum + records, 0),
    450,
  )
  assert.ok(Math.max(...steps.map(({ records }) => records)) <= 100, JSON.stringify(steps))
  assert.equal(new Set(steps.map(({ turn }) => turn)).size, steps.length, JSON.stringify(steps))
})

test('while few handlers wait, a backlog is taken at once, for the sake of large commits', async () => {
  const steps = await stepsOf(11)
  assert.deepEqual(
    steps.map(({ records }) => records),
    [450],
  )
})
