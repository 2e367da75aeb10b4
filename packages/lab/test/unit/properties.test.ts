import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Policy } from 'firebreak'
import { withDefaults } from 'firebreak/internal'
import type { ArmResult } from '../../src/model/result.ts'
import type { Arm, Arrivals, Distribution, Edge, Fault, Scenario, ServiceModel } from '../../src/model/scenario.ts'
import { runScenario } from '../../src/run/run.ts'
import { arm, call, queue, scenario, service, trafficTo } from '../scene.ts'

const names = ['a', 'b', 'c', 'd'] as const
const forEver = Number.POSITIVE_INFINITY
const ms = (max: number): fc.Arbitrary<number> => fc.nat(max)

const latency: fc.Arbitrary<Distribution> = fc.oneof(
  ms(80).map((value): Distribution => ({ kind: 'constant', ms: value })),
  ms(80).map((value): Distribution => ({ kind: 'exponential', meanMs: value })),
  ms(80).map((value): Distribution => ({ kind: 'uniform', minMs: 0, maxMs: value })),
)

const model: fc.Arbitrary<Partial<ServiceModel>> = fc.record({
  instances: fc.integer({ min: 1, max: 3 }),
  concurrency: fc.constantFrom(1, 2, 5, forEver),
  queue: fc.record({
    max: fc.constantFrom(0, 1, 10, forEver),
    order: fc.constantFrom('fifo', 'lifo', 'adaptive-lifo'),
    maxWaitMs: fc.constantFrom(0, 20, 300, forEver),
  }),
  latency,
  failure: fc.constantFrom(0, 0.1, 1),
  overload: fc.constantFrom(null, { at: 3, latencySlope: 1, failureSlope: 0.2, failureMax: 0.8 }),
  onCancel: fc.constantFrom('ignore', 'stop'),
  shed: fc.constantFrom(null, { kind: 'codel', targetMs: 5, intervalMs: 50 } as const),
})

const policy: fc.Arbitrary<Policy | null> = fc.option(
  fc
    .record({
      deadlineMs: fc.constantFrom(50, 300, 2000),
      attemptTimeoutMs: fc.constantFrom(20, 100, 500),
      attemptsMax: fc.integer({ min: 1, max: 4 }),
      backoff: fc.constantFrom(
        { baseMs: 0, capMs: 0, jitter: 'none' } as const,
        { baseMs: 10, capMs: 100, jitter: 'full' } as const,
      ),
      budget: fc.constantFrom(null, undefined),
      breaker: fc.constantFrom(null, { callsMin: 5, windowMs: 1000, openMs: 200 }),
      bulkhead: fc.constantFrom(null, { slots: 2, queueMax: 3, queueWaitMaxMs: 40 }),
      limit: fc.constantFrom(null, { kind: 'vegas', initial: 5, min: 1, max: 50 } as const),
      hedge: fc.constantFrom(null, { after: 30, max: 2 }),
    })
    .map(({ budget, ...spec }) => withDefaults(budget === null ? { ...spec, budget } : spec)),
)

// Only from a name to a later one, so that nothing goes round.
const edge: fc.Arbitrary<Edge> = fc
  .record({
    ends: fc.constantFrom('ab', 'ac', 'ad', 'bc', 'bd', 'cd'),
    kind: fc.constantFrom('sync', 'sync', 'queue', 'stream'),
    group: fc.nat(2),
    parallel: fc.boolean(),
    optional: fc.boolean(),
    calls: fc.integer({ min: 1, max: 2 }),
    policy,
    network: latency,
    consumers: fc.integer({ min: 1, max: 5 }),
    attemptsMax: fc.constantFrom(1, 3, 1000),
    attemptTimeoutMs: fc.constantFrom(10, 100, forEver),
    publish: fc.constantFrom('outbox', 'direct'),
    deadLetters: fc.boolean(),
  })
  .map(({ ends, kind, ...rest }): Edge => {
    const [from, to] = [...ends] as [string, string]
    if (kind === 'sync') return call(from, to, { ...rest, kind })
    const backoff = { baseMs: 20, capMs: 500, jitter: 'decorrelated' } as const
    return queue(from, to, { ...rest, kind, backoff, partitions: kind === 'stream' ? 3 : 0 })
  })

const edges: fc.Arbitrary<readonly Edge[]> = fc.uniqueArray(edge, {
  maxLength: 5,
  selector: ({ from, to }) => from + to,
})

const faultOn = (found: readonly Edge[]): fc.Arbitrary<Fault> => {
  const times = { atMs: ms(2500), forMs: fc.constantFrom(0, 100, 1000, forEver) }
  const target = fc.constantFrom(...names)
  const queues = found.filter(({ kind }) => kind !== 'sync').map(({ id }) => id)
  return fc.oneof(
    fc.record({ ...times, kind: fc.constantFrom('crash', 'hang'), target }),
    fc.record({ ...times, kind: fc.constantFrom('capacity', 'errors'), target, value: fc.constantFrom(0, 0.3, 1) }),
    fc.record({ ...times, kind: fc.constant('latency'), target, value: fc.constantFrom(0.5, 4) }),
    fc.record({ ...times, kind: fc.constant('broker-down'), target: fc.constant('broker') }),
    ...(found.length === 0
      ? []
      : [
          fc.record({
            ...times,
            kind: fc.constant('partition'),
            target: fc.constantFrom(...found.map(({ id }) => id)),
          }),
        ]),
    ...(queues.length === 0
      ? []
      : [fc.record({ ...times, kind: fc.constant('hold'), target: fc.constantFrom(...queues) })]),
  ) as fc.Arbitrary<Fault>
}

const arrivals: fc.Arbitrary<Arrivals> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('poisson', 'deterministic'),
    rate: fc.constantFrom(
      [{ atMs: 0, perSec: 30 }],
      [
        { atMs: 0, perSec: 10 },
        { atMs: 1000, perSec: 150 },
      ],
    ),
  }),
  fc.record({
    kind: fc.constant('closed'),
    clients: fc.integer({ min: 1, max: 5 }),
    think: fc.constant({ kind: 'constant', ms: 20 }),
  }),
  fc.record({ kind: fc.constant('trace'), atMs: fc.array(ms(2999), { maxLength: 40 }) }),
) as fc.Arbitrary<Arrivals>

const anyArm: fc.Arbitrary<Arm> = edges.chain((found) =>
  fc
    .record({
      models: fc.tuple(model, model, model, model),
      faults: fc.array(faultOn(found), { maxLength: 3 }),
      traffic: fc.array(fc.record({ to: fc.constantFrom('a', 'b'), arrivals, critical: fc.constantFrom(0, 0.3) }), {
        minLength: 1,
        maxLength: 2,
      }),
      keys: fc.constantFrom(0, 4),
      success: fc.constantFrom('processed', 'answered'),
    })
    .map(
      ({ models, faults, traffic, keys, success }): Arm =>
        arm(
          names.map((name, index) => service(name, models[index])),
          found,
          {
            faults,
            success,
            traffic: traffic.map(({ to, arrivals: how, critical }) => trafficTo(to, how, { critical, keys })),
          },
        ),
    ),
)

const anyScenario: fc.Arbitrary<Scenario> = fc
  .record({ one: anyArm, seed: fc.nat(), drainMaxMs: fc.constantFrom(0, 500, 5000), warmupMs: fc.constantFrom(0, 700) })
  .map(({ one, ...patch }) => scenario([one], { ...patch, durationMs: 3000, windowMs: 400, eventsMax: 1_000_000 }))

const addsUp = (what: Scenario, result: ArmResult): void => {
  const failed = Object.values(result.failed).reduce((sum, count) => sum + count, 0)
  assert.equal(result.offered, result.succeeded + failed)
  assert.ok(result.answered >= result.succeeded && result.answered <= result.offered)
  const offered = result.windows.reduce((sum, window) => sum + window.offered, 0)
  assert.ok(offered >= result.offered && (what.warmupMs > 0 || offered === result.offered))
  assert.equal(
    result.attempts,
    result.windows.reduce((sum, window) => sum + window.attempts, 0),
  )
  for (const {
    model: { concurrency, instances, name },
    there,
  } of what.arms[0]!.services.map((one) => ({ model: one, there: result.services[one.name]! }))) {
    assert.ok(there.arrivals >= there.completed + there.failed + there.rejected + there.abandoned, name)
    assert.ok(there.started >= there.completed && there.wastedWork <= there.completed + there.failed, name)
    assert.ok(concurrency === forEver || there.utilization <= 1 + 1e-9, name)
    const mostBusy = Math.max(0, ...result.windows.map(({ services }) => services[name]!.busy))
    assert.ok(mostBusy <= instances * concurrency, name)
  }
  const [, ms0] = result.ecdf[0] ?? [0, 0]
  assert.ok(result.ecdf.every(([, value], index) => value >= (result.ecdf[index - 1]?.[1] ?? ms0)))
}

test('requests, visits and messages are conserved and Little holds, in any small system under any faults', async () => {
  await fc.assert(
    fc.asyncProperty(anyScenario, async (what) => {
      const result = await runScenario(what)
      assert.deepEqual(result.checks.conservation, { ok: true, worst: 0, where: '' })
      assert.ok(result.checks.little.worst < 1e-9, result.checks.little.where)
      assert.ok(result.checks.capacity.ok, result.checks.capacity.where)
      addsUp(what, result.arms['only']!)
    }),
    { numRuns: 400 },
  )
})

test('a run is repeated by its seed, to the last figure', async () => {
  await fc.assert(
    fc.asyncProperty(anyScenario, async (what) => {
      assert.equal((await runScenario(what)).digest, (await runScenario(what)).digest)
    }),
    { numRuns: 40 },
  )
})
