import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Policy } from 'firebreak'
import { policyDefaults } from 'firebreak/internal'
import type { ArmResult } from '../../src/model/result.ts'
import type { Distribution, ServiceModel, SyncEdge } from '../../src/model/scenario.ts'
import {
  arm,
  bare,
  call,
  constant,
  even,
  exponential,
  poisson,
  queueOf,
  runArm,
  runChecked,
  scenario,
  service,
  trace,
  trafficTo,
} from '../scene.ts'

const minute = { durationMs: 60_000 }
const names = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `s${n}`)

/** An entry that calls `count` services, each of which is made by `model`. */
function fan(count: number, model: Partial<ServiceModel>, edge: Partial<SyncEdge> = {}) {
  return arm(
    [service('entry'), ...names(count).map((name) => service(name, model))],
    names(count).map((name) => call('entry', name, edge)),
    { traffic: [trafficTo('entry', even(1000))] },
  )
}

/** Services in a row, each of which calls the next one under the same policy; the last one always fails. */
const tower = (depth: number, policy: Policy | null, failure = 1) =>
  arm(
    [...names(depth).map((name) => service(name)), service('leaf', { failure, latency: constant(1) })],
    names(depth).map((name, n) => call(name, n + 1 < depth ? `s${n + 1}` : 'leaf', { policy })),
    { traffic: [trafficTo('s0', even(10))] },
  )

/** Four standard deviations of a share. */
const nearShare = (seen: number, share: number, of: number): void => {
  const allowed = 4 * Math.sqrt((share * (1 - share)) / of)
  assert.ok(Math.abs(seen - share) <= allowed, `seen ${seen}, expected ${share} ± ${allowed}`)
}

const amplificationAt = (result: ArmResult, name: string): number => result.services[name]!.arrivals / result.offered

test('n calls that fail with p each fail together with 1 - (1-p)^n, one after the other and at the same time', async () => {
  for (const [count, failure] of [
    [1, 0.01],
    [5, 0.02],
    [20, 0.01],
  ] as const)
    for (const parallel of [false, true]) {
      const result = await runArm(fan(count, { failure }, { parallel }), minute)
      nearShare(1 - result.successRatio, 1 - (1 - failure) ** count, result.offered)
    }
})

test('the closed form of a fan-out stands in the result', async () => {
  const result = await runChecked(scenario([fan(5, { failure: 0.02 }, { calls: 2 })], minute))
  const [form] = result.fluid['only']!.forms
  assert.ok(Math.abs(form!.predicted - 0.98 ** 10) < 1e-12)
  nearShare(form!.simulated, 0.98 ** 10, 60_000)
})

test('optional calls and calls with a fallback may fail; the answer waits for them all the same', async () => {
  for (const edge of [{ optional: true }, { fallback: true }]) {
    const result = await runArm(fan(3, { failure: 1, latency: constant(20) }, edge))
    assert.equal(result.successRatio, 1)
    assert.deepEqual([result.answerMs.p50, result.answerMs.max], [60, 60])
  }
})

test('calls one after the other add up, calls at the same time last as long as the slowest', async () => {
  const uniform: Distribution = { kind: 'uniform', minMs: 0, maxMs: 100 }
  const twice = await runArm(fan(2, { latency: uniform }), minute)
  // The sum of two uniforms is triangular: 1 - 2 (1 - x)^2 of the way at x of 200 ms, above the middle.
  assert.ok(Math.abs(twice.latencyMs.p90 - 200 * (1 - Math.sqrt(0.1 / 2))) < 1)
  assert.ok(Math.abs(twice.latencyMs.mean - 100) < 1)
  const both = await runArm(fan(10, { latency: uniform }, { parallel: true }), minute)
  // The greatest of ten uniforms.
  assert.ok(Math.abs(both.latencyMs.p50 - 100 * Math.exp(Math.log(0.5) / 10)) < 0.5)
  assert.ok(Math.abs(both.latencyMs.mean - 1000 / 11) < 0.5)
})

test('Tail at Scale: of a hundred parallel calls with a p99 of one second most requests wait that long', async () => {
  const parts = [
    { weight: 99, of: constant(10) },
    { weight: 1, of: constant(1000) },
  ]
  const result = await runArm(fan(100, { latency: { kind: 'mixture', parts } }, { parallel: true }))
  const slow = result.ecdf.findIndex(([, ms]) => ms >= 1000)
  nearShare(1 - result.ecdf[slow - 1]![0], 1 - 0.99 ** 100, result.offered / 2)
})

test('groups run in rising order, and a group begins when all of the one before it are done', async () => {
  const edge = (to: string, group: number): SyncEdge => call('entry', to, { group, parallel: true })
  const one = arm(
    [
      service('entry', { latency: constant(1) }),
      ...[10, 20, 40, 5].map((ms, n) => service(`s${n}`, { latency: constant(ms) })),
    ],
    [edge('s3', 7), edge('s0', 1), edge('s1', 1), edge('s2', 3)],
    { traffic: [trafficTo('entry', even(10))] },
  )
  const { latencyMs } = await runArm(one)
  assert.deepEqual([latencyMs.p50, latencyMs.max], [1 + 20 + 40 + 5, 66])
  const failing = one.services.map((model) => (model.name === 's2' ? { ...model, failure: 1 } : model))
  const { services } = await runArm({ ...one, services: failing })
  assert.deepEqual(
    ['s0', 's1', 's2', 's3'].map((name) => services[name]!.arrivals),
    [100, 100, 100, 0],
  )
})

test('a failed member of a parallel group ends the request at once, and stops its siblings', async () => {
  const stopping = arm(
    [
      service('entry'),
      service('bad', { failure: 1, latency: constant(10) }),
      service('slow', { latency: constant(500), onCancel: 'stop' }),
    ],
    [call('entry', 'bad', { parallel: true }), call('entry', 'slow', { parallel: true })],
    { traffic: [trafficTo('entry', even(10))] },
  )
  const result = await runArm(stopping)
  assert.deepEqual(result.failed, { error: 100 })
  const { completed, abandoned, wastedWork, sojournMs } = result.services['slow']!
  assert.deepEqual([completed, abandoned, wastedWork, sojournMs.p99], [0, 100, 0, 10])
})

test('the word that nobody waits any more goes down the tree, and everything stops that can', async () => {
  const policy = bare({ attemptTimeoutMs: 30 })
  const stopping = { latency: constant(5), onCancel: 'stop' } as const
  const one = arm(
    [service('entry'), service('middle', stopping), service('leaf', { ...stopping, latency: constant(1000) })],
    [call('entry', 'middle', { policy }), call('middle', 'leaf')],
    { traffic: [trafficTo('entry', even(10))] },
  )
  const { middle, leaf } = (await runArm(one)).services
  assert.deepEqual([middle!.abandoned, middle!.sojournMs.p99], [100, 30])
  assert.deepEqual([leaf!.abandoned, leaf!.sojournMs.p99], [100, 25])
})

test('a member that fails at once keeps the others of its group from being called', async () => {
  const edges = ['down', 'other'].map((to) => call('entry', to, { parallel: true }))
  const one = arm([service('entry'), service('down'), service('other')], edges, {
    traffic: [trafficTo('entry', even(10))],
    faults: [{ kind: 'crash', target: 'down', atMs: 0, forMs: 60_000 }],
  })
  const result = await runArm(one)
  assert.deepEqual([result.failed, result.services['other']!.arrivals], [{ refused: 100 }, 0])
})

test('the call that is under way is the one that is given up, though another one of the leg has just failed', async () => {
  // Two instances with one worker each; the first one is busy with what came before.
  const slow = service('slow', {
    instances: 2,
    concurrency: 1,
    queue: queueOf(0),
    latency: constant(500),
    onCancel: 'stop',
  })
  const one = arm(
    [service('entry'), slow, service('bad', { failure: 1, latency: constant(10) })],
    [call('entry', 'slow', { parallel: true, optional: true, calls: 2 }), call('entry', 'bad', { parallel: true })],
    { traffic: [trafficTo('slow', trace(0)), trafficTo('entry', trace(1, 100))] },
  )
  const { abandoned, rejected, completed } = (await runArm(one)).services['slow']!
  assert.deepEqual([abandoned, rejected, completed], [2, 1, 1])
})

test('work goes on after its caller has gone where a service does not notice, and counts as wasted', async () => {
  const policy = bare({ attemptTimeoutMs: 30 })
  const model = service('slow', { latency: constant(100) })
  const one = arm([service('entry'), model], [call('entry', 'slow', { policy })], {
    traffic: [trafficTo('entry', even(10))],
  })
  const result = await runArm(one)
  assert.deepEqual(result.failed, { timeout: 100 })
  assert.deepEqual([result.services['slow']!.wastedWork, result.services['slow']!.completed], [100, 100])
})

test('the network takes its time each way, and so does the word that nobody waits any more', async () => {
  const network = constant(7)
  const slow = service('slow', { latency: constant(100), onCancel: 'stop' })
  const calling = (policy: Policy | null) =>
    arm([service('entry'), slow], [call('entry', 'slow', { network, policy })], {
      traffic: [trafficTo('entry', even(10))],
    })
  const waited = await runArm(calling(null))
  assert.deepEqual([waited.latencyMs.p50, waited.services['slow']!.sojournMs.p50], [114, 100])
  const given = await runArm(calling(bare({ attemptTimeoutMs: 30 })))
  assert.deepEqual(given.failed, { timeout: 100 })
  assert.equal(given.services['slow']!.sojournMs.p50, 30)
})

test('three layers with three attempts each send 27 to a dead leaf; k^d in general', async () => {
  const three = await runArm(tower(3, bare({ attemptsMax: 3 })))
  assert.deepEqual(
    ['s1', 's2', 'leaf'].map((name) => amplificationAt(three, name)),
    [3, 9, 27],
  )
  assert.equal(three.amplification, 27)
  const five = await runArm(tower(5, bare({ attemptsMax: 3 })), { durationMs: 2000 })
  assert.equal(amplificationAt(five, 'leaf'), 243)
  const four = await runArm(tower(3, bare({ attemptsMax: 4 })), { durationMs: 2000 })
  assert.equal(amplificationAt(four, 'leaf'), 64)
})

test('a leaf that fails with p gets (1 - p^(k^d)) / (1 - p) attempts per request', async () => {
  for (const [attemptsMax, depth, failure] of [
    [3, 1, 0.5],
    [3, 2, 0.6],
    [2, 3, 0.8],
  ] as const) {
    const result = await runArm(tower(depth, bare({ attemptsMax }), failure), {
      durationMs: 2_000_000,
      windowMs: 100_000,
    })
    const tries = attemptsMax ** depth
    const expected = (1 - failure ** tries) / (1 - failure)
    assert.ok(
      Math.abs(amplificationAt(result, 'leaf') / expected - 1) < 0.02,
      `${depth}: ${amplificationAt(result, 'leaf')}`,
    )
    nearShare(result.successRatio, 1 - failure ** tries, result.offered)
  }
})

test('with the default budgets three layers send a dead leaf at most a fifth more', async () => {
  const patient = { ...policyDefaults, breaker: null, bulkhead: null }
  const one = tower(3, patient)
  const busy = { ...one, traffic: [trafficTo('s0', even(200))] }
  const result = await runArm(busy, minute)
  assert.ok(amplificationAt(result, 'leaf') <= 1.1 ** 3 * 1.02, `${amplificationAt(result, 'leaf')}`)
  const whole = await runArm(
    { ...busy, edges: busy.edges.map((edge) => ({ ...edge, policy: policyDefaults }) as SyncEdge) },
    minute,
  )
  assert.ok(amplificationAt(whole, 'leaf') <= 1.2)
  assert.ok(whole.amplification <= 1.2)
  assert.ok(whole.breakerOpens > 0)
})

test("Finagle's budget: a dead dependency gets ratio x calls and the reserve as retries, no more", async () => {
  const budget = { kind: 'ratio', ratio: 0.2, minPerSec: 10, ttlMs: 10_000 } as const
  const result = await runArm(
    { ...tower(1, bare({ attemptsMax: 20, budget })), traffic: [trafficTo('s0', even(100))] },
    {
      durationMs: 600_000,
      windowMs: 10_000,
    },
  )
  const retriesPerSec = (result.attempts - result.offered) / 600
  assert.ok(Math.abs(retriesPerSec / (0.2 * 100 + 10) - 1) < 0.03, `${retriesPerSec}`)
})

test("gRPC's throttle: after half of the tokens are gone nothing is tried again, until successes bring them back", async () => {
  const budget = { kind: 'tokens', tokensMax: 10, tokenRatio: 0.1 } as const
  const dead = await runArm(tower(1, bare({ attemptsMax: 5, budget })))
  // 10 tokens, retries only above 5: five failures take the tokens down to 5, so four are tried again.
  assert.equal(dead.attempts - dead.offered, 4)
  // A tenth of a token per success against one per failure: at one failure in ten the bucket never empties.
  const well = await runArm(tower(1, bare({ attemptsMax: 5, budget }), 0.05), { durationMs: 600_000, windowMs: 10_000 })
  assert.ok(Math.abs(amplificationAt(well, 'leaf') * 0.95 - 1) < 0.01)
})

test('hedging after p95 cuts the tail for some five per cent more attempts', async () => {
  const parts = [
    { weight: 95, of: exponential(10) },
    { weight: 5, of: exponential(500) },
  ]
  const slow = service('slow', { latency: { kind: 'mixture', parts } })
  const calling = (policy: Policy) =>
    arm([service('entry'), slow], [call('entry', 'slow', { policy })], { traffic: [trafficTo('entry', poisson(100))] })
  const budget = { kind: 'ratio', ratio: 0.2, minPerSec: 10, ttlMs: 10_000 } as const
  const plain = await runArm(calling(bare()), { durationMs: 300_000, warmupMs: 60_000 })
  const hedged = await runArm(calling(bare({ budget, hedge: { after: 'p95', max: 1 } })), {
    durationMs: 300_000,
    warmupMs: 60_000,
  })
  assert.ok(hedged.amplification > 1.03 && hedged.amplification < 1.08, `${hedged.amplification}`)
  assert.ok(hedged.latencyMs.p99 < plain.latencyMs.p99 / 3, `${plain.latencyMs.p99} -> ${hedged.latencyMs.p99}`)
  assert.ok(hedged.latencyMs.p999 < plain.latencyMs.p999 / 3)
})

test('retries against independent failures give 1 - p^k', async () => {
  for (const attemptsMax of [1, 2, 3]) {
    const result = await runArm(tower(1, bare({ attemptsMax }), 0.3), { durationMs: 1_000_000, windowMs: 100_000 })
    nearShare(result.successRatio, 1 - 0.3 ** attemptsMax, result.offered)
  }
})

test('a call is repeated as often as the edge says, one after the other', async () => {
  const one = arm([service('entry'), service('s', { latency: constant(10) })], [call('entry', 's', { calls: 7 })], {
    traffic: [trafficTo('entry', even(10))],
  })
  const result = await runArm(one)
  assert.deepEqual([result.attempts, result.latencyMs.max, result.amplification], [700, 70, 1])
})
