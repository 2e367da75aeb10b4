import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { policyDefaults } from 'firebreak/internal'
import type { Param } from '../../src/file/read-param.ts'
import { readScenario } from '../../src/file/read-scenario.ts'
import type { Arm, Distribution, Edge, Scenario, ServiceModel } from '../../src/model/scenario.ts'

async function read(text: string, set: readonly Param[] = []): Promise<Scenario> {
  const { scenario, problems } = await readScenario(text, { format: 'yaml', set })
  assert.deepEqual(problems, [])
  return scenario!
}

/** One service `a` with these members, and what else is said below it. */
const around = (service: string, rest = ''): string =>
  `version: 1\nduration: 10s\nservices: { a: { ${service} }, b: { workers: 2 }, c: { workers: 2 } }\ntraffic: { to: a, rate: 5 }\n${rest}`

const serviceOf = async (members: string): Promise<ServiceModel> => (await read(around(members))).arms[0]!.services[0]!
const edgesOf = async (list: string, rest = ''): Promise<readonly Edge[]> =>
  (await read(around('workers: 1', `edges:\n${list.replaceAll(/^/gm, '  ')}\n${rest}`))).arms[0]!.edges
const armOf = async (change: string, rest = ''): Promise<Arm> =>
  (await read(around('workers: 1', `${rest}\narms:\n  x:\n${change.replaceAll(/^/gm, '    ')}`))).arms[0]!

const mmcText = `
version: 1
name: mmc
duration: 10m
services:
  desk: { concurrency: 3, latency: { kind: exponential, mean: 100ms } }
traffic: { to: desk, process: poisson, rate: 24 }
`
const desk: ServiceModel = {
  name: 'desk',
  instances: 1,
  concurrency: 3,
  queue: { max: Number.POSITIVE_INFINITY, order: 'fifo', maxWaitMs: Number.POSITIVE_INFINITY },
  latency: { kind: 'exponential', meanMs: 100 },
  failure: 0,
  overload: null,
  onCancel: 'ignore',
  shed: null,
}
const arrivals = { kind: 'poisson', rate: [{ atMs: 0, perSec: 24 }] } as const
const mmc: Scenario = {
  name: 'mmc',
  description: '',
  seed: 1,
  replications: 1,
  durationMs: 600_000,
  warmupMs: 0,
  drainMaxMs: 60_000,
  windowMs: 1000,
  eventsMax: 50_000_000,
  arms: [
    {
      name: 'base',
      description: '',
      success: 'processed',
      services: [desk],
      edges: [],
      traffic: [{ to: 'desk', arrivals, critical: 0, keys: 0 }],
      faults: [],
    },
  ],
  expect: [],
}

describe('a scenario', () => {
  test('of seven lines is an M/M/c station, with every default filled in', async () => {
    assert.deepEqual(await read(mmcText), mmc)
  })

  test('without a name takes the one that it is given', async () => {
    const text = around('workers: 1')
    const { scenario } = await readScenario(text, { format: 'yaml', name: 'from-the-file' })
    assert.equal(scenario?.name, 'from-the-file')
  })

  test('may be JSON, with the address of its schema', async () => {
    const text =
      '{"$schema": "../lab.schema.json", "version": 1, "duration": 1000, "services": {"a": {"workers": 1}}, "traffic": {"to": "a", "rate": 1}}'
    const { scenario } = await readScenario(`\uFEFF${text}`, { format: 'json' })
    assert.equal(scenario?.durationMs, 1000)
  })

  test('of no length and without a request is one', async () => {
    const scenario = await read('version: 1\nduration: 0\nservices: { a: { workers: 1 } }\ntraffic: { to: a, rate: 0 }')
    assert.equal(scenario.durationMs, 0)
  })
})

describe('durations', () => {
  const written: readonly [string, number][] = [
    ['50ms', 50],
    ['0.07s', 70],
    ['1.5s', 1500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['250', 250],
    ['0.5', 0.5],
  ]
  for (const [text, ms] of written)
    test(`${text} is ${ms} ms`, async () =>
      assert.deepEqual((await serviceOf(`workers: 1, latency: ${text}`)).latency, { kind: 'constant', ms }))
})

describe('distributions', () => {
  const constant = { kind: 'constant', ms: 50 } as const
  const written: readonly [string, Distribution][] = [
    ['{ base: 50ms }', constant],
    ['{ kind: constant, base: 50ms }', constant],
    ['{ base: 50ms, jitter: 20ms }', { kind: 'uniform', minMs: 30, maxMs: 70 }],
    ['{ kind: uniform, base: 50ms, jitter: 20ms }', { kind: 'uniform', minMs: 30, maxMs: 70 }],
    ['{ kind: uniform, min: 1ms, max: 2ms }', { kind: 'uniform', minMs: 1, maxMs: 2 }],
    ['{ kind: lognormal, median: 50ms, sigma: 0.5 }', { kind: 'lognormal', medianMs: 50, sigma: 0.5 }],
    ['{ kind: pareto, min: 10ms, shape: 1.5 }', { kind: 'pareto', minMs: 10, shape: 1.5 }],
    ['{ kind: empirical, values: [10ms, 20ms, 1s] }', { kind: 'empirical', valuesMs: [10, 20, 1000] }],
    [
      '{ kind: mixture, parts: [{ weight: 9, base: 50ms }, { weight: 1, kind: exponential, mean: 1s }] }',
      {
        kind: 'mixture',
        parts: [
          { weight: 9, of: constant },
          { weight: 1, of: { kind: 'exponential', meanMs: 1000 } },
        ],
      },
    ],
  ]
  for (const [text, expected] of written)
    test(text, async () => assert.deepEqual((await serviceOf(`workers: 1, latency: ${text}`)).latency, expected))

  test('a lognormal one by p50 and p99 has the sigma that puts 1 of 100 above p99', async () => {
    const { latency } = await serviceOf('workers: 1, latency: { kind: lognormal, p50: 20ms, p99: 200ms }')
    assert.ok(latency.kind === 'lognormal' && latency.medianMs === 20)
    // 2.32634787 standard deviations above the middle.
    assert.ok(Math.abs(20 * Math.exp(latency.sigma * 2.32634787) - 200) < 1e-4)
  })
})

describe('services', () => {
  test('say how many wait, in which order and how long', async () => {
    assert.deepEqual((await serviceOf('workers: unbounded, queue: 5')).queue.max, 5)
    const { queue, concurrency } = await serviceOf('workers: unbounded, queue: { max: 7, order: lifo, maxWait: 20ms }')
    assert.deepEqual([queue, concurrency], [{ max: 7, order: 'lifo', maxWaitMs: 20 }, Number.POSITIVE_INFINITY])
  })

  test('shed by CoDel and suffer from overload as they say, and not at all by default', async () => {
    const { shed, overload } = await serviceOf(
      'workers: 1, shed: { target: 5ms, interval: 100ms }, overload: { at: 20, latencySlope: 1, failureSlope: 0.5, failureMax: 0.9 }',
    )
    assert.deepEqual(shed, { kind: 'codel', targetMs: 5, intervalMs: 100 })
    assert.deepEqual(overload, { at: 20, latencySlope: 1, failureSlope: 0.5, failureMax: 0.9 })
  })
})

describe('edges', () => {
  test('are calls of one attempt, one after the other, over a network that takes no time', async () => {
    const [first, second] = await edgesOf('- { from: a, to: b }\n- { from: a, to: c, calls: 3, optional: true }')
    const expected = {
      kind: 'sync',
      id: 'a->b',
      from: 'a',
      to: 'b',
      group: 1,
      parallel: false,
      optional: false,
      fallback: false,
      calls: 1,
      policy: null,
      network: { kind: 'constant', ms: 0 },
    } as const
    assert.deepEqual(first, expected)
    assert.deepEqual(second, { ...expected, id: 'a->c', to: 'c', group: 2, calls: 3, optional: true })
  })

  test('that say parallel side by side are one group; a group of their own stays', async () => {
    const lines = ['parallel: true', 'parallel: true', 'parallel: false', 'parallel: true, group: 9', 'parallel: true']
    const edges = await edgesOf(lines.map((line, i) => `- { id: e${i}, from: a, to: b, ${line} }`).join('\n'))
    assert.deepEqual(
      edges.map((edge) => edge.kind === 'sync' && edge.group),
      [1, 1, 2, 9, 10],
    )
  })

  test('of other services count their groups on their own', async () => {
    const edges = await edgesOf('- { from: a, to: b }\n- { from: b, to: c }')
    assert.deepEqual(
      edges.map((edge) => edge.kind === 'sync' && edge.group),
      [1, 1],
    )
  })
})

describe('edges with a broker', () => {
  test('are queues and streams with consumers', async () => {
    const [queue, stream] = await edgesOf(
      '- { from: a, to: b, kind: queue }\n- { from: a, to: c, kind: stream, consumers: 15, maxAttempts: 3, attemptTimeout: 1s, backoff: { kind: none, base: 1s }, dlq: false, publish: direct, network: 3 }',
    )
    const expected = {
      kind: 'queue',
      id: 'a->b',
      from: 'a',
      to: 'b',
      consumers: 1,
      partitions: 0,
      attemptsMax: 5,
      attemptTimeoutMs: Number.POSITIVE_INFINITY,
      backoff: { baseMs: 100, capMs: 5000, jitter: 'full' },
      deadLetters: true,
      publish: 'outbox',
      network: { kind: 'constant', ms: 0 },
    }
    assert.deepEqual(queue, expected)
    assert.deepEqual(stream, {
      ...expected,
      kind: 'stream',
      id: 'a->c',
      to: 'c',
      consumers: 15,
      partitions: 12,
      attemptsMax: 3,
      attemptTimeoutMs: 1000,
      backoff: { baseMs: 1000, capMs: 5000, jitter: 'none' },
      deadLetters: false,
      publish: 'direct',
      network: { kind: 'constant', ms: 3 },
    })
  })
})

describe('policies', () => {
  const policyOf = async (members: string): Promise<unknown> => {
    const [edge] = await edgesOf('- { from: a, to: b, policy: p }', `policies: { p: { ${members} } }`)
    return edge?.kind === 'sync' && edge.policy
  }

  test('are those of policy() where they say nothing', async () => assert.deepEqual(await policyOf(''), policyDefaults))

  test('say everything that a policy has', async () => {
    const members = [
      'deadline: 4s, attemptTimeout: 300ms, maxAttempts: 4, backoff: { kind: decorrelated, base: 10ms, cap: 100ms }',
      'budget: { ratio: 0.2, minPerSec: 3, ttl: 5s }, bulkhead: { slots: 20, queue: 5, queueWait: 50ms }',
      'limit: { kind: aimd, initial: 10, min: 5, max: 50, backoff: 0.8, timeout: 2s }, hedge: { after: p95, max: 2 }',
      'breaker: { kind: rate, threshold: 0.4, min: 10, window: 5s, open: 2s, probes: 2, slow: 200ms }',
    ]
    assert.deepEqual(await policyOf(members.join(', ')), {
      kind: 'policy',
      deadlineMs: 4000,
      attemptTimeoutMs: 300,
      attemptsMax: 4,
      backoff: { baseMs: 10, capMs: 100, jitter: 'decorrelated' },
      budget: { kind: 'ratio', ratio: 0.2, minPerSec: 3, ttlMs: 5000 },
      bulkhead: { slots: 20, queueMax: 5, queueWaitMaxMs: 50 },
      limit: { kind: 'aimd', initial: 10, min: 5, max: 50, backoff: 0.8, timeoutMs: 2000 },
      hedge: { after: 'p95', max: 2 },
      breaker: { failureRatio: 0.4, callsMin: 10, windowMs: 5000, openMs: 2000, probesMax: 2, slowMs: 200 },
    })
  })

  test('leave out what they call none, and shorten what has one number', async () => {
    const members = 'budget: none, breaker: none, bulkhead: 20, limit: { kind: vegas }, hedge: { after: 50ms }, '
    assert.deepEqual(
      await policyOf(members.replace('budget: none, ', 'budget: { kind: tokens, maxTokens: 10, tokenRatio: 0.1 }, ')),
      {
        ...policyDefaults,
        budget: { kind: 'tokens', tokensMax: 10, tokenRatio: 0.1 },
        breaker: null,
        bulkhead: { ...policyDefaults.bulkhead, slots: 20 },
        limit: { kind: 'vegas', initial: 20, min: 1, max: 1000 },
        hedge: { after: 50, max: 1 },
      },
    )
    assert.deepEqual(await policyOf('budget: none, bulkhead: none, limit: none, hedge: none, breaker: none'), {
      ...policyDefaults,
      budget: null,
      bulkhead: null,
      breaker: null,
    })
  })
})

describe('traffic and faults', () => {
  const trafficOf = async (members: string): Promise<unknown> => {
    const scenario = await read(
      `version: 1\nduration: 60s\nservices: { a: { workers: 1 } }\ntraffic: { to: a, ${members} }`,
    )
    return scenario.arms[0]!.traffic[0]!.arrivals
  }
  const written: readonly [string, unknown][] = [
    ['rate: 7', { kind: 'poisson', rate: [{ atMs: 0, perSec: 7 }] }],
    [
      'process: deterministic, rate: [[0s, 100], [20s, 800]]',
      {
        kind: 'deterministic',
        rate: [
          { atMs: 0, perSec: 100 },
          { atMs: 20_000, perSec: 800 },
        ],
      },
    ],
    [
      'process: mmpp, states: [{ rate: 10, mean: 1s }, { rate: 90, mean: 100ms }]',
      {
        kind: 'mmpp',
        states: [
          { perSec: 10, meanMs: 1000 },
          { perSec: 90, meanMs: 100 },
        ],
      },
    ],
    ['process: closed, clients: 3, think: 5ms', { kind: 'closed', clients: 3, think: { kind: 'constant', ms: 5 } }],
    ['process: trace, at: [0, 5ms, 1s]', { kind: 'trace', atMs: [0, 5, 1000] }],
  ]
  for (const [text, expected] of written) test(text, async () => assert.deepEqual(await trafficOf(text), expected))

  test('faults stand in a short form and in a long one', async () => {
    const faults = [
      '{ at: 1s, for: 2s, target: a, kind: capacity(0.2) }',
      '{ at: 1s, for: 2s, target: a, kind: latency(x5) }',
      '{ at: 1s, for: 2s, target: a, kind: errors, value: 0.5 }',
      '{ at: 1s, for: 2s, target: a, kind: crash }',
      '{ at: 1s, for: 2s, target: a->b, kind: partition }',
      '{ at: 1s, for: 2s, target: a->b, kind: hold }',
      '{ at: 1s, for: 2s, kind: broker-down }',
    ]
    const scenario = await read(
      around('workers: 1', `edges: [{ from: a, to: b, kind: queue }]\nfaults: [${faults.join(', ')}]`),
    )
    const times = { atMs: 1000, forMs: 2000 }
    assert.deepEqual(scenario.arms[0]!.faults, [
      { ...times, kind: 'capacity', target: 'a', value: 0.2 },
      { ...times, kind: 'latency', target: 'a', value: 5 },
      { ...times, kind: 'errors', target: 'a', value: 0.5 },
      { ...times, kind: 'crash', target: 'a' },
      { ...times, kind: 'partition', target: 'a->b' },
      { ...times, kind: 'hold', target: 'a->b' },
      { ...times, kind: 'broker-down', target: 'broker' },
    ])
  })
})

describe('expectations', () => {
  test('compare with a number or with another arm; the only arm need not be named', async () => {
    const claims =
      '[{ metric: successRatio, op: ">=", value: 0.9 }, { metric: answered, op: <, value: 1, within: [1s, 2s] }]'
    const { expect } = await read(around('workers: 1', `expect: ${claims}`))
    assert.deepEqual(expect, [
      { arm: 'base', metric: 'successRatio', op: '>=', value: 0.9, within: null },
      { arm: 'base', metric: 'answered', op: '<', value: 1, within: { fromMs: 1000, toMs: 2000 } },
    ])
    const other = '[{ arm: x, metric: latencyMs.p99, op: <, value: { arm: y } }]'
    const { expect: compared } = await read(around('workers: 1', `arms: { x:, y: }\nexpect: ${other}`))
    assert.deepEqual(compared[0]!.value, { arm: 'y', times: 1 })
  })
})

describe('arms', () => {
  test('each are the base with a change, in the order of the file', async () => {
    const scenario = await read(around('workers: 1', 'arms: { y:, x: { description: other, success: answered } }'))
    assert.deepEqual(
      scenario.arms.map(({ name, description, success }) => [name, description, success]),
      [
        ['y', '', 'processed'],
        ['x', 'other', 'answered'],
      ],
    )
    assert.deepEqual(scenario.arms[0]!.services, scenario.arms[1]!.services)
  })

  test('change members deep inside; null takes a member back to its default', async () => {
    const base =
      'policies: { p: { bulkhead: { slots: 5, queue: 5 }, budget: none } }\nedges: [{ from: a, to: b, policy: p, calls: 3 }]'
    const { edges } = await armOf(
      'policies: { p: { bulkhead: { slots: 9 }, budget: null } }\nedges: { a->b: { calls: null } }',
      base,
    )
    const [edge] = edges
    assert.ok(edge?.kind === 'sync')
    assert.deepEqual([edge.calls, edge.policy?.bulkhead?.slots, edge.policy?.bulkhead?.queueMax], [1, 9, 5])
    assert.deepEqual(edge.policy?.budget, policyDefaults.budget)
  })

  test('replace a distribution as a whole, one of the same kind too', async () => {
    const text = around(
      'workers: 1, latency: { base: 5ms, jitter: 1ms }',
      'arms: { x: { services: { a: { latency: { base: 9ms } } } } }',
    )
    assert.deepEqual((await read(text)).arms[0]!.services[0]!.latency, { kind: 'constant', ms: 9 })
  })

  test('replace the word for workers with its other word', async () => {
    assert.equal((await armOf('services: { a: { concurrency: 9 } }')).services[0]!.concurrency, 9)
  })
})

describe('arms of another shape', () => {
  test('turn a call into a queue: the ends stay, how it was called does not', async () => {
    const base = 'edges: [{ id: e, from: a, to: b, calls: 3, network: 2ms }]'
    const { edges } = await armOf('edges: { e: { kind: queue, consumers: 4 } }', base)
    assert.ok(edges[0]?.kind === 'queue')
    assert.deepEqual(
      [edges[0].id, edges[0].to, edges[0].consumers, edges[0].network],
      ['e', 'b', 4, { kind: 'constant', ms: 2 }],
    )
  })

  test('add and remove services and edges', async () => {
    const base = 'edges: [{ from: a, to: b }, { from: a, to: c }]'
    const { services, edges } = await armOf(
      'services: { d: { workers: 1 }, c: null }\nedges: { a->c: null, extra: { from: b, to: d } }',
      base,
    )
    assert.deepEqual(
      services.map(({ name }) => name),
      ['a', 'b', 'd'],
    )
    assert.deepEqual(
      edges.map(({ id }) => id),
      ['a->b', 'extra'],
    )
  })

  test('change the one source of traffic or replace the list, and replace the faults', async () => {
    const changed = await armOf(
      'traffic: { rate: 9 }\nfaults: []',
      'faults: [{ at: 0, for: 1, target: a, kind: crash }]',
    )
    assert.deepEqual(changed.traffic[0]!.arrivals, { kind: 'poisson', rate: [{ atMs: 0, perSec: 9 }] })
    assert.deepEqual([changed.traffic[0]!.to, changed.faults], ['a', []])
    const replaced = await armOf('traffic: [{ to: b, rate: 1 }, { to: c, rate: 2 }]')
    assert.deepEqual(
      replaced.traffic.map(({ to }) => to),
      ['b', 'c'],
    )
  })
})

describe('parameters of a sweep', () => {
  const text = around(
    'workers: 1',
    'edges: [{ from: a, to: b }]\narms: { x:, y: { services: { a: { workers: 7 } }, edges: { a->b: null } } }',
  )
  const workers = ({ arms }: Scenario): unknown => arms.map(({ services }) => services[0]!.concurrency)

  test('replace a value in every arm, changed by the arm or not', async () =>
    assert.deepEqual(workers(await read(text, [{ path: 'services.a.workers', value: 3 }])), [3, 3]))

  test('reach one arm by its name', async () =>
    assert.deepEqual(workers(await read(text, [{ path: 'arms.x.services.a.workers', value: 3 }])), [3, 7]))

  test('reach the run, the traffic, and edges by their id where there is one', async () => {
    const set = [
      { path: 'seed', value: 5 },
      { path: 'traffic.rate', value: 8 },
      { path: 'edges.a->b.calls', value: 4 },
    ]
    const { seed, arms } = await read(text, set)
    assert.deepEqual([seed, arms[1]!.traffic[0]!.arrivals], [5, { kind: 'poisson', rate: [{ atMs: 0, perSec: 8 }] }])
    assert.equal(arms[0]!.edges[0]?.kind === 'sync' && arms[0]!.edges[0].calls, 4)
  })

  test('that nothing has are problems', async () => {
    for (const [path, message] of [
      ['services.z.workers', /nothing here to set/],
      ['durration', /nothing here to set/],
      ['services.a.wrokers', /no such field here/],
      ['seed', /must be a whole number/],
      ['traffic.rate.0.__proto__', /must be/],
    ] as const) {
      const { problems } = await readScenario(text, { format: 'yaml', set: [{ path, value: -1 }] })
      assert.match(problems[0]?.message ?? 'none', message, path)
    }
  })
})
