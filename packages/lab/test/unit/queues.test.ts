import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Arm, Fault, QueueEdge, ServiceModel } from '../../src/model/scenario.ts'
import { type Message, StreamBacklog } from '../../src/sim/backlog.ts'
import type { Origin } from '../../src/sim/visit.ts'
import { arm, constant, even, poisson, queue, runArm, service, trace, trafficTo } from '../scene.ts'

/** Requests to `web`, which answers at once; the rest is done by `work`, 10 ms each. */
const queued = (edge: Partial<QueueEdge>, model: Partial<ServiceModel> = {}, patch: Partial<Arm> = {}): Arm =>
  arm([service('web'), service('work', { latency: constant(10), ...model })], [queue('web', 'work', edge)], {
    traffic: [trafficTo('web', even(10))],
    ...patch,
  })
const stream = (edge: Partial<QueueEdge>): Partial<QueueEdge> => ({
  kind: 'stream',
  partitions: 4,
  consumers: 4,
  ...edge,
})
const fault = (
  kind: 'hold' | 'broker-down' | 'partition',
  atMs: number,
  forMs: number,
  target = 'web=>work',
): Fault => ({
  kind,
  target,
  atMs,
  forMs,
})

test('the answer does not wait for the message, and the request is done when the message is', async () => {
  const { answerMs, latencyMs, answered, succeeded } = await runArm(queued({ network: constant(5) }))
  assert.deepEqual([answerMs.max, latencyMs.p50, latencyMs.max], [0, 15, 15])
  assert.deepEqual([answered, succeeded], [100, 100])
})

test('an arm may count the answer alone: its messages change neither success nor latency', async () => {
  const result = await runArm(queued({ attemptsMax: 1 }, { failure: 1 }, { success: 'answered' }))
  assert.deepEqual([result.successRatio, result.latencyMs.max, result.deadLetters], [1, 0, 100])
})

test('a run goes on until its messages are done, even where only the answer counts', async () => {
  const result = await runArm(queued({}, {}, { success: 'answered', faults: [fault('hold', 0, 20_000)] }))
  assert.deepEqual([result.services['work']!.completed, result.windows.at(-1)!.backlog], [100, 0])
})

test('each consumer has one message at a time', async () => {
  const result = await runArm(queued({ consumers: 3 }, { latency: constant(1000) }))
  assert.ok(result.windows.every(({ services }) => services['work']!.busy <= 3))
  assert.equal(result.services['work']!.sojournMs.p99, 1000)
  // The first consumer has 34 messages of a second each; the last of them came 50 ms before the end.
  assert.equal(result.latencyMs.max, 50 + 34_000 - 9950)
})

test('a message that fails comes again after its backoff, while others go on', async () => {
  const one = queued({ attemptsMax: 3, backoff: { baseMs: 100, capMs: 1000, jitter: 'none' } }, { failure: 1 })
  const result = await runArm({ ...one, traffic: [trafficTo('web', trace(0, 1))] })
  assert.deepEqual(result.failed, { 'dead-letter': 2 })
  assert.deepEqual([result.attempts, result.deadLetters], [6, 2])
  // 10 ms of work, 100 of waiting, 10, 200, 10 and the other message's 10 ms now and then.
  assert.ok(result.oldestAgeMaxMs >= 330 && result.oldestAgeMaxMs <= 360, `${result.oldestAgeMaxMs}`)
})

test('after the last attempt a message is kept as a dead letter, or dropped; both are failures', async () => {
  const kept = await runArm(queued({ attemptsMax: 4 }, { failure: 0.5 }, { traffic: [trafficTo('web', even(100))] }))
  const share = kept.failed['dead-letter']! / kept.offered
  assert.ok(Math.abs(share - 0.5 ** 4) < 4 * Math.sqrt((0.0625 * 0.9375) / 1000), `${share}`)
  assert.equal(kept.deadLetters, kept.failed['dead-letter'])
  const dropped = await runArm(queued({ attemptsMax: 1, deadLetters: false }, { failure: 1 }))
  assert.deepEqual([dropped.failed, dropped.deadLetters], [{ dropped: 100 }, 0])
})

test('an attempt that takes too long is given up and tried again; its work is wasted where nobody notices', async () => {
  const result = await runArm(
    queued({ attemptTimeoutMs: 5, attemptsMax: 2, backoff: { baseMs: 1, capMs: 1, jitter: 'none' } }),
  )
  assert.deepEqual(result.failed, { 'dead-letter': 100 })
  assert.deepEqual([result.attempts, result.services['work']!.wastedWork], [200, 200])
})

test('while consumers stand still messages gather, and are worked off afterwards', async () => {
  const result = await runArm(queued({}, {}, { faults: [fault('hold', 2000, 5000)] }))
  assert.equal(result.successRatio, 1)
  assert.equal(result.backlogPeak, 50)
  assert.equal(Math.round(result.oldestAgeMaxMs), 4960)
  assert.deepEqual(
    result.windows.slice(0, 8).map(({ succeeded }) => succeeded),
    [10, 10, 0, 0, 0, 0, 0, 60],
  )
})

test('an outbox waits for the broker; a direct publish fails without it', async () => {
  const faults = [fault('broker-down', 2000, 5000, 'broker')]
  const outbox = await runArm(queued({}, {}, { faults }))
  assert.deepEqual([outbox.successRatio, outbox.answerMs.max], [1, 0])
  const direct = await runArm(queued({ publish: 'direct', network: constant(5) }, {}, { faults }))
  assert.deepEqual(direct.failed, { broker: 50 })
  assert.deepEqual([direct.answerMs.max, direct.latencyMs.p50], [5, 15])
})

test('messages that are with the broker are not taken while it is away', async () => {
  const one = queued({ network: constant(100) }, {}, { faults: [fault('broker-down', 1000, 2000)] })
  const { latencyMs, successRatio } = await runArm({ ...one, traffic: [trafficTo('web', trace(950))] })
  assert.deepEqual([successRatio, latencyMs.max], [1, 2060])
})

test('when nothing passes between consumers and the service, attempts last until their time-out', async () => {
  const edge = { attemptTimeoutMs: 500, backoff: { baseMs: 100, capMs: 100, jitter: 'none' } } as const
  const one = queued(edge, {}, { faults: [fault('partition', 1000, 2000)] })
  const result = await runArm({ ...one, traffic: [trafficTo('web', trace(1500))] })
  assert.deepEqual([result.attempts, result.successRatio], [4, 1])
  // 1500, 2100, 2700 are lost, 3300 arrives.
  assert.equal(result.latencyMs.max, 1810)
})

test('an answer that is lost is a delivery more: the work is done twice', async () => {
  const edge = { attemptTimeoutMs: 500, backoff: { baseMs: 100, capMs: 100, jitter: 'none' } } as const
  const one = queued(edge, {}, { faults: [fault('partition', 1005, 100)] })
  const result = await runArm({ ...one, traffic: [trafficTo('web', trace(1000))] })
  assert.deepEqual(
    [result.attempts, result.services['work']!.completed, result.services['work']!.wastedWork],
    [2, 2, 0],
  )
  assert.equal(result.successRatio, 1)
})

test('a crash in the middle of the work costs an attempt, not the message', async () => {
  const crash: Fault = { kind: 'crash', target: 'work', atMs: 1005, forMs: 500 }
  const one = queued({}, {}, { faults: [crash] })
  const result = await runArm({ ...one, traffic: [trafficTo('web', trace(1000))] })
  assert.deepEqual([result.successRatio, result.attempts, result.latencyMs.max], [1, 2, 5 + 1000 + 10])
})

test('a poison message holds its key back and no other key of its partition', async () => {
  const messages = ['poison', 'other', 'poison', 'other', 'third']
  const keys = { poison: 1, other: 2, third: 3 } as const
  const origin = (n: number): Origin => ({ n, key: keys[messages[n] as keyof typeof keys] }) as unknown as Origin
  const backlog = new StreamBacklog(1, 1)
  const all = messages.map((_, n): Message => {
    return { request: origin(n), publishedUs: 0, attempts: 0, delayMs: 0, isSettled: false }
  })
  for (const message of all) backlog.add(message)
  const taken: number[] = []
  const take = (): Message | undefined => {
    const message = backlog.take(0)
    if (message !== undefined) taken.push(message.request.n)
    return message
  }
  backlog.parked(take()!)
  for (let message = take(); message !== undefined; message = take()) backlog.settled(message)
  assert.deepEqual([taken, backlog.waiting], [[0, 1, 3, 4], 1])
  backlog.due(all[0]!)
  backlog.parked(take()!)
  assert.equal(backlog.take(0), undefined)
  backlog.due(all[0]!)
  backlog.settled(take()!)
  backlog.settled(take()!)
  assert.deepEqual(taken, [0, 1, 3, 4, 0, 0, 2])
  assert.equal(backlog.waiting, 0)
})

test('a partition has one message at a time, and a consumer serves its partitions in turn', async () => {
  const four = await runArm(
    queued(stream({}), { latency: constant(100) }, { traffic: [trafficTo('web', even(200), { keys: 100 })] }),
  )
  assert.ok(four.windows.every(({ services }) => services['work']!.busy <= 4))
  assert.ok(four.windows.some(({ services }) => services['work']!.busy === 4))
  const two = await runArm(
    queued(
      stream({ consumers: 2 }),
      { latency: constant(100) },
      { traffic: [trafficTo('web', even(200), { keys: 100 })] },
    ),
  )
  assert.equal(Math.max(...two.windows.map(({ services }) => services['work']!.busy)), 2)
  const more = await runArm(
    queued(
      stream({ consumers: 9 }),
      { latency: constant(100) },
      { traffic: [trafficTo('web', even(200), { keys: 100 })] },
    ),
  )
  assert.equal(Math.max(...more.windows.map(({ services }) => services['work']!.busy)), 4)
})

test('keys of a stream are done in the order in which they were published, in spite of failures', async () => {
  const { Simulation } = await import('../../src/sim/simulation.ts')
  const { scenario } = await import('../scene.ts')
  const backoff = { baseMs: 30, capMs: 300, jitter: 'full' } as const
  const one = queued(
    stream({ backoff }),
    { failure: 0.4, latency: { kind: 'exponential', meanMs: 8 } },
    { traffic: [trafficTo('web', poisson(100), { keys: 20 })] },
  )
  const simulation = new Simulation({ scenario: scenario([one]), arm: one, replication: 0, spans: [] })
  const done = new Map<number, number[]>()
  const { stats } = simulation
  const settled = stats.settled.bind(stats)
  stats.settled = (request, outcome, nowUs): void => {
    const before = done.get(request.key) ?? []
    done.set(request.key, [...before, request.n])
    settled(request, outcome, nowUs)
  }
  assert.equal(simulation.advance(1e9), true)
  assert.equal(done.size, 20)
  for (const [key, order] of done)
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
      `key ${key}`,
    )
  assert.ok(simulation.stats.attempts > 1.4 * simulation.stats.all.offered)
})

test('an event may set off the next one: the request is done when the last of them is', async () => {
  const one = arm(
    [service('a'), service('b', { latency: constant(20) }), service('c', { latency: constant(30) }), service('d')],
    [
      queue('a', 'b', { consumers: 10 }),
      queue('b', 'c', { consumers: 10 }),
      queue('a', 'd', { network: constant(70) }),
    ],
    { traffic: [trafficTo('a', even(10))] },
  )
  const result = await runArm(one)
  assert.deepEqual([result.latencyMs.p50, result.attempts, result.amplification], [70, 300, 1])
})

test('what is still unfinished at the end has failed as such', async () => {
  const result = await runArm(queued({}, { latency: constant(1000) }), { drainMaxMs: 5000 })
  assert.deepEqual([result.succeeded, result.failed], [14, { unfinished: 86 }])
})
