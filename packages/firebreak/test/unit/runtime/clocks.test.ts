import assert from 'node:assert/strict'
import { test } from 'node:test'
import { permanent } from '../../../src/contracts/errors.ts'
import type { Fact } from '../../../src/contracts/journal.ts'
import { dayMs, hourMs } from '../../jump-scene.ts'
import { named } from '../../named.ts'
import { Followed, Happened, Outage, parkingRetry, publishAll, scene, type Thing, writer } from '../../thing-scene.ts'

const leaseMs = 2000
const delayMs = 10_000

for (const aheadMs of [hourMs, dayMs, -dayMs]) {
  test(`what a dead process whose clock was ${aheadMs / hourMs} h ahead left in the outbox is sent within a lease`, async () => {
    const around = new Outage()
    const { app } = await scene([writer('one', undefined, { publishes: Followed })], { around })
    await named(app, 'one').crash()
    await named(app, 'one').restart(aheadMs)
    around.appendAway = true
    await publishAll(app, [['k', 1]])
    await named(app, 'one').crash()
    around.appendAway = false
    await named(app, 'one').restart()
    await app.advance(leaseMs + 100)
    assert.equal((await app.published(Followed)).length, 1)
    await app.stop()
  })

  test(`a key that was parked under a clock ${aheadMs / hourMs} h ahead waits for its delay at most, and lives`, async () => {
    let isDown = true
    const down = (): void => {
      if (isDown) throw new Error('down')
    }
    const { app, effects, count } = await scene([writer('one', down)])
    await named(app, 'one').crash()
    await named(app, 'one').restart(aheadMs)
    await publishAll(app, [
      ['k', 1],
      ['k', 2],
    ])
    await named(app, 'one').crash()
    isDown = false
    await named(app, 'one').restart()
    await app.advance(delayMs)
    assert.deepEqual(await effects('one'), ['k:1', 'k:2'])
    assert.equal(count('dead-lettered'), 0)
    await app.stop()
  })
}

for (const ms of [hourMs, dayMs, -hourMs, -dayMs]) {
  test(`a clock that jumps ${ms / hourMs} h while keys are parked costs none of them an attempt, a letter or a moment`, async () => {
    const attempts: number[] = []
    const fails = ({ id }: Thing, { attempt }: { attempt: number }): void => {
      if (id === 'poison') throw permanent('poison')
      attempts.push(attempt)
      if (attempt < 3) throw new Error('not yet')
    }
    const retry = { ...parkingRetry, ageMaxMs: hourMs }
    const { app, effects, count } = await scene([writer('one', fails, { retry })])
    const things = Array.from({ length: 20 }, (_, n) => [`k${n}`, n] as const)
    await publishAll(app, [...things, ['poison', 1]])
    app.clock.jump(ms)
    // A decision about a letter has all that is parked read again.
    const [letter] = await named(app, 'one').deadLetters.list()
    await named(app, 'one').deadLetters.discard(letter?.id ?? '', { by: 'test', note: 'of no use' })
    await app.advance(delayMs - 1)
    assert.equal(attempts.length, 20)
    await app.advance(1)
    assert.equal(attempts.length, 40)
    app.clock.jump(ms)
    await app.advance(delayMs)
    assert.equal((await effects('one')).length, 20)
    assert.equal(count('dead-lettered'), 1)
    await app.stop()
  })

  test(`a clock that jumps ${ms / hourMs} h does not make a letter of what is parked when the process is started again`, async () => {
    const fails = (_: unknown, { attempt }: { attempt: number }): void => {
      if (attempt < 3) throw new Error('not yet')
    }
    const { app, effects, count } = await scene([
      writer('one', fails, { retry: { ...parkingRetry, ageMaxMs: hourMs / 2 } }),
    ])
    await publishAll(app, [['k', 1]])
    await named(app, 'one').crash()
    app.clock.jump(ms)
    await named(app, 'one').restart()
    await app.advance(2 * delayMs)
    assert.deepEqual([await effects('one'), count('dead-lettered')], [['k:1'], 0])
    await app.stop()
  })

  test(`a handler that hangs ends at its deadline although the clock jumps ${ms / hourMs} h, and its attempt says how long it took`, async () => {
    const failed: Fact[] = []
    const hang = (_: unknown, { attempt }: { attempt: number }): Promise<void> | void =>
      attempt === 1 ? new Promise(() => {}) : undefined
    const { app, effects } = await scene([writer('one', hang, { deadlineMs: 5000, onExhausted: 'hold' })], {
      observe: (fact) => fact.kind === 'failed' && failed.push(fact),
    })
    await app.publish(Happened, { id: 'k', n: 1 })
    app.clock.jump(ms)
    await app.advance(4999)
    assert.equal(failed.length, 0)
    await app.advance(60)
    assert.equal(failed.length, 1)
    const [row] = await named(app, 'one').database.query<{ attempts: string }>('SELECT attempts FROM fb_parked')
    const [{ durationMs }] = JSON.parse(row?.attempts ?? '[{}]')
    assert.ok(durationMs >= 5000 && durationMs < 5100, `${durationMs} ms`)
    await app.advance(delayMs)
    assert.deepEqual(await effects('one'), ['k:1'])
    await app.stop()
  })
}

test('an instance whose machine has slept asks for its shards again before it sends', async () => {
  const around = new Outage()
  const { app } = await scene([writer('one', undefined, { publishes: Followed })], { around })
  await publishAll(app, [['k', 1]])
  const isLease = (text: string): boolean => text.startsWith('INSERT INTO fb_leases')
  const before = around.statements.filter(isLease).length
  // Monotonic time stands still meanwhile, and the wall clock is right again afterwards.
  named(app, 'one').jump(30_000)
  await publishAll(app, [['k', 2]])
  assert.ok(around.statements.filter(isLease).length > before)
  assert.equal((await app.published(Followed)).length, 2)
  await app.stop()
})

for (const ms of [hourMs, dayMs, -hourMs, -dayMs]) {
  test(`a clock that jumps ${ms / hourMs} h forgets no event early, neither at once nor after a start, and forgets it in the end`, async () => {
    const limits = { inboxWindowMs: hourMs / 2 }
    const { app, effects } = await scene([writer('one')], { limits })
    const forget = async (n: number): Promise<void> => void (await app.publish(Happened, { id: 'other', n }))
    const copies = async (): Promise<number> => (await effects('one')).filter((effect) => effect === 'k:1').length
    const again = async (): Promise<void> => {
      await app.redeliver(id)
      await app.advance(0)
    }
    const id = await app.publish(Happened, { id: 'k', n: 1 })
    app.clock.jump(ms)
    await forget(1)
    await forget(2)
    await again()
    assert.equal(await copies(), 1)
    await named(app, 'one').stop()
    app.clock.jump(ms)
    await named(app, 'one').restart()
    await forget(3)
    await forget(4)
    await again()
    assert.equal(await copies(), 1)
    // It is looked at once an hour.
    for (let n = 5; n < 8; n++) {
      await app.advance(hourMs)
      await forget(n)
    }
    const [mark] = await named(app, 'one').database.query('SELECT mark FROM fb_inbox WHERE event_id = $1', [id])
    assert.equal(mark, undefined)
    assert.ok((await named(app, 'one').ledger()).ok)
    await app.stop()
  })
}

test('an event that a process was trying when it died with its clock a day ahead is open for decisions a minute later', async () => {
  const around = new Outage()
  around.refuses = ({ topic }) => topic === Followed.topic
  const { app } = await scene([writer('one', undefined, { publishes: Followed })], { around })
  await publishAll(app, [['k', 1]])
  const [{ number } = { number: 0 }] = await named(app, 'one').runtime.outbox.list()
  await named(app, 'one').crash()
  await named(app, 'one').database.query('UPDATE fb_blocked_events SET trying_until_ms = $1', [app.clock.now() + dayMs])
  around.appendAway = true
  await named(app, 'one').restart()
  await app.advance(leaseMs + 61_000)
  await named(app, 'one').runtime.outbox.discard(number, { by: 'ann', note: 'of no use' })
  assert.deepEqual(await named(app, 'one').runtime.outbox.list(), [])
  await app.stop()
})
