import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Arm, Fault, ServiceModel } from '../../src/model/scenario.ts'
import { healthUnder } from '../../src/sim/fault-board.ts'
import { arm, bare, call, constant, even, queueOf, runArm, service, trace, trafficTo } from '../scene.ts'

/** One service, ten requests a second. */
const alone = (model: Partial<ServiceModel>, faults: readonly Fault[], patch: Partial<Arm> = {}): Arm =>
  arm([service('s', model)], [], { traffic: [trafficTo('s', even(10))], faults, ...patch })
const at = (kind: 'crash' | 'hang', atMs: number, forMs: number): Fault => ({ kind, target: 's', atMs, forMs })
const change = (kind: 'capacity' | 'latency' | 'errors', value: number, atMs: number, forMs: number): Fault => ({
  kind,
  target: 's',
  value,
  atMs,
  forMs,
})

test('a crash loses what is in work and in the queue, and refuses what comes until it is over', async () => {
  const result = await runArm(alone({ concurrency: 1, latency: constant(400) }, [at('crash', 2000, 3000)]))
  // Arrivals every 100 ms from 50 ms on; four arrive in the time of one.
  const { completed, failed, rejected } = result.services['s']!
  assert.deepEqual(result.failed, { crash: 20 - 4, refused: 30 })
  assert.deepEqual([completed, failed, rejected], [54, 1, 45])
})

test('while a service hangs its work stands still, and goes on with what is left of it', async () => {
  const one = alone({ latency: constant(100) }, [at('hang', 1000, 5000)])
  const result = await runArm({ ...one, traffic: [trafficTo('s', trace(800, 930, 3000, 6000))] })
  assert.equal(result.successRatio, 1)
  // 930 has worked 70 ms before, and 3000 starts from nothing when it is over.
  assert.deepEqual(
    [0.25, 0.5, 0.75, 1].map((share) => result.ecdf.find(([of]) => of === share)![1]),
    [100, 100, 3100, 5100],
  )
  assert.equal(result.services['s']!.serviceMs.mean, (100 + 5100 + 3100 + 100) / 4)
})

test('answers that come to a service that hangs are passed on when it goes on', async () => {
  const hang: Fault = { kind: 'hang', target: 'front', atMs: 1000, forMs: 2000 }
  const one = arm([service('front'), service('back', { latency: constant(100) })], [call('front', 'back')], {
    traffic: [trafficTo('front', trace(950))],
    faults: [hang],
  })
  assert.equal((await runArm(one)).latencyMs.max, 2050)
})

test('a share of the workers, and a service without a number of them that is overloaded by a share of the work', async () => {
  const busyAt = async (share: number, model: Partial<ServiceModel>): Promise<number> => {
    const one = alone(model, [change('capacity', share, 0, 20_000)], { traffic: [trafficTo('s', even(100))] })
    const { windows } = await runArm(one, { drainMaxMs: 0 })
    return windows.at(-1)!.services['s']!.busy
  }
  const slow = { latency: constant(1000) }
  assert.equal(await busyAt(0.2, { ...slow, concurrency: 20 }), 4)
  assert.equal(await busyAt(0.5, { ...slow, instances: 3, concurrency: 1 }), 2)
  assert.equal(await busyAt(0, { ...slow, concurrency: 20 }), 0)
  const overload = { at: 20, latencySlope: 1, failureSlope: 0, failureMax: 1 }
  const raised = await runArm(
    alone({ latency: constant(100), overload }, [change('capacity', 0.1, 0, 10_000)], {
      traffic: [trafficTo('s', even(40))],
    }),
  )
  // n = 40 * latency / 1000 and latency = 100 * n / 2: it settles where n grows no more, far above the 100 ms of a well one.
  assert.ok(raised.latencyMs.p50 > 150, `${raised.latencyMs.p50}`)
})

test('what runs goes on when workers are taken away, and what waits starts when they come back', async () => {
  const one = alone({ concurrency: 4, latency: constant(1000) }, [change('capacity', 0.25, 500, 2000)])
  const result = await runArm({ ...one, traffic: [trafficTo('s', trace(0, 0, 0, 0, 100, 100, 100, 100))] })
  // Four of the first; at 1000 one worker, which takes one at 1000 and one at 2000; at 2500 three more.
  assert.deepEqual(
    [0.5, 0.62, 0.75, 1].map((share) => result.ecdf.find(([of]) => of === share)![1]),
    [1000, 1900, 2900, 3400],
  )
})

test('a slow time, and one with errors, begin and end as planned', async () => {
  const slow = await runArm(alone({ latency: constant(10) }, [change('latency', 5, 2000, 3000)]))
  assert.deepEqual([slow.latencyMs.p50, slow.latencyMs.p90], [10, 50])
  assert.equal(slow.latencyMs.mean, (70 * 10 + 30 * 50) / 100)
  const broken = await runArm(alone({}, [change('errors', 1, 2000, 3000)]))
  assert.deepEqual(broken.failed, { error: 30 })
})

test('faults that hold together add up, and each ends by itself', async () => {
  const faults = [change('latency', 2, 1000, 4000), change('latency', 3, 3000, 4000)]
  const result = await runArm(alone({ latency: constant(10) }, faults))
  assert.equal(result.latencyMs.mean, (40 * 10 + 20 * 20 + 20 * 60 + 20 * 30) / 100)
  const health = healthUnder([
    change('errors', 0.5, 0, 1),
    change('errors', 0.2, 0, 1),
    change('capacity', 0.5, 0, 1),
    change('capacity', 0.5, 0, 1),
    at('hang', 0, 1),
  ])
  assert.deepEqual(health, { isDown: false, isHung: true, capacity: 0.25, latencyFactor: 1, errors: 0.6 })
  const crashed = await runArm(alone({}, [at('crash', 1000, 2000), at('crash', 2000, 3000)]))
  assert.deepEqual(crashed.failed, { refused: 40 })
})

test('a crash within a hang leaves nothing that could go on', async () => {
  const faults = [at('hang', 1000, 3000), at('crash', 2000, 1000)]
  const one = alone({ latency: constant(100) }, faults)
  const result = await runArm({ ...one, traffic: [trafficTo('s', trace(950, 1500, 2500, 3500))] })
  assert.deepEqual(result.failed, { crash: 2, refused: 1 })
  assert.equal(result.latencyMs.max, 600)
})

test('nothing passes an edge that is cut: attempts wait for their time-out, and one without waits forever', async () => {
  const cut: Fault = { kind: 'partition', target: 'a->s', atMs: 2000, forMs: 3000 }
  const policy = bare({ attemptTimeoutMs: 100 })
  const calling = (edge: Parameters<typeof call>[2]): Arm =>
    arm([service('a'), service('s', { latency: constant(60) })], [call('a', 's', edge)], {
      traffic: [trafficTo('a', even(10))],
      faults: [cut],
    })
  const timed = await runArm(calling({ policy }))
  // 1950 is at work when the cut comes: its answer is lost.
  assert.deepEqual(timed.failed, { timeout: 31 })
  assert.equal(timed.services['s']!.arrivals, 70)
  const waiting = await runArm(calling({ policy: null }))
  assert.deepEqual(waiting.failed, { unfinished: 31 })
})

test('a fault of no duration is felt by what is there at its instant only', async () => {
  const one = alone({ latency: constant(100) }, [at('crash', 1000, 0)])
  const result = await runArm({ ...one, traffic: [trafficTo('s', trace(950, 1000, 1050))] })
  assert.deepEqual([result.failed, result.succeeded], [{ crash: 1 }, 2])
})

test('a fault that lasts forever is never over, and one of what is not there is a mistake', async () => {
  const lasting = await runArm(alone({}, [at('crash', 5000, Number.POSITIVE_INFINITY)]))
  assert.deepEqual(lasting.failed, { refused: 50 })
  const faults: readonly Fault[] = [
    { kind: 'crash', target: 'nobody', atMs: 0, forMs: 1 },
    { kind: 'hold', target: 's', atMs: 0, forMs: 1 },
  ]
  await assert.rejects(runArm(alone({}, faults)), { code: 'FB_CONFIG', message: 'crash: no nobody\nhold: no s' })
})

test('a full queue refuses at once, critical requests take the place of others', async () => {
  const one = alone({ concurrency: 1, queue: queueOf(5), latency: constant(1000) }, [], {
    traffic: [trafficTo('s', even(10), { critical: 0.2 })],
  })
  const result = await runArm(one)
  assert.ok(result.failed.full! > 60 && result.failed.shed! > 2)
  assert.equal(result.services['s']!.queueMax, 5)
})
