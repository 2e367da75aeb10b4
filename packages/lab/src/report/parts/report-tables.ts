import { count, dash, duration, factor, percent, perSecond, plusMinus } from '../../analysis/report-figures.ts'
import type { ArmResult, Ci95, FailureReason, FluidResult, LabResult } from '../../model/result.ts'
import { figures, type ReportTable, words } from './report-table.ts'

/** The arms side by side, each with the bound that arithmetic sets. Figures carry their 95 % interval where there is one. */
export function armsTable({ arms, fluid }: LabResult): ReportTable {
  const rows = Object.entries(arms).map(([name, arm]) => {
    const { ci95, latencyMs } = arm
    const some = arm.succeeded > 0
    return [
      name,
      count(arm.offered),
      plusMinus(percent(arm.successRatio), half(ci95, 'successRatio', percent)),
      some ? plusMinus(duration(latencyMs.p50), half(latencyMs.ci95, 'p50', duration)) : dash,
      some ? plusMinus(duration(latencyMs.p99), half(latencyMs.ci95, 'p99', duration)) : dash,
      plusMinus(factor(arm.amplification), half(ci95, 'amplification', factor)),
      count(arm.breakerOpens),
      count(arm.deadLetters),
      count(arm.backlogPeak),
      duration(arm.oldestAgeMaxMs),
      recovered(arm.timeToRecoverMs),
      ...boundWords(fluid[name]?.bound),
    ]
  })
  const titles = [
    'offered',
    'succeeded',
    'p50',
    'p99',
    'amplification',
    'breaker opens',
    'dead letters',
    'backlog peak',
    'oldest age',
    'recover',
    'bound',
  ]
  return { title: 'Arms', columns: [words('arm'), ...titles.map(figures), words('bound by')], rows }
}

function half(ci95: Ci95 | undefined, name: string, shown: (value: number) => string): string | null {
  const value = ci95?.[name]
  return value === undefined || !Number.isFinite(value) ? null : shown(value)
}

/** How long it took to come back. */
export const recovered = (ms: number | null): string => (ms === null ? 'never' : ms === 0 ? 'at once' : duration(ms))

// The share that no synchronous arm can pass, and what sets it.
function boundWords(bound: FluidResult['bound'] | undefined): readonly [string, string] {
  if (bound === undefined || bound === null) return ['none', dash]
  return [`≤ ${percent(bound.ratio)}`, `${bound.service} ${perSecond(bound.perSec)}`]
}

const reasonWords: Readonly<Record<FailureReason, string>> = {
  timeout: 'timeout',
  deadline: 'deadline',
  open: 'breaker open',
  bulkhead: 'bulkhead full',
  limit: 'limit reached',
  error: 'error',
  refused: 'refused',
  full: 'queue full',
  shed: 'shed',
  crash: 'crash',
  'dead-letter': 'dead letter',
  dropped: 'dropped',
  broker: 'broker away',
  unfinished: 'unfinished',
}

/** Why requests failed, one row per arm; only reasons that occurred. Undefined where nothing failed. */
export function failuresTable({ arms }: LabResult): ReportTable | undefined {
  const reasons = (Object.keys(reasonWords) as FailureReason[]).filter((reason) =>
    Object.values(arms).some(({ failed }) => (failed[reason] ?? 0) > 0),
  )
  if (reasons.length === 0) return undefined
  const rows = Object.entries(arms).map(([name, arm]) => [name, ...reasons.map((one) => count(arm.failed[one] ?? 0))])
  const columns = [words('arm'), ...reasons.map((reason) => figures(reasonWords[reason]))]
  return { title: 'Failures by reason', columns, rows }
}

/** The claims of the scenario; undefined where it makes none. */
export function expectationsTable({ expect }: LabResult): ReportTable | undefined {
  if (expect.length === 0) return undefined
  const rows = expect.map(({ claim, holds, seen }) => [holds ? 'yes' : 'NO', claim, seenWords(seen)])
  return { title: 'Expectations', columns: [words('holds'), words('claim'), figures('seen')], rows }
}

const seenWords = (seen: number): string =>
  seen === Number.POSITIVE_INFINITY ? 'never' : Number.isFinite(seen) ? `${Number(seen.toPrecision(6))}` : dash

const checkWords = {
  conservation: 'in = out + still there',
  little: "Little's law",
  capacity: 'work ≤ capacity',
} as const

/** What the simulator checks about itself. */
export function checksTable({ checks }: LabResult): ReportTable {
  const rows = (['conservation', 'little', 'capacity'] as const).map((name) => {
    const { ok, worst, where } = checks[name]
    return [ok ? 'yes' : 'NO', checkWords[name], seenWords(worst), where === '' ? dash : where]
  })
  const columns = [words('holds'), words('self-check'), figures('worst'), words('where')]
  return { title: 'Self-checks', columns, rows }
}

/** Closed forms beside what was simulated; undefined where no arm has one. */
export function formsTable({ fluid }: LabResult): ReportTable | undefined {
  const rows = Object.entries(fluid).flatMap(([arm, { forms }]) =>
    forms.map(({ name, metric, predicted, simulated }) => {
      const off = predicted === 0 ? dash : percent(Math.abs(simulated / predicted - 1))
      return [arm, name, metric, seenWords(predicted), seenWords(simulated), off]
    }),
  )
  if (rows.length === 0) return undefined
  const columns = [words('arm'), words('form'), words('metric'), ...['predicted', 'simulated', 'off by'].map(figures)]
  return { title: 'Closed forms', columns, rows }
}

/** What every service of every arm did. */
export function servicesTable({ arms }: LabResult): ReportTable {
  const row = (arm: string, name: string, one: ArmResult['services'][string]): readonly string[] => [
    arm,
    name,
    count(one.arrivals),
    count(one.completed),
    count(one.failed),
    count(one.rejected),
    count(one.abandoned),
    count(one.wastedWork),
    // For unbounded workers it is a number of busy ones, and may be above 1.
    one.utilization > 1 ? `${count(one.utilization)} busy` : percent(one.utilization),
    duration(one.waitMs.mean),
    duration(one.waitMs.p99),
    duration(one.serviceMs.mean),
    count(one.queueMax),
  ]
  const titles = [
    'arrivals',
    'completed',
    'failed',
    'rejected',
    'abandoned',
    'for nobody',
    'utilization',
    'wait, mean',
    'wait, p99',
    'service, mean',
    'longest queue',
  ]
  const rows = Object.entries(arms).flatMap(([arm, { services }]) =>
    Object.entries(services).map(([name, one]) => row(arm, name, one)),
  )
  return { title: 'Services', columns: [words('arm'), words('service'), ...titles.map(figures)], rows }
}
