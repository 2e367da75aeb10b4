import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Policy } from 'firebreak'
import { policyDefaults, withDefaults } from 'firebreak/internal'
import { wholeTurn } from '../../../firebreak/src/node/quiet.ts'
import { runReal } from '../../src/live/live.ts'
import type { ArmResult, LabResult, ServiceResult } from '../../src/model/result.ts'
import type { Arm, Fault } from '../../src/model/scenario.ts'
import { runScenario } from '../../src/run/run.ts'
import { call } from '../scene.ts'
import { arm, model, queue, scenario, showdown, steady } from './real-scene.ts'

const work10 = { latency: { kind: 'constant', ms: 10 } } as const

function isSound({ checks }: LabResult): void {
  for (const [name, check] of Object.entries(checks)) assert.ok(check.ok, `${name}: ${check.where}`)
}

const armOf = (result: LabResult, name: string): ArmResult => result.arms[name] as ArmResult

/** Where temporary folders are made during a test, by this process and by those that it starts. */
function ownTmp(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-lab-test-'))
  const before = process.env['TMPDIR']
  process.env['TMPDIR'] = folder
  t.after(() => {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** Asserts that nothing is left of what is started from now on: folders, processes. */
function leavesNothing(t: TestContext): () => Promise<void> {
  const folder = ownTmp(t)
  const processes = (): number => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length
  return async () => {
    // A handle that is closed is gone at the end of its turn of the event loop.
    for (let turn = 0; turn < 5 && processes() > 0; turn++) await wholeTurn()
    assert.deepEqual([readdirSync(folder), processes()], [[], 0])
  }
}

test('a burst ranks the arms for real as it does in the simulation', async (t) => {
  const nothingLeft = leavesNothing(t)
  const short = showdown([1000, 3000], { durationMs: 5000, drainMaxMs: 8000 })
  const arms = ['rpc-naive', 'rpc-full', 'event']
  const [simulated, real] = [await runScenario(short, { arms }), await runReal(short, { arms })]
  const ranked = (result: LabResult): readonly string[] =>
    arms.toSorted((a, b) => armOf(result, b).successRatio - armOf(result, a).successRatio)
  assert.deepEqual(ranked(real), ranked(simulated))
  assert.equal(armOf(real, 'event').successRatio, 1)
  for (const name of arms) assert.equal(armOf(real, name).offered, armOf(simulated, name).offered)
  isSound(real)
  assert.equal(real.mode, 'real')
  assert.match(real.verdict[0] ?? '', /^event completed most/)
  await nothingLeft()
})

test('three attempts in three layers make 27 of one, and no more than 1.2 within the default policy', async () => {
  const attempts = { deadlineMs: 20_000, attemptTimeoutMs: 5000, attemptsMax: 3, backoff: { baseMs: 0, capMs: 0 } }
  const bare = withDefaults({ ...attempts, budget: null, breaker: null, bulkhead: null })
  const layers = (name: string, policy: Policy, perSec: number): Arm => {
    const edges = [call('a', 'b', { policy }), call('b', 'c', { policy }), call('c', 'leaf', { policy })]
    const faults: Fault[] = [{ kind: 'crash', target: 'leaf', atMs: 0, forMs: Number.POSITIVE_INFINITY }]
    return arm(name, {
      services: ['a', 'b', 'c', 'leaf'].map((one) => model(one)),
      edges,
      traffic: [steady('a', perSec)],
      faults,
    })
  }
  const arms = [
    layers('bare', bare, 20),
    layers('default', policyDefaults, 200),
    // The breaker alone would stop nearly all of it, and the bulkhead what comes while the machine stands still for a moment.
    layers('budget', { ...policyDefaults, breaker: null, bulkhead: null }, 200),
  ]
  const real = await runReal(scenario(arms))
  const amplification = (name: string): number =>
    (armOf(real, name).services['leaf']?.arrivals ?? 0) / armOf(real, name).offered
  assert.equal(amplification('bare'), 27)
  assert.equal(armOf(real, 'bare').amplification, 27)
  assert.ok(amplification('default') <= 1.2, `${amplification('default')}`)
  assert.ok(amplification('budget') > 1 && amplification('budget') <= 1.2, `${amplification('budget')}`)
  isSound(real)
})

test('messages go over queues and streams to the end of a chain; what fails is a dead letter or dropped', async () => {
  const traffic = [steady('web', 20)]
  const broken = model('broken', { ...work10, failure: 1 })
  const failing = (name: string, deadLetters: boolean): Arm => {
    const success = name === 'answered' ? 'answered' : 'processed'
    return arm(name, {
      services: [model('web'), broken],
      edges: [queue('web', 'broken', { deadLetters })],
      traffic,
      success,
    })
  }
  const chain = [queue('web', 'work', { publish: 'direct' }), queue('work', 'end')]
  const services = [model('web'), model('work', work10), model('end', work10)]
  const real = await runReal(
    scenario([
      arm('chain', { services, edges: chain, traffic }),
      failing('dead', true),
      failing('dropped', false),
      failing('answered', true),
    ]),
  )
  const { offered } = armOf(real, 'chain')
  assert.equal(armOf(real, 'chain').succeeded, offered)
  assert.equal(armOf(real, 'chain').services['end']?.completed, offered)
  assert.equal(armOf(real, 'chain').amplification, 1)
  assert.deepEqual([armOf(real, 'dead').failed, armOf(real, 'dead').deadLetters], [{ 'dead-letter': offered }, offered])
  assert.equal(armOf(real, 'dead').services['broken']?.arrivals, offered * 3)
  assert.deepEqual([armOf(real, 'dropped').failed, armOf(real, 'dropped').deadLetters], [{ dropped: offered }, 0])
  assert.equal(armOf(real, 'answered').succeeded, offered)
  isSound(real)
})

test('a stream has one message at a time in a partition, however many keys and consumers there are', async () => {
  const services = [model('web'), model('work', { ...work10, concurrency: 1 })]
  const traffic = [{ ...steady('web', 20), arrivals: { kind: 'trace', atMs: Array(30).fill(100) }, keys: 10 } as const]
  const edge = { consumers: 4, attemptsMax: 1 }
  const real = await runReal(
    scenario([
      arm('one partition', {
        services,
        traffic,
        edges: [queue('web', 'work', { ...edge, kind: 'stream', partitions: 1 })],
      }),
      arm('queue', { services, traffic, edges: [queue('web', 'work', edge)] }),
    ]),
  )
  assert.equal(armOf(real, 'one partition').successRatio, 1)
  // The service has room for one: what comes beside it is refused.
  assert.ok(armOf(real, 'queue').successRatio < 1)
  isSound(real)
})

test('faults strike the service, or the edge, that they are meant for', async () => {
  const half = { atMs: 500, forMs: 500 }
  const policy = withDefaults({ attemptTimeoutMs: 100, deadlineMs: 200, attemptsMax: 1, breaker: null, bulkhead: null })
  const faults: Fault[] = [
    { ...half, kind: 'crash', target: 'crashed' },
    { ...half, kind: 'hang', target: 'hung' },
    { ...half, kind: 'errors', target: 'wrong', value: 1 },
    { ...half, kind: 'latency', target: 'slow', value: 50 },
    { ...half, kind: 'capacity', target: 'closed', value: 0 },
    { ...half, kind: 'partition', target: 'web->cut off' },
  ]
  const names = ['crashed', 'hung', 'wrong', 'slow', 'closed', 'cut off']
  const edges = names.map((name) => call('web', name, { policy, parallel: true, optional: true }))
  const services = [model('web'), ...names.map((name) => model(name, work10))]
  const real = await runReal(scenario([arm('one', { services, edges, traffic: [steady('web', 40)], faults })]))
  const { successRatio, services: found, attempts } = armOf(real, 'one')
  const of = (name: string): ServiceResult => found[name] as ServiceResult
  assert.deepEqual([successRatio, attempts], [1, 240])
  // The edges of the time in which a fault holds are as sharp as the machine's timers.
  const isHalf = (count: number, name: string): void => assert.ok(count >= 16 && count <= 24, `${name}: ${count}`)
  isHalf(of('crashed').rejected + of('crashed').failed, 'crashed')
  isHalf(of('wrong').failed, 'wrong')
  isHalf(of('closed').rejected, 'closed')
  isHalf(of('cut off').arrivals, 'cut off')
  assert.equal(of('hung').completed, 40)
  for (const name of ['hung', 'slow']) assert.ok(of(name).wastedWork >= 10 && of(name).wastedWork <= 24, name)
  isSound(real)
})

test('without a broker an outbox waits and a direct publication fails; consumers that are held keep their backlog', async () => {
  const half = { atMs: 500, forMs: 500 }
  const names = ['held', 'outbox', 'direct']
  const edges = names.map((name) => queue(name, `${name} work`, { publish: name === 'direct' ? 'direct' : 'outbox' }))
  const faults: Fault[] = [
    { ...half, kind: 'hold', target: 'held->held work' },
    { ...half, kind: 'broker-down', target: 'outbox->outbox work' },
    { ...half, kind: 'broker-down', target: 'direct->direct work' },
  ]
  const services = names.flatMap((name) => [model(name), model(`${name} work`, work10)])
  const traffic = names.map((name) => steady(name, 40))
  const real = await runReal(scenario([arm('one', { services, edges, traffic, faults })]))
  const { failed, offered, succeeded, backlogPeak, services: found } = armOf(real, 'one')
  const { broker = 0, ...others } = failed
  assert.deepEqual([others, offered, succeeded], [{}, 120, 120 - broker])
  assert.ok(broker >= 16 && broker <= 24, `${broker}`)
  assert.ok(backlogPeak >= 24, `${backlogPeak}`)
  assert.deepEqual([found['held work']?.completed, found['outbox work']?.completed], [40, 40])
  isSound(real)
})

test('requests and their demands are those of the simulation, and time can be stretched', async () => {
  const services = [model('web', { latency: { kind: 'exponential', meanMs: 20 } })]
  const arrivals = { kind: 'poisson', rate: [{ atMs: 0, perSec: 150 }] } as const
  const traffic = [{ to: 'web', arrivals, critical: 0, keys: 0 }]
  const within = { fromMs: 200, toMs: 400 }
  const expect = [{ arm: 'one', metric: 'successRatio', op: '=', value: 1, within }] as const
  const one = scenario([arm('one', { services, traffic })], { durationMs: 500, expect })
  const startedAtMs = performance.now()
  const [simulated, real] = [await runScenario(one), await runReal(one, { dilation: 4 })]
  assert.ok(performance.now() - startedAtMs >= 2000)
  const demands = (result: LabResult): readonly unknown[] => {
    const { offered, succeeded, services: found, windows } = armOf(result, 'one')
    return [
      offered,
      succeeded,
      found['web']?.serviceMs.mean.toFixed(6),
      windows.slice(0, 2).map((each) => each.offered),
    ]
  }
  assert.deepEqual(demands(real), demands(simulated))
  const ratio = armOf(real, 'one').latencyMs.mean / armOf(simulated, 'one').latencyMs.mean
  assert.ok(ratio >= 1 && ratio < 2, `${ratio}`)
  assert.deepEqual(real.expect, simulated.expect)
})

test('what the machine cannot do in real time is refused, with what to scale', async () => {
  const web = model('web', { latency: { kind: 'exponential', meanMs: 0.2 } })
  const fast = arm('fast', {
    services: [web, model('work', work10)],
    edges: [call('web', 'work')],
    traffic: [steady('web', 1500)],
  })
  const long = scenario([fast], { durationMs: 3_600_000 })
  const reasons = [
    /shorten duration/,
    /fast: about 3000 .* a dilation of 2 or more/,
    /web works for 0\.2 ms.* dilation of 5 or more/,
  ]
  for (const message of reasons) await assert.rejects(runReal(long), { code: 'FB_CONFIG', message })
  await assert.rejects(runReal(long, { arms: ['slow'] }), { code: 'FB_CONFIG', message: /no arm slow; there is fast/ })
  await assert.rejects(runReal(long, { dilation: 0 }), { code: 'FB_CONFIG', message: /dilation must be above 0/ })
})

test('an aborted run leaves nothing behind', async (t) => {
  const nothingLeft = leavesNothing(t)
  const stop = new AbortController()
  const one = arm('one', {
    services: [model('web'), model('work', work10)],
    edges: [queue('web', 'work')],
    traffic: [steady('web', 20)],
  })
  const onProgress = (done: number): void => void (done > 0 && stop.abort(new Error('enough')))
  await assert.rejects(runReal(scenario([one], { durationMs: 600_000 }), { signal: stop.signal, onProgress }), /enough/)
  await nothingLeft()
  await assert.rejects(runReal(scenario([one]), { signal: stop.signal }), /enough/)
})

test('a process that dies ends the run, and the error shows what it wrote', async (t) => {
  const nothingLeft = leavesNothing(t)
  const network = { kind: 'empirical', valuesMs: null } as never
  const edges = [queue('web', 'work', { network })]
  const one = arm('one', { services: [model('web'), model('work', work10)], edges, traffic: [steady('web', 20)] })
  await assert.rejects(runReal(scenario([one])), {
    code: 'FB_INVARIANT',
    message: /the process of web lives as long as its run.*TypeError/s,
  })
  await nothingLeft()
})

test('what firebreak itself has to say comes through from a process', async () => {
  const edges = [queue('web', 'work', { kind: 'stream', partitions: 2000 })]
  const one = arm('one', { services: [model('web'), model('work')], edges, traffic: [steady('web', 20)] })
  await assert.rejects(runReal(scenario([one])), {
    code: 'FB_CONFIG',
    message: /topic \S+: partitions must be a whole number of partitions from 1 to 1000, not 2000/,
  })
})

for (const by of ['SIGINT', 'SIGTERM', 'exit'] as const)
  test(`${by} ends a run, its processes and its folder, and then has its usual effect`, async (t) => {
    const folder = ownTmp(t)
    const child = fork(join(import.meta.dirname, 'real-run.ts'), [], { execArgv: ['--conditions=firebreak-source'] })
    t.after(() => child.kill('SIGKILL'))
    const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)))
    const started = new Promise((resolve) => child.on('message', (done) => (done as number) > 0 && resolve(done)))
    await Promise.race([started, ended])
    assert.equal(readdirSync(folder).length, 1)
    if (by === 'exit') child.send(by)
    else child.kill(by)
    assert.equal(await ended, by === 'exit' ? 7 : by)
    assert.deepEqual(readdirSync(folder), [])
  })
