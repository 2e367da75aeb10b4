import fc from 'fast-check'
import { stringify } from 'yaml'

/** The text of a scenario file. */
export interface LabText {
  readonly text: string
  readonly format: 'yaml' | 'json'
}

type Raw = Record<string, unknown>

const ms = (max: number): fc.Arbitrary<string | number> =>
  fc.oneof(
    fc.integer({ min: 1, max }),
    fc.integer({ min: 1, max }).map((n) => `${n}ms`),
    fc.integer({ min: 1, max }).map((n) => `${n / 1000}s`),
  )
const share = fc.integer({ min: 0, max: 100 }).map((n) => n / 100)
const option = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })

const simpleTime: fc.Arbitrary<Raw> = fc.oneof(
  fc.record({ base: ms(50) }),
  fc.record({ base: fc.integer({ min: 20, max: 50 }), jitter: fc.integer({ min: 0, max: 20 }) }),
  fc.record({ kind: fc.constant('constant'), base: ms(50) }),
  fc.record({
    kind: fc.constant('uniform'),
    min: fc.integer({ min: 0, max: 20 }),
    max: fc.integer({ min: 20, max: 50 }),
  }),
  fc.record({ kind: fc.constant('exponential'), mean: ms(50) }),
  fc.record({ kind: fc.constant('lognormal'), median: ms(50), sigma: share }),
  fc.record({ kind: fc.constant('lognormal'), p50: ms(50), p99: fc.integer({ min: 50, max: 500 }) }),
  fc.record({ kind: fc.constant('pareto'), min: ms(20), shape: fc.integer({ min: 11, max: 50 }).map((n) => n / 10) }),
  fc.record({ kind: fc.constant('empirical'), values: fc.array(ms(50), { minLength: 1, maxLength: 5 }) }),
)
const time: fc.Arbitrary<unknown> = fc.oneof(
  ms(50),
  simpleTime,
  fc.record({
    kind: fc.constant('mixture'),
    parts: fc.array(
      fc.tuple(simpleTime, fc.integer({ min: 1, max: 9 })).map(([of, weight]) => ({ ...of, weight })),
      { minLength: 1, maxLength: 3 },
    ),
  }),
)

const service: fc.Arbitrary<Raw> = fc
  .record({
    instances: option(fc.integer({ min: 1, max: 3 })),
    size: fc.tuple(
      fc.constantFrom('concurrency', 'workers'),
      fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant('unbounded')),
    ),
    queue: option(
      fc.oneof(
        fc.integer({ min: 0, max: 50 }),
        fc.constant('unbounded'),
        fc.record({
          max: fc.nat(50),
          order: fc.constantFrom('fifo', 'lifo', 'adaptive-lifo'),
          maxWait: option(ms(500)),
        }),
      ),
    ),
    latency: option(time),
    failure: option(share),
    overload: option(
      fc.oneof(
        fc.constant('none'),
        fc.record({ at: fc.integer({ min: 1, max: 20 }), latencySlope: share, failureSlope: share, failureMax: share }),
      ),
    ),
    onCancel: option(fc.constantFrom('ignore', 'stop')),
    shed: option(fc.oneof(fc.constant('none'), fc.record({ kind: fc.constant('codel'), target: ms(20) }))),
  })
  .map(({ size: [word, size], ...rest }) => ({ ...rest, [word]: size }))

const policy: fc.Arbitrary<Raw> = fc.record({
  deadline: fc.constantFrom('20s', '1m'),
  attemptTimeout: fc.integer({ min: 100, max: 1000 }),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
  backoff: option(
    fc.record({
      kind: fc.constantFrom('full', 'equal', 'decorrelated', 'none'),
      base: ms(100),
      cap: fc.constant('1s'),
    }),
  ),
  budget: option(
    fc.oneof(
      fc.record({ ratio: share, minPerSec: fc.nat(5), ttl: fc.constant('10s') }),
      fc.record({
        kind: fc.constant('tokens'),
        maxTokens: fc.integer({ min: 1, max: 100 }),
        tokenRatio: fc.constant(0.1),
      }),
    ),
  ),
  breaker: option(
    fc.oneof(
      fc.constant('none'),
      fc.record({ threshold: fc.constantFrom(0.2, 0.5, 1), min: fc.integer({ min: 1, max: 50 }), open: ms(5000) }),
    ),
  ),
  bulkhead: option(
    fc.oneof(
      fc.constant('none'),
      fc.integer({ min: 1, max: 50 }),
      fc.record({ slots: fc.integer({ min: 1, max: 50 }), queue: fc.nat(10) }),
    ),
  ),
  limit: option(
    fc.oneof(
      fc.constant('none'),
      fc.constantFrom('vegas', 'aimd', 'gradient2').map((kind) => ({ kind })),
    ),
  ),
  hedge: option(
    fc.oneof(fc.constant('none'), fc.record({ after: fc.oneof(fc.constant('p95'), ms(90)), max: fc.constant(1) })),
  ),
})

const partsOfEdge: fc.Arbitrary<Raw> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: option(fc.constant('sync')),
      group: option(fc.nat(3)),
      parallel: option(fc.boolean()),
      optional: option(fc.boolean()),
      fallback: option(fc.boolean()),
      calls: option(fc.integer({ min: 1, max: 3 })),
      policy: option(fc.constantFrom('none', 'p0', 'p1')),
      network: option(time),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('queue', 'stream'),
      consumers: option(fc.integer({ min: 1, max: 5 })),
      maxAttempts: option(fc.integer({ min: 1, max: 5 })),
      attemptTimeout: option(fc.oneof(fc.constant('none'), ms(500))),
      backoff: option(fc.record({ base: ms(100), cap: fc.constant('2s') })),
      dlq: option(fc.boolean()),
      publish: option(fc.constantFrom('outbox', 'direct')),
      network: option(time),
    }),
  },
)

const target = { to: fc.constant('s0'), critical: option(share), keys: option(fc.nat(20)) }
const traffic: fc.Arbitrary<Raw> = fc.oneof(
  fc.record({
    ...target,
    process: option(fc.constantFrom('poisson', 'deterministic')),
    rate: fc.oneof(
      fc.nat(30),
      fc.tuple(fc.nat(30), fc.nat(30)).map(([a, b]) => [
        [0, a],
        ['1s', b],
      ]),
    ),
  }),
  fc.record({
    ...target,
    process: fc.constant('mmpp'),
    states: fc.array(fc.record({ rate: fc.nat(30), mean: ms(1000) }), { minLength: 2, maxLength: 3 }),
  }),
  fc.record({ ...target, process: fc.constant('closed'), clients: fc.integer({ min: 1, max: 5 }), think: ms(200) }),
  fc.record({
    ...target,
    process: fc.constant('trace'),
    at: fc.array(fc.nat(1000), { maxLength: 20 }).map((times) => times.toSorted((a, b) => a - b)),
  }),
)

const faultKind = fc.oneof(
  fc.constantFrom('crash', 'hang', 'broker-down', 'capacity(0.2)', 'latency(x5)', 'latency(2.5)', 'errors(0.5)'),
  fc.record({ kind: fc.constantFrom('capacity', 'errors'), value: share }),
)
const fault: fc.Arbitrary<Raw> = fc
  .record({ at: fc.nat(2000), for: ms(1000), kind: faultKind })
  .map(({ kind, ...when }) => {
    const what = typeof kind === 'string' ? { kind } : kind
    return { ...when, ...what, ...(what.kind !== 'broker-down' && { target: 's0' }) }
  })

const arm: fc.Arbitrary<Raw | null> = fc.oneof(
  fc.constant(null),
  fc.record({
    description: option(fc.constant('another way')),
    success: option(fc.constantFrom('processed', 'answered')),
    services: option(fc.record({ s0: fc.record({ latency: time, failure: share }) })),
    policies: option(
      fc.record({
        p0: fc.record({ budget: fc.constant('none'), breaker: fc.constant('none'), hedge: fc.constant('none') }),
      }),
    ),
    faults: option(fc.array(fault, { maxLength: 2 })),
  }),
)

const expectation: fc.Arbitrary<Raw> = fc
  .record({
    arm: fc.constant('one'),
    metric: fc.constantFrom('successRatio', 'latencyMs.p99', 'failed.timeout', 'services.s0.utilization'),
    op: fc.constantFrom('<', '<=', '=', '>=', '>'),
    value: fc.oneof(share, fc.record({ arm: fc.constant('one'), times: fc.constant(1) })),
    within: option(fc.constant(['0s', '500ms'])),
  })
  .map(({ within, ...claim }) => (claim.metric.startsWith('services') ? claim : { ...claim, within }))

/** Scenarios as values: small, short, and right. */
const validRaw: fc.Arbitrary<Raw> = fc
  .record({
    services: fc.array(service, { minLength: 1, maxLength: 5 }),
    edges: fc.array(fc.tuple(fc.nat(100), fc.nat(100), partsOfEdge), { maxLength: 6 }),
    policies: fc.tuple(policy, policy),
    seed: option(fc.nat(2 ** 32 - 1)),
    duration: fc.constantFrom('1s', '2s', 1500),
    warmup: option(fc.constantFrom('0s', '200ms')),
    drain: option(fc.constantFrom('10s', '30s')),
    window: option(fc.constantFrom('100ms', '1s')),
    success: option(fc.constantFrom('processed', 'answered')),
    traffic: fc.oneof(traffic, fc.array(traffic, { minLength: 1, maxLength: 2 })),
    faults: option(fc.array(fault, { maxLength: 3 })),
    arms: option(fc.record({ one: arm, two: arm })),
    expect: option(fc.array(expectation, { maxLength: 2 })),
  })
  .map(({ services, edges, policies: [p0, p1], arms, expect, ...rest }) => ({
    version: 1,
    name: 'drawn',
    ...rest,
    services: Object.fromEntries(services.map((each, i) => [`s${i}`, each])),
    edges: services.length < 2 ? [] : edges.map((drawn, i) => edgeBetween(services.length, drawn, `e${i}`)),
    policies: { p0, p1 },
    ...(arms && { arms, expect }),
  }))
  .map((raw) => JSON.parse(JSON.stringify(raw)) as Raw)

// Always from a lower number to a higher one: nothing goes round.
function edgeBetween(count: number, [a, b, parts]: readonly [number, number, Raw], id: string): Raw {
  const from = a % (count - 1)
  return { id, from: `s${from}`, to: `s${from + 1 + (b % (count - 1 - from))}`, ...parts }
}

const written = (raw: unknown, format: LabText['format']): string =>
  format === 'json' ? JSON.stringify(raw, null, 2) : stringify(raw)

const format = fc.constantFrom('yaml' as const, 'json' as const)

/** Texts that are right: each can be read and run, in well below a second. */
export const validTexts: fc.Arbitrary<LabText> = fc
  .tuple(validRaw, format)
  .map(([raw, how]) => ({ text: written(raw, how), format: how }))

const junk = fc.constantFrom<unknown>(
  ...[null, true, '', 'x', '5', '-5', '5%', '50sec', '1 h', 'none', 'unbounded', 's9', 's0', 'kind', '__proto__'],
  ...[-1, 0, 0.5, 1e-9, 1e21, 2 ** 53, Number.MAX_VALUE, Number.NaN, Number.POSITIVE_INFINITY, 99, 100_001],
  ...[[], {}, [[]], [null], [[0, 1], [0]], { kind: 'crash' }, { base: -1 }, { from: 's0' }, { kind: ['sync'] }],
)
const keys = 'id from to kind latency latncy mean sigma base rate at for arm edges services toString __proto__'.split(
  ' ',
)

interface Spot {
  readonly holder: Raw | unknown[]
  readonly key: string | number
}

function spotsOf(value: unknown): readonly Spot[] {
  if (typeof value !== 'object' || value === null) return []
  const holder = value as Raw
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...spotsOf(holder[key])])
}

type Change = readonly [kind: 'drop' | 'junk' | 'rename' | 'copy' | 'add', at: number, value: unknown, other: number]

const change: fc.Arbitrary<Change> = fc.tuple(
  fc.constantFrom('drop', 'junk', 'rename', 'copy', 'add'),
  fc.nat(),
  junk,
  fc.nat(),
)

function changed(raw: Raw, changes: readonly Change[]): Raw {
  const copy = structuredClone(raw)
  for (const [kind, at, value, other] of changes) {
    const spots = spotsOf(copy)
    const { holder, key } = spots[at % spots.length] ?? { holder: copy, key: 'version' }
    const [fields, name] = [holder as Raw, keys[other % keys.length] ?? 'x']
    if (kind === 'junk') fields[key] = structuredClone(value)
    if (kind === 'copy')
      fields[key] = structuredClone(fields[String(Object.keys(fields)[other % Object.keys(fields).length])])
    if (kind === 'add')
      Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true })
    if (kind === 'rename' && !Array.isArray(holder)) fields[`${key}x`] = fields[key]
    if ((kind === 'drop' || kind === 'rename') && !Array.isArray(holder)) delete fields[key]
  }
  return copy
}

const scraps = [
  '\n',
  '  ',
  '\t',
  ':',
  '- ',
  '{',
  '}',
  '[',
  ']',
  '"',
  "'",
  '#',
  '&a ',
  '*a',
  '!!int ',
  '|',
  '---\n',
  '.nan',
  '?',
  '\u0000',
  '\ud800',
]

type Cut = readonly [at: number, length: number, insert: string]

const cut: fc.Arbitrary<Cut> = fc.tuple(
  fc.nat(),
  fc.nat(20),
  fc.oneof(fc.constantFrom(...scraps), fc.string({ maxLength: 8 })),
)

const withCut = (text: string, [at, length, insert]: Cut): string => {
  const from = at % (text.length + 1)
  return text.slice(0, from) + insert + text.slice(from + length)
}

/** Texts that somebody got wrong: values, names, references, syntax. */
export const brokenTexts: fc.Arbitrary<LabText> = fc
  .tuple(
    validRaw,
    format,
    fc.array(change, { maxLength: 4 }),
    fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(cut, { maxLength: 3 })),
  )
  .map(([raw, how, changes, cuts]) => ({
    text: cuts.reduce(withCut, written(changed(raw, changes), how)),
    format: how,
  }))
