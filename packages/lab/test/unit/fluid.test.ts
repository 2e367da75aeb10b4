import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capacityOf } from '../../src/analysis/capacity.ts'
import { courseOf, peakOf } from '../../src/analysis/rate-steps.ts'
import { timeToRecoverMs } from '../../src/analysis/recovery.ts'
import { erlangB, erlangC, lossWithQueue, waitAtOneWorker } from '../../src/math/queueing.ts'
import type { FluidResult, WindowResult } from '../../src/model/result.ts'
import type { Arm, Arrivals, Fault } from '../../src/model/scenario.ts'
import { attemptsNeeded, visitsOf } from '../../src/sim/arm-graph.ts'
import { arm, call, constant, even, queue, runChecked, scenario, service, trafficTo } from '../scene.ts'

const near = (seen: number | null | undefined, expected: number): void =>
  assert.ok(
    Math.abs((seen ?? Number.NaN) - expected) <= 1e-6 * Math.abs(expected) + 1e-9,
    `seen ${seen}, expected ${expected}`,
  )

const steps = (...rate: readonly (readonly [number, number])[]): Arrivals => ({
  kind: 'deterministic',
  rate: rate.map(([atMs, perSec]) => ({ atMs, perSec })),
})
const fluidOf = async (one: Arm, durationMs = 10_000): Promise<FluidResult> =>
  (await runChecked(scenario([one], { durationMs }))).fluid['only']!

test('the closed forms give the values of the tables', () => {
  // A. K. Erlang's own examples, to four figures: 2 lines at a load of 1, 10 lines at 5, 100 at 90.
  near(Math.round(erlangB(2, 1) * 1e4) / 1e4, 0.2)
  near(Math.round(erlangB(10, 5) * 1e4) / 1e4, 0.0184)
  near(Math.round(erlangB(100, 90) * 1e3) / 1e3, 0.027)
  near(erlangC(1, 0.7), 0.7)
  near(erlangC(2, 1), 1 / 3)
  // M/M/1/K: (1 - r) r^K / (1 - r^(K+1)), and 1 / (K + 1) at a load of one.
  near(lossWithQueue(1, 0.5, 3), (0.5 * 0.5 ** 4) / (1 - 0.5 ** 5))
  near(lossWithQueue(1, 1, 9), 1 / 11)
  near(lossWithQueue(3, 2, 0), erlangB(3, 2))
  near(waitAtOneWorker(0.5, 1, 2), 1)
  near(waitAtOneWorker(0.5, 1, 1), 0.5)
})

test('an even flow fills a backlog, empties it, and leaves as fast as it can', () => {
  const course = courseOf(
    [
      { atMs: 0, perMs: 1 },
      { atMs: 100, perMs: 5 },
      { atMs: 200, perMs: 1 },
    ],
    [{ atMs: 0, bestPerMs: 3, fullPerMs: 2 }],
  )
  assert.deepEqual(course.points, [
    { atMs: 0, backlog: 0 },
    { atMs: 100, backlog: 0 },
    { atMs: 200, backlog: 300 },
    { atMs: 500, backlog: 0 },
  ])
  assert.deepEqual(
    course.outflow.map(({ atMs, perMs }) => [atMs, perMs]),
    [
      [0, 1],
      [100, 2],
      [200, 2],
      [500, 1],
    ],
  )
  assert.deepEqual(peakOf([course]), { backlog: 300, drainMs: 300 })
  assert.deepEqual(peakOf([course, course]), { backlog: 600, drainMs: 300 })
})

test('what a full backlog cannot take stays forever; what an empty one takes never begins', () => {
  const outlet = [{ atMs: 0, bestPerMs: 3, fullPerMs: 1 }]
  const burst = [
    { atMs: 0, perMs: 2 },
    { atMs: 10, perMs: 4 },
    { atMs: 20, perMs: 2 },
  ]
  assert.equal(peakOf([courseOf(burst, outlet)]).drainMs, null)
  const steady = [
    { atMs: 0, perMs: 2 },
    { atMs: 100, perMs: 0 },
  ]
  assert.deepEqual(peakOf([courseOf(steady, outlet)]), { backlog: 0, drainMs: 0 })
})

test('consumers stand still under faults of theirs, of the broker and of the service', async () => {
  const build = (faults: readonly Fault[]): Arm =>
    arm([service('web'), service('work', { latency: constant(10) })], [queue('web', 'work', { consumers: 2 })], {
      traffic: [trafficTo('web', steps([0, 100]))],
      faults,
    })
  const times = { atMs: 1000, forMs: 3000 }
  for (const fault of [
    { ...times, kind: 'hold', target: 'web=>work' },
    { ...times, kind: 'broker-down', target: 'broker' },
    { ...times, kind: 'crash', target: 'work' },
    { ...times, kind: 'hang', target: 'work' },
    { ...times, kind: 'capacity', target: 'work', value: 0 },
  ] satisfies Fault[]) {
    const { backlogPeak, drainMs } = await fluidOf(build([fault]))
    // 100 per second for 3 s; two consumers do 200 per second.
    near(backlogPeak, 300)
    near(drainMs, 3000)
  }
  const slow = await fluidOf(build([{ ...times, kind: 'latency', target: 'work', value: 4 }]))
  near(slow.backlogPeak, (100 - 50) * 3)
  const failing = await fluidOf(build([{ ...times, kind: 'errors', target: 'work', value: 0.75 }]))
  near(failing.backlogPeak, (100 - 50) * 3)
})

test('a backlog feeds the next one, and partitions are shared out as whole ones', async () => {
  const chain = arm(
    [service('a'), service('b', { latency: constant(10) }), service('c', { latency: constant(20) })],
    [queue('a', 'b'), queue('b', 'c')],
    { traffic: [trafficTo('a', steps([0, 200], [1000, 0]))] },
  )
  // 100 of 200 wait at b after a second; b sends 100 a second for two, of which c takes 50.
  const { backlogPeak, drainMs } = await fluidOf(chain)
  near(backlogPeak, 100 + 50)
  near(drainMs, 3000)
  const stream = arm(
    [service('a'), service('b', { latency: constant(10) })],
    [queue('a', 'b', { kind: 'stream', consumers: 2, partitions: 3 })],
    { traffic: [trafficTo('a', steps([0, 300], [1000, 60]), { keys: 0 })] },
  )
  // One consumer has two of three partitions: 200 of 300 come to it, it does 100.
  const uneven = await fluidOf(stream)
  near(uneven.backlogPeak, 100)
  near(uneven.drainMs, (100 / (100 - 40)) * 1000)
})

test('retries and the calls of the service take their part of a consumer', async () => {
  const one = arm(
    [service('a'), service('b', { latency: constant(10), failure: 0.5 }), service('c', { latency: constant(15) })],
    [queue('a', 'b', { consumers: 5, attemptsMax: 2 }), call('b', 'c', { calls: 2 })],
    { traffic: [trafficTo('a', steps([0, 200], [1000, 0]))] },
  )
  // 40 ms an attempt, 1.5 attempts a message.
  near((await fluidOf(one)).backlogPeak, 200 - 5 / 0.06)
})

test('the bound of a path is its weakest service, with its calls and with what others ask of it', async () => {
  const of = (name: string, workers: number, failure = 0): ReturnType<typeof service> =>
    service(name, {
      concurrency: workers,
      latency: constant(100),
      failure,
      queue: { max: 0, order: 'fifo', maxWaitMs: 0 },
    })
  const edges = [call('a', 'b', { calls: 2 }), call('a', 'c'), call('a', 'd', { optional: true })]
  const one = arm([service('a'), of('b', 10), of('c', 4, 0.5), of('d', 1)], edges, {
    traffic: [trafficTo('a', steps([0, 10], [5000, 100]))],
  })
  const { bound } = await fluidOf(one)
  assert.equal(bound!.service, 'c')
  near(bound!.perSec, 20)
  near(bound!.ratio, (10 * 5 + 20 * 5) / (10 * 5 + 100 * 5))
  near(bound!.succeeded, 150)
  const shared = await fluidOf({ ...one, traffic: [...one.traffic, trafficTo('c', steps([0, 30]))] })
  // 40 a second come to c at first, 130 later; it lets 20 through, of both alike.
  near(shared.bound!.ratio, (20 * 5 + 20 * 5) / ((40 + 130) * 5))
  const free = await fluidOf({ ...one, traffic: [trafficTo('d', { kind: 'closed', clients: 1, think: constant(1) })] })
  assert.equal(free.bound, null)
})

test('the capacity of a service is the best that it does with any number in service', () => {
  near(capacityOf(service('s', { instances: 2, concurrency: 5, latency: constant(50), failure: 0.1 })).perSec, 180)
  assert.equal(capacityOf(service('s', { latency: constant(50) })).perSec, Number.POSITIVE_INFINITY)
  const overload = { at: 10, latencySlope: 0.5, failureSlope: 0, failureMax: 1 }
  // n / (50 (1 + (n/10 - 1) / 2)) rises towards 10 / 25 per ms.
  near(capacityOf(service('s', { latency: constant(50), overload })).perSec, 400)
  const workers = capacityOf(service('s', { latency: constant(50), overload, concurrency: 30 }))
  near(workers.perSec, 300)
  const steep = { ...overload, latencySlope: 2 }
  assert.deepEqual(capacityOf(service('s', { latency: constant(50), overload: steep })), { perSec: 200, inService: 10 })
  assert.equal(capacityOf(service('s', { latency: constant(50), overload: steep }), 0).perSec, 0)
})

test('visits multiply along the way, meet again, and do not go round', () => {
  const names = ['a', 'b', 'c', 'd']
  const edges = [
    call('a', 'b', { calls: 2 }),
    call('a', 'c'),
    call('b', 'd', { calls: 3 }),
    call('c', 'd'),
    queue('d', 'e'),
  ]
  const one = arm(
    [...names, 'e'].map((name) => service(name)),
    [...edges, call('d', 'a')],
  )
  const visits = visitsOf(one, 'a', ({ kind }) => kind === 'sync')
  assert.deepEqual(Object.fromEntries(visits), { a: 1, b: 2, c: 1, d: 7 })
  assert.equal(attemptsNeeded(one, 'a'), 2 + 1 + 7 + 7)
})

const windowsOf = (shares: readonly number[]): readonly WindowResult[] =>
  shares.map((share, index) => ({
    fromMs: index * 1000,
    toMs: index * 1000 + 1000,
    offered: 100,
    succeeded: share * 100,
    failed: 0,
    attempts: 0,
    backlog: 0,
    oldestAgeMs: 0,
    open: 0,
    services: {},
  }))

test('recovery is the first window from which five seconds are good, counted from the end of the last trigger', () => {
  const fault: Fault = { kind: 'crash', target: 's', atMs: 2000, forMs: 2000 }
  const one = arm([service('s')], [], { traffic: [trafficTo('s', even(100))], faults: [fault] })
  const run = scenario([one], { durationMs: 15_000 })
  const after = (...shares: readonly number[]): number | null =>
    timeToRecoverMs(run, one, windowsOf([1, 1, 0, 0, ...shares]))
  assert.equal(after(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), 0)
  assert.equal(after(0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1), 2000)
  assert.equal(after(0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1), 4000)
  assert.equal(after(0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1), null)
  assert.equal(after(0.5, 0.9, 0.9, 0.9, 0.9, 0.9, 1, 1, 1, 1, 1), 1000)
  // What is good after the arrivals have ended says nothing.
  assert.equal(after(0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1), null)
})

test('without a trigger recovery counts from the warm-up, and a trigger that lasts leaves no time for it', () => {
  const build = (faults: readonly Fault[], arrivals: Arrivals): Arm =>
    arm([service('s')], [], { traffic: [trafficTo('s', arrivals)], faults })
  const run = scenario([], { durationMs: 15_000, warmupMs: 3000 })
  const good = windowsOf(new Array(15).fill(1))
  assert.equal(timeToRecoverMs(run, build([], even(100)), good), 0)
  assert.equal(timeToRecoverMs(run, build([], even(100)), windowsOf(new Array(15).fill(0.5))), null)
  const lasting: Fault = { kind: 'crash', target: 's', atMs: 5000, forMs: 60_000 }
  assert.equal(timeToRecoverMs(run, build([lasting], even(100)), good), null)
  assert.equal(timeToRecoverMs(run, build([], steps([0, 10], [5000, 100], [6000, 10])), good), 0)
})
