import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metricOf } from '../../src/analysis/expectations.ts'
import type { Arm, Expectation, Scenario } from '../../src/model/scenario.ts'
import type { RunProgress } from '../../src/run/run.ts'
import { runScenario } from '../../src/run/run.ts'
import {
  arm,
  bare,
  call,
  constant,
  even,
  exponential,
  poisson,
  queue,
  runArm,
  runChecked,
  scenario,
  service,
  trafficTo,
} from '../scene.ts'

const work = (name: string, patch: Partial<Arm> = {}, attemptsMax = 1): Arm =>
  arm(
    [service('web'), service('db', { concurrency: 5, latency: exponential(40), failure: 0.1 })],
    [call('web', 'db', { policy: bare({ attemptsMax, backoff: { baseMs: 5, capMs: 50, jitter: 'full' } }) })],
    { name, traffic: [trafficTo('web', poisson(80))], ...patch },
  )
const small = (patch: Partial<Scenario> = {}, ...arms: readonly Arm[]): Scenario =>
  scenario(arms.length === 0 ? [work('once'), work('thrice', {}, 3)] : arms, { durationMs: 5000, ...patch })
const claim = (patch: Partial<Expectation>): Expectation => ({
  arm: 'once',
  metric: 'successRatio',
  op: '>',
  value: 0,
  within: null,
  ...patch,
})

test('the same scenario and seed give the same result, and another seed another one', async () => {
  const [first, again, other] = [
    await runChecked(small()),
    await runChecked(small()),
    await runChecked(small({ seed: 2 })),
  ]
  assert.deepEqual(first, again)
  assert.match(first.digest, /^[0-9a-f]{64}$/)
  assert.notEqual(first.digest, other.digest)
})

test('a known run comes out the same to the microsecond: chance does not depend on the version of Node', async () => {
  const shapes = ['uniform', 'exponential', 'lognormal', 'pareto'] as const
  const latencies = {
    uniform: { kind: 'uniform', minMs: 1, maxMs: 9 },
    exponential: exponential(5),
    lognormal: { kind: 'lognormal', medianMs: 5, sigma: 1 },
    pareto: { kind: 'pareto', minMs: 2, shape: 1.5 },
  } as const
  const arms = shapes.map((name) =>
    arm([service('s', { latency: latencies[name] })], [], { name, traffic: [trafficTo('s', poisson(50))] }),
  )
  const { arms: found } = await runChecked(scenario(arms))
  // The sums of all latencies in whole µs: one bit that differs in a logarithm changes them.
  const sums = shapes.map((name) => Math.round(found[name]!.latencyMs.mean * found[name]!.succeeded * 1000))
  assert.deepEqual(sums, [2_445_971, 2_321_210, 3_988_144, 2_676_165])
})

test('all arms see the same arrivals, and a request brings the same demand and luck to each of them', async () => {
  const result = await runChecked(small({ replications: 3 }, work('a'), work('b'), work('c', {}, 3)))
  const { a, b, c } = result.arms as Record<'a' | 'b' | 'c', (typeof result.arms)[string]>
  assert.deepEqual(a, b)
  assert.deepEqual(
    a.windows.map(({ offered }) => offered).filter((n) => n > 0),
    c.windows.map(({ offered }) => offered).filter((n) => n > 0),
  )
  // Nothing is behind another one here: each first attempt takes as long and ends as it does without retries.
  const free = { services: [service('web'), service('db', { latency: exponential(40), failure: 0.1 })] }
  const [plain, tried] = [await runArm(work('a', free)), await runArm(work('a', free, 2))]
  assert.equal(plain.failed.error, tried.attempts - tried.offered)
})

test('an arm that only adds a service gives the others the same draws', async () => {
  const one = work('a')
  const more = { ...one, services: [service('unused'), ...one.services] }
  const [before, after] = [await runArm(one), await runArm(more)]
  assert.deepEqual(after.latencyMs, before.latencyMs)
})

test('several replications differ from each other, and their means carry confidence intervals', async () => {
  const { arms, differences } = await runChecked(small({ replications: 4 }))
  const { once } = arms
  assert.ok(once!.ci95!['offered']! > 0 && once!.latencyMs.ci95!['p50']! > 0)
  assert.ok(once!.services['db']!.ci95!['utilization']! > 0)
  assert.equal((await runChecked(small())).arms['once']!.ci95, undefined)
  const found = differences.find(({ metric }) => metric === 'successRatio')!
  assert.deepEqual([found.arm, found.against], ['thrice', 'once'])
  assert.ok(Math.abs(found.mean - (arms['thrice']!.successRatio - once!.successRatio)) < 1e-12)
  // The pairs share their luck: their difference is known better than either of them.
  assert.ok(
    found.mean > found.ci95 && found.ci95 < once!.ci95!['successRatio']! + arms['thrice']!.ci95!['successRatio']!,
  )
  assert.deepEqual((await runChecked(small())).differences, [])
})

test('claims are judged by the means, by another arm and by a part of the run', async () => {
  const expect = [
    claim({ value: 0.95 }),
    claim({ arm: 'thrice', value: 0.95 }),
    claim({ arm: 'thrice', value: { arm: 'once', times: 1.05 } }),
    claim({ metric: 'failed.timeout', op: '=', value: 0 }),
    claim({ metric: 'services.db.arrivals', op: '>=', value: 1 }),
    claim({ metric: 'offered', op: '<=', value: 120, within: { fromMs: 1000, toMs: 2000 } }),
    claim({ metric: 'latencyMs.max', op: '<', value: 0, within: { fromMs: 0, toMs: 5000 } }),
  ]
  const result = await runChecked(small({ expect, replications: 2 }))
  assert.deepEqual(
    result.expect.map(({ holds }) => holds),
    [false, true, true, true, true, true, false],
  )
  assert.equal(result.expect[0]!.seen, result.arms['once']!.successRatio)
  assert.equal(result.expect[2]!.claim, 'thrice: successRatio > 1.05 x that of once')
  assert.equal(result.expect[5]!.claim, 'once: offered <= 120, arrivals from 1 s to 2 s')
})

test('a part of the run counts the arrivals of that part, whenever they succeed', async () => {
  const one = arm([service('s', { latency: constant(3000) })], [], { traffic: [trafficTo('s', even(10))] })
  const within = { fromMs: 2000, toMs: 4000 }
  const expect = ['offered', 'succeeded', 'latencyMs.p50'].map((metric) => claim({ arm: 'only', metric, within }))
  const result = await runChecked(scenario([one], { expect }))
  assert.deepEqual(
    result.expect.map(({ seen }) => seen),
    [20, 20, 3000],
  )
})

test('a claim about a metric that is not there is a mistake, reported with all others', async () => {
  const expect = [
    claim({ metric: 'sucessRatio' }),
    claim({ metric: 'latencyMs' }),
    claim({ metric: 'attempts', within: { fromMs: 0, toMs: 1 } }),
    claim({ metric: '__proto__.x' }),
  ]
  await assert.rejects(runScenario(small({ expect })), (error: Error & { code: string }) => {
    assert.equal(error.code, 'FB_CONFIG')
    assert.deepEqual(error.message.split('\n'), [
      'once has no metric sucessRatio',
      'once has no metric latencyMs',
      'once has no metric attempts of a part of the run',
      'once has no metric __proto__.x',
    ])
    return true
  })
  assert.equal(metricOf({ timeToRecoverMs: null }, 'timeToRecoverMs'), Number.POSITIVE_INFINITY)
})

test('a run that needs too many events ends with a clear error', async () => {
  await assert.rejects(runScenario(small({ eventsMax: 1000 })), {
    code: 'FB_CONFIG',
    message: /^test, arm once: stopped after 1000 events at \d+ ms of 5000 ms; raise maxEvents/,
  })
  const loop = arm([service('a')], [queue('a', 'a', { consumers: 5, network: constant(1) })], {
    traffic: [trafficTo('a', even(10))],
  })
  await assert.rejects(runScenario(scenario([loop], { eventsMax: 50_000 })), { code: 'FB_CONFIG' })
})

test('a run in which nothing can happen any more ends, however long it may go on', async () => {
  const forEver = Number.POSITIVE_INFINITY
  const one = arm([service('s', { latency: constant(10) })], [], {
    traffic: [trafficTo('s', even(10))],
    faults: [{ kind: 'hang', target: 's', atMs: 8000, forMs: forEver }],
  })
  const { windows, failed } = await runArm(one, { drainMaxMs: forEver })
  assert.deepEqual([windows.length, failed], [10, { unfinished: 20 }])
  const late = { ...one, services: [service('s', { latency: constant(1e12) })], faults: [] }
  await assert.rejects(runArm(late, { drainMaxMs: forEver, eventsMax: 100_000 }), { code: 'FB_CONFIG' })
})

test('a run can be ended from outside, and looks at the event loop while it works', async () => {
  const ending = new AbortController()
  setImmediate(() => ending.abort(new Error('enough')))
  const long = small({ durationMs: 1e9, windowMs: 1e9, eventsMax: 1e12 })
  await assert.rejects(runScenario(long, { signal: ending.signal }), { message: 'enough' })
  await assert.rejects(runScenario(long, { signal: AbortSignal.abort(new Error('before')) }), { message: 'before' })
})

test('progress is reported per replication, and chosen arms alone are run', async () => {
  const told: RunProgress[] = []
  const expect = [claim({}), claim({ arm: 'thrice' }), claim({ arm: 'thrice', value: { arm: 'once', times: 1 } })]
  const what = small({ replications: 2, expect })
  const result = await runScenario(what, { arms: ['thrice'], onProgress: (one) => told.push(one) })
  assert.deepEqual(
    told.map(({ arm: name, done, total }) => [name, done, total]),
    [
      ['thrice', 0, 2],
      ['thrice', 1, 2],
      ['thrice', 2, 2],
    ],
  )
  assert.deepEqual([Object.keys(result.arms), result.expect.length], [['thrice'], 1])
  await assert.rejects(runScenario(what, { arms: ['nobody'] }), {
    code: 'FB_CONFIG',
    message: /no arm nobody; there is once/,
  })
})

test('names that are not there are mistakes, reported together', async () => {
  const one = arm([service('a')], [call('a', 'b'), queue('c', 'a')], { traffic: [trafficTo('d', even(1))] })
  await assert.rejects(runScenario(scenario([one])), {
    code: 'FB_CONFIG',
    message: 'edge a->b: no b\nedge c=>a: no c\ntraffic: no d',
  })
})

test('nothing in, nothing out: without arrivals, or without any time, a run ends at once', async () => {
  for (const patch of [{ durationMs: 0 }, { durationMs: 0, drainMaxMs: 0 }, {}]) {
    const result = await runArm({ ...work('only'), traffic: [trafficTo('web', poisson(patch.durationMs ?? 0))] }, patch)
    assert.deepEqual([result.offered, result.successRatio, result.amplification, result.ecdf], [0, 0, 0, []])
    assert.equal(result.latencyMs.p99, 0)
  }
})

test('what arrives during the warm-up is simulated and not counted', async () => {
  const one = arm([service('s', { concurrency: 1, latency: constant(50) })], [], {
    traffic: [trafficTo('s', even(10))],
  })
  const result = await runArm(one, { warmupMs: 4000 })
  assert.deepEqual([result.offered, result.services['s']!.arrivals, result.services['s']!.utilization], [60, 60, 0.5])
  assert.equal(
    result.windows.reduce((sum, { offered }) => sum + offered, 0),
    100,
  )
})

test('windows cover the run without a gap, and say what there is at their end', async () => {
  const one = arm([service('s', { concurrency: 2, latency: constant(1500) })], [], {
    traffic: [trafficTo('s', even(2))],
  })
  const { windows } = await runArm(one, { durationMs: 3000, windowMs: 800 })
  assert.deepEqual(
    windows.slice(0, 5).map(({ fromMs, toMs, offered }) => [fromMs, toMs, offered]),
    [
      [0, 800, 2],
      [800, 1600, 1],
      [1600, 2400, 2],
      [2400, 3200, 1],
      [3200, 4000, 0],
    ],
  )
  assert.deepEqual(windows[2]!.services['s'], { busy: 2, queued: 1 })
  assert.equal(windows.at(-1)!.services['s']!.busy, 0)
})

test('clients that wait for answers ask again only after them', async () => {
  const arrivals = { kind: 'closed', clients: 7, think: constant(60) } as const
  const one = arm([service('s', { latency: constant(40) })], [], { traffic: [trafficTo('s', arrivals)] })
  const { offered, windows } = await runArm(one, { drainMaxMs: 1000 })
  assert.equal(offered, 7 * 100)
  assert.ok(windows.every(({ services }) => services['s']!.busy <= 7))
})
