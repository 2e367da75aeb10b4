import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hours, minutes, seconds } from '../../../src/contracts/duration.ts'
import { throttled } from '../../../src/contracts/errors.ts'
import { retryDefaults } from '../../../src/policy/definition/retry.ts'
import { pauseMs } from '../../../src/policy/pause.ts'
import { classify, decide } from '../../../src/runtime/instance/decide.ts'
import { named } from '../../named.ts'
import { publishAll, scene, writer } from '../../thing-scene.ts'

const young = { ageMs: 0, ageMaxMs: hours(24) }
const noPause: readonly unknown[] = [0, -0, -1, -1e300, Number.NaN, Number.NEGATIVE_INFINITY, '30', '', null, undefined]
const odd: readonly unknown[] = [...noPause, 5n, {}, [], Symbol('x'), { valueOf: () => 7 }, true, () => 7]

test('a sound pause is taken as it is; none, or what is no number above 0, is 100 ms', () => {
  assert.equal(pauseMs(100, young), 100)
  assert.equal(pauseMs(30_000, young), 30_000)
  for (const asked of [...odd, 1, 99.9, Number.MIN_VALUE]) assert.equal(pauseMs(asked, young), 100, typeof asked)
})

test('no pause is longer than an hour, nor than what is left of the age', () => {
  for (const asked of [Number.POSITIVE_INFINITY, Number.MAX_VALUE, hours(2)])
    assert.equal(pauseMs(asked, young), hours(1))
  const old = { ageMs: minutes(3), ageMaxMs: minutes(5) }
  assert.equal(pauseMs(hours(1), old), minutes(2))
  assert.equal(pauseMs(minutes(1), old), minutes(1))
})

test('of anything, a pause is a number from 100 ms to an hour', () => {
  fc.assert(
    fc.property(
      fc.anything(),
      fc.double({ noNaN: true }),
      fc.double({ min: 1, max: 1e12, noNaN: true }),
      (asked, ageMs, ageMaxMs) => {
        const found = pauseMs(asked, { ageMs, ageMaxMs })
        assert.ok(found >= 100 && found <= hours(1), String(found))
      },
    ),
  )
})

test('whatever is given to throttled, the record waits in the lane or is parked until a time that a database can hold', () => {
  const policy = { ...retryDefaults, onExhausted: 'skip' } as const
  for (const asked of [...odd, Number.POSITIVE_INFINITY, Number.MAX_VALUE]) {
    const classification = classify(throttled(asked as number))
    const at = { classification, attempts: 0, firstFailedAtMs: 1000, previousDelayMs: 0, nowMs: 1000 }
    const to = decide(at, policy, () => 0)
    if (to.kind === 'park') assert.equal(to.dueAtMs, 1000 + hours(1))
    else assert.deepEqual(to, { kind: 'retry', delayMs: 100 })
  }
})

for (const asked of [0, Number.NaN, -5, 1, 'soon', Number.POSITIVE_INFINITY])
  test(`a handler that throws throttled(${asked}) forever gets rarer, and is a dead letter when its age is over`, async () => {
    const startedAtMs: number[] = []
    const one = writer(
      'one',
      () => {
        startedAtMs.push(app.clock.now())
        throw throttled(asked as number)
      },
      { retry: { ageMaxMs: hours(1), attemptsMax: 2 } },
    )
    const { app } = await scene([one])
    await publishAll(app, [['slow', 1]])
    await app.advance(minutes(61))
    const [letter] = await named(app, 'one').deadLetters.list()
    assert.equal(letter?.reason, 'exhausted')
    const delays = startedAtMs.slice(1).map((at, i) => at - startedAtMs[i]!)
    assert.ok(Math.min(...delays) >= 100, `${Math.min(...delays)}`)
    assert.ok(startedAtMs.length >= 2 && startedAtMs.length < 1000, `${startedAtMs.length} attempts`)
    assert.ok(startedAtMs.at(-1)! - startedAtMs[0]! <= hours(1))
    assert.ok((await named(app, 'one').ledger()).ok)
    await app.stop()
  })

test('a pause that is longer than what is left of the age is followed by one last attempt', async () => {
  const startedAtMs: number[] = []
  const one = writer(
    'one',
    () => {
      startedAtMs.push(app.clock.now())
      if (startedAtMs.length < 3) throw throttled(seconds(40))
    },
    { retry: { ageMaxMs: minutes(1) } },
  )
  const { app, effects } = await scene([one])
  await publishAll(app, [['slow', 1]])
  await app.advance(minutes(2))
  assert.deepEqual(
    startedAtMs.map((at) => at - startedAtMs[0]!),
    [0, seconds(40), minutes(1)],
  )
  assert.deepEqual(await effects('one'), ['slow:1'])
  await app.stop()
})
