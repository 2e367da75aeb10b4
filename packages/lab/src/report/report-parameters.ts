import type { Policy } from 'firebreak'
import { count, counted, dash, duration, factor, moment, percent, perSecond } from '../analysis/report-figures.ts'
import { faultName, faultSpan } from '../analysis/report-moments.ts'
import type { Arm, Arrivals, Distribution, Edge, Scenario, ServiceModel } from '../model/scenario.ts'
import { figures, type ReportColumn, type ReportTable, words } from './parts/report-table.ts'

/** Everything that a scenario sets, as tables; what several arms share stands there once. */
export function parameterTables(scenario: Scenario): readonly ReportTable[] {
  const table = (
    title: string,
    columns: readonly ReportColumn[],
    rowsOf: (arm: Arm) => readonly (readonly string[])[],
  ) => ({
    title,
    columns: [...columns, words('in arms')],
    rows: sharedRows(scenario.arms, rowsOf),
  })
  const tables = [
    runTable(scenario),
    table('Traffic', [words('to'), words('arrivals'), figures('critical'), figures('keys')], ({ traffic }) =>
      traffic.map(({ to, arrivals, critical, keys }) => [
        to,
        arrivalWords(arrivals),
        percent(critical),
        keys === 0 ? 'one each' : count(keys),
      ]),
    ),
    table('Services', serviceColumns, ({ services }) => services.map(serviceRow)),
    table('Edges', [words('edge'), words('kind'), words('how'), words('network')], ({ edges }) => edges.map(edgeRow)),
    table('Faults', [words('fault'), words('when')], ({ faults }) =>
      faults.map((fault) => [faultName(fault), faultSpan(fault)]),
    ),
  ]
  return tables.filter(({ rows }) => rows.length > 0)
}

function runTable(scenario: Scenario): ReportTable {
  const { seed, replications, durationMs, warmupMs, drainMaxMs, windowMs, eventsMax, arms } = scenario
  const rows = [
    ['seed', String(seed)],
    ['replications', count(replications)],
    ['arrivals', `0 s to ${moment(durationMs)}`],
    ['warm-up, not counted', duration(warmupMs)],
    ['drain, at most', duration(drainMaxMs)],
    ['window', duration(windowMs)],
    ['events, at most', count(eventsMax)],
    ...arms.map(({ name, description, success }) => [
      `arm ${name}`,
      `success: ${success}${description === '' ? '' : `. ${description}`}`,
    ]),
  ]
  return { title: 'Run', columns: [words('parameter'), words('value')], rows }
}

/** Equal rows of several arms become one; the last column says whose it is. */
function sharedRows(arms: readonly Arm[], rowsOf: (arm: Arm) => readonly (readonly string[])[]): ReportTable['rows'] {
  const found = new Map<string, { readonly row: readonly string[]; readonly names: Set<string> }>()
  for (const arm of arms) {
    for (const row of rowsOf(arm)) {
      const key = JSON.stringify(row)
      const entry = found.get(key) ?? { row, names: new Set<string>() }
      entry.names.add(arm.name)
      found.set(key, entry)
    }
  }
  return [...found.values()].map(({ row, names }) => [
    ...row,
    names.size === arms.length ? 'all' : [...names].join(', '),
  ])
}

const limit = (value: number, unbounded: string): string => (Number.isFinite(value) ? count(value) : unbounded)
const limitMs = (value: number, unbounded: string): string => (Number.isFinite(value) ? duration(value) : unbounded)

const serviceColumns = [
  words('service'),
  figures('instances'),
  figures('workers each'),
  words('queue each'),
  words('own work'),
  figures('failure'),
  words('overload'),
  words('caller gone'),
]

function serviceRow({ queue, overload, shed, ...service }: ServiceModel): readonly string[] {
  const wait = Number.isFinite(queue.maxWaitMs) ? `, waits ${duration(queue.maxWaitMs)} at most` : ''
  const codel = shed === null ? '' : `, CoDel ${duration(shed.targetMs)} in ${duration(shed.intervalMs)}`
  const over =
    overload === null
      ? 'none'
      : `above ${count(overload.at)}: latency × (1 + ${factor(overload.latencySlope)} × excess), failures + ` +
        `${factor(overload.failureSlope)} × excess up to ${percent(overload.failureMax)}`
  return [
    service.name,
    count(service.instances),
    limit(service.concurrency, 'unbounded'),
    queue.max === 0 ? 'none' : `${limit(queue.max, 'unbounded')}, ${queue.order}${wait}${codel}`,
    distributionWords(service.latency),
    percent(service.failure),
    over,
    service.onCancel === 'stop' ? 'stops' : 'goes on',
  ]
}

function edgeRow(edge: Edge): readonly string[] {
  if (edge.kind === 'sync') {
    const traits = [
      `group ${edge.group}`,
      ...(edge.parallel ? ['parallel'] : []),
      ...(edge.optional ? ['optional'] : []),
      ...(edge.fallback ? ['with fallback'] : []),
      ...(edge.calls === 1 ? [] : [counted(edge.calls, 'call')]),
      policyWords(edge.policy),
    ]
    return [edge.id, 'sync', traits.join('; '), distributionWords(edge.network)]
  }
  const how = [
    counted(edge.consumers, 'consumer'),
    ...(edge.kind === 'stream' ? [counted(edge.partitions, 'partition')] : []),
    `${counted(edge.attemptsMax, 'attempt')} of ${limitMs(edge.attemptTimeoutMs, 'any length')}`,
    `backoff ${edge.backoff.jitter} ${duration(edge.backoff.baseMs)} to ${duration(edge.backoff.capMs)}`,
    edge.deadLetters ? 'dead letters kept' : 'dropped after the last attempt',
    `publishes by ${edge.publish}`,
  ]
  return [edge.id, edge.kind, how.join('; '), distributionWords(edge.network)]
}

function policyWords(policy: Policy | null): string {
  if (policy === null) return 'no policy'
  const { backoff, budget, breaker, bulkhead, limit, hedge } = policy
  return [
    `deadline ${limitMs(policy.deadlineMs, 'none')}`,
    `${counted(policy.attemptsMax, 'attempt')} of ${limitMs(policy.attemptTimeoutMs, 'any length')}`,
    `backoff ${backoff.jitter} ${duration(backoff.baseMs)} to ${duration(backoff.capMs)}`,
    ...(budget === null
      ? []
      : budget.kind === 'ratio'
        ? [`budget ${percent(budget.ratio)} and ${perSecond(budget.minPerSec)} for ${duration(budget.ttlMs)}`]
        : [`budget ${count(budget.tokensMax)} tokens, ${factor(budget.tokenRatio)} per success`]),
    ...(breaker === null
      ? []
      : [
          `breaker at ${percent(breaker.failureRatio)} of ${count(breaker.callsMin)} or more in ${duration(breaker.windowMs)}, ` +
            `open ${duration(breaker.openMs)}, ${counted(breaker.probesMax, 'probe')}`,
        ]),
    ...(bulkhead === null
      ? []
      : [`bulkhead ${counted(bulkhead.slots, 'slot')}, queue ${limitWords(bulkhead.queueMax)}`]),
    ...(limit === null ? [] : [`limit ${limit.kind}, ${count(limit.min)} to ${count(limit.max)}`]),
    ...(hedge === null
      ? []
      : [
          `hedge after ${hedge.after === 'p95' ? 'p95' : duration(hedge.after)}, ${counted(hedge.max, 'copy', 'copies')}`,
        ]),
  ].join('; ')
}

const limitWords = (value: number): string => limit(value, 'unbounded')

const ratesMax = 8

function arrivalWords(arrivals: Arrivals): string {
  switch (arrivals.kind) {
    case 'poisson':
    case 'deterministic': {
      const steps = arrivals.rate.map(({ atMs, perSec }) => `${perSecond(perSec)} from ${moment(atMs)}`)
      const more = steps.length > ratesMax ? [`and ${counted(steps.length - ratesMax, 'further step')}`] : []
      return `${arrivals.kind}: ${[...steps.slice(0, ratesMax), ...more].join(', ')}`
    }
    case 'mmpp':
      return `mmpp: ${arrivals.states.map(({ perSec, meanMs }) => `${perSecond(perSec)} for ${duration(meanMs)}`).join(', ')} (mean)`
    case 'closed':
      return `closed: ${counted(arrivals.clients, 'client')}, think ${distributionWords(arrivals.think)}`
    case 'trace':
      return `trace: ${counted(arrivals.atMs.length, 'arrival')}`
  }
}

function distributionWords(one: Distribution): string {
  switch (one.kind) {
    case 'constant':
      return duration(one.ms)
    case 'uniform':
      return `uniform ${duration(one.minMs)} to ${duration(one.maxMs)}`
    case 'exponential':
      return `exponential, mean ${duration(one.meanMs)}`
    case 'lognormal':
      return `lognormal, median ${duration(one.medianMs)}, sigma ${factor(one.sigma)}`
    case 'pareto':
      return `pareto from ${duration(one.minMs)}, shape ${factor(one.shape)}`
    case 'empirical':
      return one.valuesMs.length === 0
        ? dash
        : `${counted(one.valuesMs.length, 'measured value')}, ${duration(lowest(one.valuesMs))} to ${duration(-lowest(one.valuesMs.map((ms) => -ms)))}`
    case 'mixture': {
      const all = one.parts.reduce((sum, { weight }) => sum + weight, 0)
      return one.parts.map(({ weight, of }) => `${percent(weight / all)} ${distributionWords(of)}`).join('; ')
    }
  }
}

const lowest = (values: readonly number[]): number =>
  values.reduce((low, one) => Math.min(low, one), Number.POSITIVE_INFINITY)
