import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Policy } from 'firebreak'
import { policyDefaults } from 'firebreak/internal'
import { capacityOf } from '../../src/analysis/capacity.ts'
import type { ArmResult } from '../../src/model/result.ts'
import type { Arm, Arrivals, Fault, SyncEdge } from '../../src/model/scenario.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import {
  arm,
  bare,
  call,
  constant,
  even,
  exponential,
  poisson,
  queue,
  queueOf,
  runArm,
  runChecked,
  scenario,
  service,
  trace,
  trafficTo,
} from '../scene.ts'

test('SRE book, bimodal latency: one request in twenty that hangs until its deadline fills the workers of the caller', async () => {
  // A tenth of the book's figures: 100 per second, 100 ms, 100 workers, 5 % wait 100 s. Needed are 509.5 workers.
  const parts = [
    { weight: 95, of: constant(100) },
    { weight: 5, of: constant(1e9) },
  ]
  const one = (attemptTimeoutMs: number): Arm =>
    arm(
      [
        service('front', { concurrency: 100, queue: queueOf(0) }),
        service('back', { latency: { kind: 'mixture', parts } }),
      ],
      [call('front', 'back', { policy: bare({ attemptTimeoutMs }) })],
      { traffic: [trafficTo('front', poisson(100))] },
    )
  const long = { durationMs: 1_000_000, warmupMs: 100_000, windowMs: 100_000, drainMaxMs: 200_000, replications: 4 }
  const hanging = await runArm(one(100_000), long)
  assert.ok(Math.abs(hanging.failed.full! / hanging.offered - (1 - 100 / 509.5)) < 0.01)
  assert.ok(Math.abs(hanging.successRatio - (0.95 * 100) / 509.5) < 0.01)
  assert.ok(hanging.services['front']!.utilization > 0.98)
  // The book's way out: a deadline of a second needs 14.5 workers, and only the hanging ones fail.
  const short = await runArm(one(1000), { ...long, durationMs: 400_000 })
  assert.deepEqual(Object.keys(short.failed), ['timeout'])
  assert.ok(Math.abs(short.successRatio - 0.95) < 0.005)
})

test('no work starts after the deadline of the call that it belongs to, on any layer', () => {
  const policy = bare({ deadlineMs: 300, attemptTimeoutMs: 300 })
  const patient = bare({ deadlineMs: 10_000, attemptTimeoutMs: 10_000 })
  const one = arm(
    [
      service('entry'),
      service('middle', { latency: constant(100) }),
      service('leaf', { concurrency: 10, latency: exponential(100) }),
    ],
    [call('entry', 'middle', { policy }), call('middle', 'leaf', { policy: patient })],
    { traffic: [trafficTo('entry', poisson(200))] },
  )
  const simulation = new Simulation({ scenario: scenario([one]), arm: one, replication: 0, spans: [] })
  assert.equal(simulation.advance(1e9), true)
  const { waits, all } = simulation.stations[2]!.stats
  const longestMs = waits.quantileMs(1)
  assert.ok(longestMs <= 200 && longestMs > 150, `${longestMs}`)
  assert.ok(all.rejected > 300, 'what has waited too long is turned away')
  assert.equal(simulation.stations[1]!.stats.all.arrivals, simulation.stats.all.offered)
})

test('a deadline that is already over is not worked for', async () => {
  // The way there takes longer than the whole call.
  const edge = call('entry', 's', { network: constant(50), policy: bare({ deadlineMs: 40, attemptTimeoutMs: 40 }) })
  const one = arm([service('entry'), service('s', { latency: constant(10) })], [edge], {
    traffic: [trafficTo('entry', even(10))],
  })
  const result = await runArm(one)
  assert.deepEqual(result.failed, { deadline: 100 })
  const { arrivals, started, rejected } = result.services['s']!
  assert.deepEqual([arrivals, started, rejected], [100, 0, 100])
})

test('AWS, Exponential Backoff And Jitter: contenders without jitter meet again and again', async () => {
  const contend = async (jitter: 'none' | 'full' | 'decorrelated', clients: number): Promise<ArmResult> => {
    const policy = bare({ attemptsMax: 10_000, backoff: { baseMs: 20, capMs: 2000, jitter } })
    const one = arm(
      [service('entry'), service('row', { concurrency: 1, queue: queueOf(0), latency: constant(10) })],
      [call('entry', 'row', { policy })],
      { traffic: [trafficTo('entry', trace(...new Array<number>(clients).fill(0)))] },
    )
    return runArm(one, { drainMaxMs: 1_000_000 })
  }
  const [none, full, decorrelated] = [
    await contend('none', 50),
    await contend('full', 50),
    await contend('decorrelated', 50),
  ]
  for (const result of [none, full, decorrelated]) assert.equal(result.successRatio, 1)
  // In lockstep one gets through per round: 50 + 49 + ... + 1.
  assert.equal(none.attempts, (50 * 51) / 2)
  assert.ok(full.attempts < none.attempts / 3 && decorrelated.attempts < none.attempts / 3)
  assert.ok(full.latencyMs.max < none.latencyMs.max / 10)
  const more = await contend('full', 100)
  assert.ok(more.attempts / full.attempts < 3, 'with jitter the work grows little faster than the number of contenders')
})

// HotOS'21: a database for 300 requests a second, a time-out of a second, one retry.
const database = (perSec: number, outageMs: number, policy: Policy): Arm => {
  const faults: readonly Fault[] = [{ kind: 'hang', target: 'db', atMs: 30_000, forMs: outageMs }]
  return arm(
    [service('app'), service('db', { concurrency: 30, latency: exponential(100) })],
    [call('app', 'db', { policy })],
    { traffic: [trafficTo('app', poisson(perSec))], faults },
  )
}
const oneRetry = bare({ attemptTimeoutMs: 1000, attemptsMax: 2 })
const lastPart = { arm: 'only', op: '>=', value: 0, within: { fromMs: 90_000, toMs: 120_000 } } as const
const afterwards = async (one: Arm): Promise<{ readonly good: number; readonly result: ArmResult }> => {
  const what = scenario([one], { durationMs: 120_000, expect: [{ ...lastPart, metric: 'successRatio' }] })
  const found = await runChecked(what)
  return { good: found.expect[0]!.seen, result: found.arms['only']! }
}

test("HotOS'21: the trigger goes, the overload stays, if load and trigger are large enough", async () => {
  const cases = [
    { perSec: 100, outageMs: 10_000, stays: false },
    { perSec: 100, outageMs: 1000, stays: false },
    { perSec: 280, outageMs: 200, stays: false },
    { perSec: 280, outageMs: 10_000, stays: true },
    { perSec: 280, outageMs: 3000, stays: true },
  ]
  for (const { perSec, outageMs, stays } of cases) {
    const { good, result } = await afterwards(database(perSec, outageMs, oneRetry))
    const where = `${perSec} per second, ${outageMs} ms: ${good}`
    if (stays) assert.ok(good < 0.02 && result.timeToRecoverMs === null, where)
    else assert.ok(good > 0.99 && result.timeToRecoverMs !== null, where)
  }
})

test("HotOS'21: what sustains the overload is the retries: twice the load, and all work wasted", async () => {
  const { result } = await afterwards(database(280, 10_000, oneRetry))
  const late = result.windows.filter(({ fromMs }) => fromMs >= 60_000 && fromMs < 118_000)
  const sum = (of: (window: (typeof late)[number]) => number): number => late.reduce((all, one) => all + of(one), 0)
  assert.ok(Math.abs(sum(({ attempts }) => attempts) / sum(({ offered }) => offered) - 2) < 0.05)
  assert.ok(late.every(({ services }) => services['db']!.busy === 30))
  assert.ok(result.services['db']!.wastedWork > 0.8 * result.services['db']!.completed)
})

test("HotOS'21: with the defaults of firebreak the same system comes back", async () => {
  const { good, result } = await afterwards(database(280, 10_000, policyDefaults))
  assert.ok(good > 0.95, `${good}`)
  assert.ok(result.timeToRecoverMs !== null && result.timeToRecoverMs <= 10_000)
})

test('throughput under overload is highest where the formula says, and the simulation does not pass it', async () => {
  const profile = service('profile', {
    latency: { kind: 'uniform', minMs: 30, maxMs: 70 },
    failure: 0.02,
    overload: { at: 20, latencySlope: 1, failureSlope: 0.5, failureMax: 0.9 },
  })
  const goodAt = (n: number): number => {
    const over = Math.max(0, n / 20 - 1)
    return (n / (0.05 * (1 + over))) * (1 - Math.min(0.9, 0.02 + 0.5 * over))
  }
  const best = Math.max(...Array.from({ length: 200 }, (_, n) => goodAt(n + 1)))
  assert.ok(Math.abs(best - 392) < 1e-9)
  assert.ok(Math.abs(capacityOf(profile).perSec - best) < 1e-9)
  for (const clients of [10, 20, 30, 60]) {
    const arrivals: Arrivals = { kind: 'closed', clients, think: constant(0) }
    const result = await runArm(arm([profile], [], { traffic: [trafficTo('profile', arrivals)] }), {
      durationMs: 100_000,
    })
    const perSec = result.succeeded / 100
    assert.ok(Math.abs(perSec / goodAt(clients) - 1) < 0.03, `${clients}: ${perSec}, expected ${goodAt(clients)}`)
  }
})

test('a burst into a queue: backlog and drain are those of an even flow within 3 %', async () => {
  const rate = [
    { atMs: 0, perSec: 100 },
    { atMs: 20_000, perSec: 800 },
    { atMs: 30_000, perSec: 100 },
  ]
  for (const kind of ['deterministic', 'poisson'] as const) {
    const one = arm(
      [service('web'), service('profile', { latency: { kind: 'uniform', minMs: 30, maxMs: 70 }, failure: 0.02 })],
      [queue('web', 'profile', { consumers: 15, backoff: { baseMs: 50, capMs: 50, jitter: 'none' } })],
      { traffic: [trafficTo('web', { kind, rate })] },
    )
    const what = scenario([one], { durationMs: 60_000, replications: 5, windowMs: 100 })
    const result = await runChecked(what)
    const { backlogPeak, windows } = result.arms['only']!
    // 15 consumers, 50 ms, 1 / 0.98 attempts: 294 a second.
    const peak = (800 - 294) * 10
    const drain = peak / (294 - 100)
    // Down to a tenth: where it is empty is a matter of chance.
    assert.ok(Math.abs(backlogPeak / peak - 1) < 0.03, `${kind}: ${backlogPeak}`)
    const empty = windows.find(({ fromMs, backlog }) => fromMs > 30_000 && backlog < peak / 10)
    assert.ok(Math.abs((empty!.toMs - 30_000) / 1000 / (0.9 * drain) - 1) < 0.03, `${kind}: ${empty!.toMs}`)
    const fluid = result.fluid['only']!
    assert.ok(Math.abs(fluid.backlogPeak! - peak) < 1 && Math.abs(fluid.drainMs! / 1000 - drain) < 0.01)
  }
})

test('Vegas settles between 23 and 26 at a server with 20 workers, from a lower and from a higher limit', async () => {
  for (const initial of [1, 30]) {
    const limit = { kind: 'vegas', initial, min: 1, max: 1000 } as const
    const one = arm(
      [service('web'), service('db', { concurrency: 20, latency: constant(50) })],
      [call('web', 'db', { policy: bare({ limit }), optional: true }) as SyncEdge],
      { traffic: [trafficTo('web', { kind: 'closed', clients: 100, think: constant(100) })] },
    )
    const { windows } = await runArm(one, { durationMs: 200_000 })
    const there = windows
      .filter(({ fromMs }) => fromMs >= 150_000 && fromMs < 199_000)
      .map(({ services }) => services['db']!)
    const mean = there.reduce((sum, { busy, queued }) => sum + busy + queued, 0) / there.length
    assert.ok(mean >= 23 && mean <= 26, `${initial}: ${mean}`)
  }
})
