import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Breaker } from '../../../src/policy/breaker.ts'
import type { BreakerSpec } from '../../../src/policy/definition/policy-spec.ts'

const spec: BreakerSpec = { failureRatio: 0.5, callsMin: 4, windowMs: 1000, openMs: 500, probesMax: 3, slowMs: null }
const make = (changes: Partial<BreakerSpec> = {}): Breaker => new Breaker({ ...spec, ...changes }, 0)
type Outcome = 'ok' | 'failed' | 'ignored'

/** One call after the other, each over at once. */
const calls = (breaker: Breaker, atMs: number, outcomes: readonly Outcome[], tookMs = 1): void => {
  for (const outcome of outcomes) breaker.settle(atMs, breaker.admit(atMs), outcome, tookMs)
}
const times = (count: number, outcome: Outcome): Outcome[] => Array.from({ length: count }, () => outcome)
const opened = (changes: Partial<BreakerSpec> = {}): Breaker => {
  const breaker = make(changes)
  calls(breaker, 0, times(4, 'failed'))
  assert.equal(breaker.state(0), 'open')
  return breaker
}

test('it opens when the window holds callsMin calls and failureRatio of them failed, no sooner', () => {
  const few = make()
  calls(few, 0, times(3, 'failed'))
  assert.equal(few.state(0), 'closed')
  calls(few, 0, ['failed'])
  assert.equal(few.state(0), 'open')
  const exact = make({ failureRatio: 0.07, callsMin: 100 })
  calls(exact, 0, [...times(93, 'ok'), ...times(6, 'failed')])
  assert.equal(exact.state(0), 'closed')
  calls(exact, 0, ['failed'])
  assert.deepEqual([exact.state(0), exact.opens, exact.openUntilMs], ['open', 1, 500])
})

test('a success never opens it, even when it completes callsMin', () => {
  const breaker = make()
  calls(breaker, 0, ['failed', 'failed', 'failed', 'ok'])
  assert.equal(breaker.state(0), 'closed')
  calls(breaker, 0, ['failed'])
  assert.equal(breaker.state(0), 'open')
})

test('a call slower than slowMs counts as failed, and what is ignored counts as nothing', () => {
  const slow = make({ slowMs: 100 })
  calls(slow, 0, times(10, 'ok'), 100)
  assert.equal(slow.state(0), 'closed')
  calls(slow, 0, times(10, 'ok'), 101)
  assert.equal(slow.state(0), 'open')
  const patient = make()
  calls(patient, 0, times(100, 'ok'), 1e9)
  calls(patient, 0, times(1000, 'ignored'), 1e9)
  calls(slow, 500, ['ignored'], 1e9)
  assert.equal(slow.state(500), 'half-open')
  assert.equal(patient.state(0), 'closed')
  calls(patient, 0, times(100, 'failed'))
  assert.equal(patient.state(0), 'open')
})

test('results leave the window after windowMs', () => {
  const still = make()
  calls(still, 0, times(3, 'failed'))
  calls(still, 999, ['failed'])
  assert.equal(still.state(999), 'open')
  const gone = make()
  calls(gone, 0, times(3, 'failed'))
  calls(gone, 1000, times(3, 'failed'))
  assert.equal(gone.state(1000), 'closed')
  calls(gone, 2000, ['ok', 'ok', 'ok', 'failed'])
  assert.equal(gone.state(2000), 'closed')
  calls(gone, 1e9, times(3, 'failed'))
  assert.equal(gone.state(1e9), 'closed')
  calls(gone, 1e9 + 900, ['failed'])
  assert.equal(gone.state(1e9 + 900), 'open')
})

test('open it refuses until openMs is over; then it says half open, and lets probesMax probes through at once', () => {
  const breaker = opened()
  assert.equal(breaker.admit(499.9), -1)
  assert.equal(breaker.state(500), 'half-open')
  const epochs = [1, 2, 3, 4, 5].map(() => breaker.admit(500))
  assert.ok(epochs.slice(0, 3).every((epoch) => epoch >= 0))
  assert.deepEqual(epochs.slice(3), [-1, -1])
})

test('I3 probesMax successes close it and empty its window; before that it stays half open', () => {
  const breaker = opened()
  calls(breaker, 500, ['ok', 'ok', 'ignored'])
  assert.equal(breaker.state(500), 'half-open')
  calls(breaker, 500, ['ok'])
  assert.equal(breaker.state(500), 'closed')
  calls(breaker, 500, times(3, 'failed'))
  assert.equal(breaker.state(500), 'closed')
  const easily = opened({ failureRatio: 0.2, probesMax: 1 })
  calls(easily, 500, ['ok', 'failed'])
  assert.equal(easily.state(500), 'closed')
  calls(easily, 5000, times(3, 'failed'))
  assert.equal(easily.state(5000), 'closed')
  calls(easily, 5000, ['failed'])
  assert.equal(easily.state(5000), 'open')
})

test('I3 one failed probe opens it again for another openMs, whatever succeeded before', () => {
  const breaker = opened()
  calls(breaker, 600, ['ok', 'ok', 'failed'])
  assert.deepEqual([breaker.state(600), breaker.opens, breaker.openUntilMs], ['open', 2, 1100])
  assert.equal(breaker.admit(1099), -1)
  calls(breaker, 1100, ['ok', 'ok'])
  assert.equal(breaker.state(1100), 'half-open')
  calls(breaker, 1100, ['ok'])
  assert.equal(breaker.state(1100), 'closed')
})

test('a slow probe is a failed one', () => {
  const breaker = opened({ slowMs: 100, probesMax: 1 })
  calls(breaker, 500, ['ok'], 101)
  assert.equal(breaker.state(500), 'open')
})

test('a probe that is ignored gives its place back and says nothing', () => {
  const breaker = opened({ probesMax: 1 })
  const epoch = breaker.admit(500)
  assert.equal(breaker.admit(500), -1)
  breaker.settle(500, epoch, 'ignored', 0)
  assert.equal(breaker.state(500), 'half-open')
  calls(breaker, 500, ['ok'])
  assert.equal(breaker.state(500), 'closed')
})

test('I2 late results of an earlier stay neither open, nor close, nor take a place', () => {
  const breaker = make({ probesMax: 1 })
  const early = [1, 2, 3, 4].map(() => breaker.admit(0))
  calls(breaker, 0, times(4, 'failed'))
  for (const epoch of early) breaker.settle(100, epoch, 'failed', 100)
  assert.deepEqual([breaker.opens, breaker.openUntilMs], [1, 500])
  breaker.settle(500, breaker.admit(500), 'ignored', 0)
  breaker.settle(500, -1, 'failed', 0)
  const probe = breaker.admit(500)
  breaker.settle(500, early[0] as number, 'ok', 500)
  breaker.settle(500, early[1] as number, 'failed', 500)
  assert.equal(breaker.state(500), 'half-open')
  breaker.settle(500, probe, 'ok', 0)
  for (const epoch of [...early, ...early]) breaker.settle(500, epoch, 'failed', 500)
  breaker.settle(500, probe, 'failed', 0)
  assert.equal(breaker.state(500), 'closed')
})

test('I2 a probe of an earlier half-open stay says nothing in a later one', () => {
  const breaker = opened({ probesMax: 2 })
  const [first, second] = [breaker.admit(500), breaker.admit(500)]
  breaker.settle(900, first, 'failed', 400)
  assert.ok(breaker.admit(1400) >= 0)
  breaker.settle(1400, second, 'failed', 900)
  assert.deepEqual([breaker.state(1400), breaker.opens], ['half-open', 2])
})

test('I3 a probe that never settles holds its place for openMs; then it is given again, and a late result of it is ignored', () => {
  const breaker = opened({ probesMax: 1 })
  const hanging = breaker.admit(500)
  assert.equal(breaker.admit(999), -1)
  const next = breaker.admit(1000)
  assert.ok(next >= 0)
  breaker.settle(1001, hanging, 'failed', 501)
  assert.equal(breaker.state(1001), 'half-open')
  breaker.settle(1002, next, 'ok', 2)
  assert.equal(breaker.state(1002), 'closed')
})

test('a probe that settles late but before its place was given again counts', () => {
  const breaker = opened({ probesMax: 1 })
  const late = breaker.admit(500)
  breaker.settle(5000, late, 'ok', 4500)
  assert.equal(breaker.state(5000), 'closed')
})

const steps = fc.array(
  fc.record({
    waitMs: fc.constantFrom(0, 0, 0, 1, 60, 300, 700),
    settles: fc.boolean(),
    outcome: fc.constantFrom<Outcome>('ok', 'ok', 'ok', 'failed', 'ignored'),
    pick: fc.nat(),
  }),
  { minLength: 20, maxLength: 200, size: 'max' },
)
const changes = fc.record({
  probesMax: fc.integer({ min: 1, max: 4 }),
  callsMin: fc.integer({ min: 1, max: 5 }),
  failureRatio: fc.constantFrom(0.2, 0.5, 1),
})

test('I1 I3 in any interleaving: at most probesMax young probes, and the state moves only by failures and by their successes', () => {
  fc.assert(
    fc.property(changes, steps, (changed, plan) => {
      const breaker = make(changed)
      let atMs = 0
      let admitted: { epoch: number; atMs: number; in: string }[] = []
      let successes = 0
      for (const { waitMs, settles, outcome, pick } of plan) {
        atMs += waitMs
        const before = breaker.state(atMs)
        const one = settles ? admitted.splice(pick % (admitted.length + 1), 1)[0] : undefined
        if (one === undefined) {
          const epoch = breaker.admit(atMs)
          assert.ok(Number.isInteger(epoch) && epoch >= -1)
          if (before === 'open') assert.equal(epoch, -1)
          if (before === 'closed') assert.ok(epoch >= 0)
          if (epoch >= 0) admitted.push({ epoch, atMs, in: before })
        } else breaker.settle(atMs, one.epoch, outcome, atMs - one.atMs)
        const after = breaker.state(atMs)
        if (after !== 'half-open' || before !== 'half-open') successes = 0
        else if (one?.in === 'half-open' && outcome === 'ok') successes++
        if (before === 'half-open' && after === 'closed') assert.equal(outcome, 'ok')
        if (before !== 'open' && after === 'open') assert.ok(one !== undefined && outcome === 'failed')
        if (before !== after) admitted = admitted.map((call) => ({ ...call, in: 'past' }))
        const young = admitted.filter((call) => call.in === 'half-open' && atMs - call.atMs < spec.openMs)
        assert.ok(young.length <= changed.probesMax, `${young.length} probes`)
        assert.ok(successes < changed.probesMax || after === 'half-open')
      }
    }),
    { numRuns: 300 },
  )
})

test('whatever happened, a dependency that answers closes it again', () => {
  fc.assert(
    fc.property(changes, steps, (changed, plan) => {
      const breaker = make(changed)
      let atMs = 0
      const epochs: number[] = []
      for (const { waitMs, settles, outcome, pick } of plan) {
        atMs += waitMs
        if (!settles || epochs.length === 0) epochs.push(breaker.admit(atMs))
        else breaker.settle(atMs, epochs[pick % epochs.length] as number, outcome, 1)
      }
      // Longer than an open stay and than any hanging probe.
      atMs += 2 * spec.openMs
      calls(breaker, atMs, times(changed.probesMax, 'ok'))
      assert.equal(breaker.state(atMs), 'closed')
    }),
  )
})
