import assert from 'node:assert/strict'
import { test } from 'node:test'
import { permanent } from '../../../src/contracts/errors.ts'
import { named } from '../../named.ts'
import { Outage, publishAll, type Scene, scene, writer } from '../../thing-scene.ts'

/** Statements that contain `text` fail `times` times, as on a server that keeps no code of ours for it: a lock, a cancel. */
class Locked extends Outage {
  text = ''
  times = 0
  /** So many go through before the first fails. */
  passes = 0
  failed = 0

  override statement(sql: string): void {
    if (this.text === '' || !sql.includes(this.text) || this.times === 0 || this.passes-- > 0) return
    this.times--
    this.failed++
    throw new Error('canceling statement due to lock timeout')
  }
}

async function assertSound({ app, count }: Scene): Promise<void> {
  assert.equal(count('halted'), 0)
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
}

test('an error of the server in a settlement is tried again, and stops nobody', async () => {
  const around = new Locked()
  const one = writer('one', (it, ctx) => {
    if (it.id === 'dead') throw permanent('no such truck')
    if (it.id === 'late' && it.n === 1 && ctx.attempt === 1) throw new Error('not yet')
  })
  for (const text of ['INSERT INTO fb_dead_letters', 'INSERT INTO fb_parked']) {
    Object.assign(around, { text, times: 5, failed: 0 })
    const set = await scene([one], { around })
    const { app, effects, count } = set
    await publishAll(app, [
      ['dead', 1],
      ['late', 1],
      ['late', 2],
      ['good', 1],
    ])
    await app.advance(30_000)
    assert.equal(around.failed, 5, text)
    assert.deepEqual((await effects('one')).toSorted(), ['good:1', 'late:1', 'late:2'])
    assert.equal((await named(app, 'one').deadLetters.list()).length, 1)
    assert.equal(count('infrastructure-error'), 5)
    await assertSound(set)
    await app.stop()
  }
})

test('parked keys keep their order when the server refuses what a claim reads of them', async () => {
  const keys = Array.from({ length: 12 }, (_, i) => `k${i}`)
  let isDown = true
  const one = writer('one', () => {
    if (isDown) throw new Error('down')
  })
  // Of the six partitions, the one that is claimed at last: nothing else would make the next turn claim again.
  for (const passes of [5, 0]) {
    const around = new Locked()
    isDown = true
    const set = await scene([one], { around })
    const { app, effects } = set
    await publishAll(
      app,
      keys.map((key) => [key, 1]),
    )
    await named(app, 'one').crash()
    await publishAll(
      app,
      keys.map((key) => [key, 2]),
    )
    isDown = false
    Object.assign(around, { text: 'SELECT lane, due_at_ms, at_ms FROM', times: 1, passes })
    await named(app, 'one').restart()
    await app.advance(60_000)
    assert.equal(around.failed, 1)
    const made = await effects('one')
    for (const key of keys)
      assert.deepEqual(
        made.filter((effect) => effect.startsWith(`${key}:`)),
        [`${key}:1`, `${key}:2`],
      )
    await assertSound(set)
    await app.stop()
  }
})

test('a stop ends although a settlement fails forever, and the record is delivered again', async () => {
  const around = new Locked()
  let isDown = true
  const one = writer('one', () => {
    if (isDown) throw permanent('no such truck')
  })
  const set = await scene([one], { around })
  const { app, effects } = set
  Object.assign(around, { text: 'INSERT INTO fb_dead_letters', times: Number.POSITIVE_INFINITY })
  await publishAll(app, [['k', 1]])
  await app.advance(10_000)
  await named(app, 'one').stop()
  around.times = 0
  isDown = false
  await named(app, 'one').restart()
  await app.advance(5000)
  assert.deepEqual(await effects('one'), ['k:1'])
  await assertSound(set)
  await app.stop()
})
