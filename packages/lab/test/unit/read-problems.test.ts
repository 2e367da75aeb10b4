import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readScenario } from '../../src/file/read-scenario.ts'
import type { Problem } from '../../src/file/schema/read-problems.ts'

const problemsOf = async (text: string, format: 'yaml' | 'json' = 'yaml'): Promise<readonly Problem[]> =>
  (await readScenario(text, { format })).problems

/** A sound scenario; each line is a part that a case may replace. */
const sound: Readonly<Record<string, string>> = {
  version: 'version: 1',
  duration: 'duration: 10s',
  services: 'services: { web: { workers: unbounded }, profile: { workers: 4, latency: 50ms } }',
  edges: 'edges: [{ from: web, to: profile, policy: careful }]',
  policies: 'policies: { careful: { budget: { ratio: 0.2 } } }',
  traffic: 'traffic: { to: web, rate: 10 }',
}
const textWith = (parts: Readonly<Record<string, string>>): string => Object.values({ ...sound, ...parts }).join('\n')

test('the scenario that the cases change is sound', async () => assert.deepEqual(await problemsOf(textWith({})), []))

test('every mistake is reported at once, each with its line', async () => {
  const text = `version: 1
duration: 10sec
services:
  web: { workers: unbounded }
  profile:
    concurency: 4
    workers: 4
    latency: { base: 10ms, jitter: 20ms }
    failure: 5%
edges:
  - { from: web, to: profle, policy: carefull }
  - { from: profile, to: web }
  - { from: web, to: profile }
policies:
  careful: { deadline: 1s, attemptTimeout: 900ms }
traffic: { to: wbe, rate: -1 }
faults: [{ at: 1s, for: 1s, target: profile, kind: capacity(2) }]
arms:
  a: { edges: { web->profil: { calls: 2 } } }
expect:
  - { arm: b, metric: success, op: ">=", value: 1 }
`
  const told = (await problemsOf(text)).map(({ line, path }) => `${line} ${path}`)
  assert.deepEqual(told, [
    '2 duration',
    '6 services.profile.concurency',
    '8 services.profile.latency.jitter',
    '9 services.profile.failure',
    '11 edges[0].to',
    '11 edges[0].policy',
    '13 edges[2]',
    '15 policies.careful',
    '16 traffic.rate',
    '16 traffic.to',
    '17 faults[0].kind',
    '19 arms.a.edges.web->profil',
    '21 expect[0].arm',
  ])
})

interface Case {
  readonly path: string
  readonly message: RegExp
  readonly meant?: RegExp
}

const cases: readonly (readonly [part: string, line: string, Case])[] = [
  ['version', 'version: 2', { path: 'version', message: /must be 1/ }],
  ['version', '', { path: 'version', message: /is missing/ }],
  ['duration', 'duration: 10 seconds', { path: 'duration', message: /must be a duration/, meant: /10s/ }],
  ['duration', 'duration: "10"', { path: 'duration', message: /must be a duration/, meant: /10ms, or 10s/ }],
  ['duration', 'duration: 1m30s', { path: 'duration', message: /must be a duration/, meant: /90s/ }],
  ['duration', 'duration: 500us', { path: 'duration', message: /must be a duration/, meant: /0\.5ms/ }],
  ['duration', 'duration: 2d', { path: 'duration', message: /must be a duration/, meant: /48h/ }],
  ['duration', 'duration: -5', { path: 'duration', message: /must not be negative/ }],
  ['duration', 'duration: 25h', { path: 'duration', message: /at most 24h/ }],
  ['duration', 'duration: .nan', { path: 'duration', message: /not NaN/ }],
  ['duration', 'duration: 10s\nwarmup: 10s', { path: 'warmup', message: /leaves nothing to count/ }],
  ['duration', 'duration: 1h\nwindow: 1ms', { path: 'window', message: /3660000 windows/ }],
  ['duration', 'duration: 10s\nseed: 1.5', { path: 'seed', message: /whole number/ }],
  [
    'duration',
    'duration: 10s\nsuccess: proccessed',
    { path: 'success', message: /must be processed/, meant: /"processed"/ },
  ],
  ['services', 'services: {}', { path: 'services', message: /no service/ }],
  ['services', 'services: [web]', { path: 'services', message: /must be a map/ }],
  ['services', 'services: { "we b": { workers: 1 } }', { path: 'services.we b', message: /must be a name/ }],
  [
    'services',
    'services: { web: { workers: 1, toString: 1 } }',
    { path: 'services.web.toString', message: /not allowed/ },
  ],
  ['services', 'services: { web: {} }', { path: 'services.web.concurrency', message: /is missing/ }],
  [
    'services',
    'services: { web: { workers: 1, concurrency: 1 } }',
    { path: 'services.web.workers', message: /another word/ },
  ],
  [
    'services',
    'services: { web: { workers: unbound } }',
    { path: 'services.web.workers', message: /or unbounded/, meant: /"unbounded"/ },
  ],
  [
    'services',
    'services: { web: { workers: 1, queue: { order: filo } } }',
    { path: 'services.web.queue.order', message: /must be fifo/, meant: /"fifo"/ },
  ],
  [
    'services',
    'services: { web: { workers: 1, latency: { kind: normal, mean: 5 } } }',
    { path: 'services.web.latency.kind', message: /one of constant/ },
  ],
  [
    'services',
    'services: { web: { workers: 1, latency: { kind: lognormal, p50: 5 } } }',
    { path: 'services.web.latency', message: /either sigma or p99/ },
  ],
  [
    'services',
    'services: { web: { workers: 1, latency: { kind: lognormal, p50: 5, p99: 4 } } }',
    { path: 'services.web.latency.p99', message: /below the median/ },
  ],
  [
    'services',
    'services: { web: { workers: 1, latency: { kind: uniform, min: 5 } } }',
    { path: 'services.web.latency', message: /either min and max/ },
  ],
  [
    'services',
    'services: { web: { workers: 1, latency: { kind: uniform, min: 5, max: 4 } } }',
    { path: 'services.web.latency.min', message: /more than max/ },
  ],
  [
    'services',
    'services: { web: { workers: 1, latency: { kind: constant, base: 5, jitter: 1 } } }',
    { path: 'services.web.latency.jitter', message: /has no jitter/ },
  ],
  [
    'services',
    'services: { web: { workers: 1, latency: { kind: pareto, min: 0, shape: 2 } } }',
    { path: 'services.web.latency.min', message: /above 0/ },
  ],
  [
    'services',
    'services: { web: { workers: 1, overload: yes } }',
    { path: 'services.web.overload', message: /none or a map/ },
  ],
  ['edges', 'edges: [{ to: profile }]', { path: 'edges[0].from', message: /is missing/ }],
  [
    'services',
    'services: { web: { workers: 1, overload: { latencySlope: 1 } } }',
    { path: 'services.web.overload.at', message: /is missing/ },
  ],
  [
    'edges',
    'edges: [{ from: web, to: profile, kind: queu }]',
    { path: 'edges[0].kind', message: /one of sync/, meant: /"queue"/ },
  ],
  [
    'edges',
    'edges: [{ from: web, to: profile, kind: queue, policy: careful }]',
    { path: 'edges[0].policy', message: /no such field/ },
  ],
  [
    'edges',
    'edges: [{ from: web, to: profile, kind: queue, partitions: 3 }]',
    { path: 'edges[0].partitions', message: /no partitions/, meant: /stream/ },
  ],
  [
    'edges',
    'edges: [{ from: web, to: profile, kind: queue, backoff: { base: 9s } }]',
    { path: 'edges[0].backoff', message: /cap of 5000ms is below/ },
  ],
  [
    'edges',
    'edges: [{ from: web, to: profile }, { from: web, to: profile }]',
    { path: 'edges[1]', message: /two edges web->profile/, meant: /id/ },
  ],
  ['edges', 'edges: [{ from: web, to: web }]', { path: 'edges[0]', message: /web -> web: a request would never end/ }],
  [
    'edges',
    'edges: [{ from: web, to: profile }, { from: profile, to: web, kind: queue }]',
    { path: 'edges[1]', message: /web -> profile -> web: a message would set off/ },
  ],
  [
    'edges',
    'edges: [{ from: web, to: profile, optional: yes }]',
    { path: 'edges[0].optional', message: /true or false/, meant: /true/ },
  ],
  [
    'policies',
    'policies: { carful: {} }',
    { path: 'edges[0].policy', message: /no policy "careful"/, meant: /"carful"/ },
  ],
  [
    'policies',
    'policies: { careful: { maxAttempts: 9 } }',
    { path: 'policies.careful', message: /9 x attemptTimeout 500 .* deadline is 2000/ },
  ],
  [
    'policies',
    'policies: { careful: { hedge: { after: 2s } } }',
    { path: 'policies.careful.hedge.after', message: /below attemptTimeout/ },
  ],
  ['policies', 'policies: { careful: {}, none: {} }', { path: 'policies.none', message: /another name/ }],
  ['traffic', 'traffic: []', { path: 'traffic', message: /at least 1/ }],
  ['traffic', 'traffic: { to: web, rate: .inf }', { path: 'traffic.rate', message: /not Infinity/ }],
  ['traffic', 'traffic: { to: web, rate: 2000000 }', { path: 'traffic.rate', message: /from 0 to 1000000/ }],
  [
    'traffic',
    'traffic: { to: web, rate: 100/s }',
    { path: 'traffic.rate', message: /must be a number/, meant: /Write 100$/ },
  ],
  [
    'traffic',
    'traffic: { to: web, rate: [[5s, 1], [1s, 2]] }',
    { path: 'traffic.rate[1][0]', message: /comes before/ },
  ],
  [
    'traffic',
    'traffic: { to: web, rate: [[0s, 1], [11s, 2]] }',
    { path: 'traffic.rate[1][0]', message: /after the end/ },
  ],
  ['traffic', 'traffic: { to: web, rate: [[0s]] }', { path: 'traffic.rate[0]', message: /at least 2 entries/ }],
  [
    'traffic',
    'traffic: { to: web, process: possion, rate: 1 }',
    { path: 'traffic.process', message: /one of poisson/, meant: /"poisson"/ },
  ],
  [
    'traffic',
    'traffic: { to: web, rate: 1, critical: 20 }',
    { path: 'traffic.critical', message: /from 0 to 1/, meant: /20 % is 0.2/ },
  ],
  [
    'traffic',
    'traffic: { to: web, process: closed, clients: 5, rate: 3 }',
    { path: 'traffic.rate', message: /no such field/ },
  ],
  [
    'traffic',
    'traffic: { to: web, rate: 1 }\nmaxEvents: 19',
    { path: 'traffic', message: /about 20 requests and calls .* maxEvents is 19/ },
  ],
  [
    'more',
    'faults: [{ at: 70s, for: 1s, target: web, kind: crash }]',
    { path: 'faults[0].at', message: /outside the run/ },
  ],
  ['more', 'faults: [{ at: 1s, for: 0, target: web, kind: crash }]', { path: 'faults[0].for', message: /above 0/ }],
  [
    'more',
    'faults: [{ at: 1s, for: 1s, target: wbe, kind: crash }]',
    { path: 'faults[0].target', message: /no service "wbe"/, meant: /"web"/ },
  ],
  [
    'more',
    'faults: [{ at: 1s, for: 1s, target: web, kind: partition }]',
    { path: 'faults[0].target', message: /no edge "web"/ },
  ],
  [
    'more',
    'faults: [{ at: 1s, for: 1s, target: web->profile, kind: hold }]',
    { path: 'faults[0].target', message: /is a call/ },
  ],
  [
    'more',
    'faults: [{ at: 1s, for: 1s, target: web, kind: error(0.5) }]',
    { path: 'faults[0].kind', message: /one of crash/, meant: /errors/ },
  ],
  [
    'more',
    'faults: [{ at: 1s, for: 1s, target: web, kind: errors }]',
    { path: 'faults[0].kind', message: /needs the probability/, meant: /errors\(0.5\)/ },
  ],
  [
    'more',
    'faults: [{ at: 1s, for: 1s, target: web, kind: errors(50%) }]',
    { path: 'faults[0].kind', message: /0 to 1, not "50%"/ },
  ],
  [
    'more',
    'faults: [{ at: 1s, for: 1s, target: web, kind: crash, value: 1 }]',
    { path: 'faults[0].value', message: /takes no value/ },
  ],
  [
    'more',
    'faults: [{ at: 1s, for: 1s, target: web, kind: broker-down }]',
    { path: 'faults[0].target', message: /always broker/ },
  ],
  [
    'more',
    'arms: { x: { services: { profil: { workers: 1 } } } }',
    { path: 'arms.x.services.profil', message: /no service "profil" to change/, meant: /"profile"/ },
  ],
  [
    'more',
    'arms: { x: { services: { profil: null } } }',
    { path: 'arms.x.services.profil', message: /to remove/, meant: /"profile"/ },
  ],
  [
    'more',
    'arms: { x: { policies: { full: {} } } }',
    { path: 'arms.x.policies.full', message: /no policy "full" to change, and nothing uses/ },
  ],
  [
    'more',
    'arms: { x: { edges: { web->profil: { calls: 2 } } } }',
    { path: 'arms.x.edges.web->profil', message: /needs from and to/, meant: /"web->profile"/ },
  ],
  [
    'more',
    'arms: { x: { edges: { web->profile: { calls: 0 } } } }',
    { path: 'arms.x.edges.web->profile.calls', message: /from 1 to 1000/ },
  ],
  ['more', 'arms: { x: { services: { profile: null } } }', { path: 'edges[0].to', message: /no service "profile"/ }],
  [
    'more',
    'arms: { x: , y: { services: { profile: null } } }',
    { path: 'edges[0].to', message: /no service "profile" \(arm y\)/ },
  ],
  [
    'more',
    'arms: { x: { services: { web: { latency: { base: 1ms, jitter: 2ms } } } } }',
    { path: 'arms.x.services.web.latency.jitter', message: /more than base/ },
  ],
  ['more', 'arms: { x: { servces: {} } }', { path: 'arms.x.servces', message: /no such field/, meant: /"services"/ }],
  [
    'more',
    'arms: { x: { faults: [{ at: 0, for: 1, target: a, kind: crash }] } }',
    { path: 'arms.x.faults[0].target', message: /no service "a"/ },
  ],
  [
    'more',
    'expect: [{ metric: succesRatio, op: <, value: 1 }]',
    { path: 'expect[0].metric', message: /no metric/, meant: /"successRatio"/ },
  ],
  [
    'more',
    'expect: [{ metric: services.web.utilisation, op: <, value: 1 }]',
    { path: 'expect[0].metric', message: /no metric/, meant: /"services.web.utilization"/ },
  ],
  [
    'more',
    'expect: [{ metric: services.wbe.utilization, op: <, value: 1 }]',
    { path: 'expect[0].metric', message: /no metric/, meant: /"services.web"/ },
  ],
  [
    'more',
    'expect: [{ metric: offered, op: ==, value: 1 }]',
    { path: 'expect[0].op', message: /must be =, </, meant: /"="/ },
  ],
  [
    'more',
    'expect: [{ metric: offered, op: "=", value: { arm: y } }]',
    { path: 'expect[0].value.arm', message: /no arm "y"/ },
  ],
  [
    'more',
    'expect: [{ metric: attempts, op: "=", value: 1, within: [1s, 5s] }]',
    { path: 'expect[0].metric', message: /is not measured for a part/ },
  ],
  [
    'more',
    'expect: [{ metric: offered, op: "=", value: 1, within: [5s, 1s] }]',
    { path: 'expect[0].within', message: /ends before/ },
  ],
  [
    'more',
    'expect: [{ metric: offered, op: "=", value: 1, within: [5s, 11s] }]',
    { path: 'expect[0].within[1]', message: /after the last arrival/ },
  ],
  [
    'more',
    'arms: { x:, y: }\nexpect: [{ metric: offered, op: "=", value: 1 }]',
    { path: 'expect[0].arm', message: /one of x, y/ },
  ],
  ['more', 'arm: {}', { path: 'arm', message: /no such field/, meant: /"arms"/ }],
]

describe('a mistake', () => {
  for (const [part, line, { path, message, meant }] of cases) {
    test(line === '' ? `${part} left out` : line.replaceAll('\n', '; '), async () => {
      const parts = { ...sound, [part]: line }
      const problems = await problemsOf(textWith(parts))
      const found = problems.find((problem) => problem.path === path)
      assert.ok(found !== undefined, `at ${path}, not only: ${JSON.stringify(problems)}`)
      assert.match(found.message, message)
      if (meant !== undefined) assert.match(found.suggestion ?? 'no suggestion', meant)
      const before = Object.keys(parts).slice(0, Object.keys(parts).indexOf(part)).length
      const [first, last] = [before + 1, before + line.split('\n').length]
      const stands =
        path === 'edges[0].to' ? [4, 4] : path === 'edges[0].policy' && part === 'policies' ? [4, 4] : [first, last]
      if (line !== '') assert.ok(found.line >= stands[0]! && found.line <= stands[1]!, `line ${found.line}`)
    })
  }
})

describe('syntax', () => {
  const broken: readonly [string, 'yaml' | 'json', number, RegExp][] = [
    ['', 'yaml', 1, /empty/],
    ['# nothing\n', 'yaml', 1, /empty/],
    ['just text', 'yaml', 1, /must be a map/],
    ['version: 1\nservices: { a: [ }\n', 'yaml', 2, /flow/i],
    ['version: 1\nversion: 1\n', 'yaml', 2, /twice; first in line 1/],
    ['version: 1\n1: 2\n', 'yaml', 2, /must be text/],
    ['version: *one\n', 'yaml', 1, /alias \*one is defined nowhere/],
    ['version: &one [*one]\n', 'yaml', 1, /alias \*one holds itself/],
    ['version: &one 1\nname: &one [*one]\n', 'yaml', 2, /alias \*one holds itself/],
    ['version: !!js/function x\n', 'yaml', 1, /tag/],
    ['version: 1\n---\nversion: 1\n', 'yaml', 2, /second document/],
    ['a: &x\n  - 1\n__proto__: { y: 1 }\n', 'yaml', 3, /not allowed/],
    ['{\n  "version": 1,\n  "a": }\n', 'json', 3, /no JSON: Unexpected token '}'/],
    ['{\n  "version": 1,\n', 'json', 2, /no JSON/],
    ['{"version": 1,\n "version": 1}', 'json', 2, /twice/],
    ['{\n  "version": x,\n  "a": 1\n}\n', 'json', 2, /no JSON: Unexpected token 'x'$/],
    ['version: 1', 'json', 1, /no JSON: Unexpected token 'v'/],
  ]
  for (const [text, format, line, message] of broken) {
    test(`${format}: ${JSON.stringify(text)}`, async () => {
      const [first] = await problemsOf(text, format)
      assert.equal(first?.line, line)
      assert.match(first?.message ?? '', message)
    })
  }
})
