/** Reads the claims of a file. */

import type { Expectation } from '../model/scenario.ts'
import type { Entry } from './read-arms.ts'
import { type Judging, type Report, reportOn, reportUnknown, reportUnknownMember, shaped } from './read-entry.ts'
import { metricFinding, partMetricFinding } from './read-metrics.ts'
import { durationMs } from './schema/read-duration.ts'
import type { RawExpectation } from './schema/scenario-entry-schemas.ts'
import { expectationSchema } from './schema/scenario-entry-schemas.ts'

interface Subjects {
  /** Names of the services by arm. */
  readonly arms: ReadonlyMap<string, readonly string[]>
  readonly durationMs: number
}

/** The expectations of a file that can be read; what is wrong is reported. */
export function expectationsOf(
  judging: Judging,
  entries: readonly Entry[],
  subjects: Subjects,
): readonly Expectation[] {
  return entries.flatMap((entry) => {
    const raw = shaped(judging, expectationSchema, entry)
    reportUnknownMember(judging, entry, 'arm', { what: 'arm', known: [...subjects.arms.keys()] })
    if (raw === undefined) return []
    const report = reportOn(judging, entry)
    const arm = armOf(raw, subjects, report)
    if (arm === undefined) return []
    const { metric, op, value } = raw
    if (typeof value === 'object') {
      const known = [...subjects.arms.keys()]
      reportUnknown(report, ['value', 'arm'], { what: 'arm', name: value.arm, known })
    }
    reportMetric(raw, [arm, typeof value === 'object' ? value.arm : arm], { subjects, report })
    return [{ arm, metric, op, value, within: withinOf(raw, subjects, report) }]
  })
}

function armOf({ arm }: RawExpectation, subjects: Subjects, report: Report): string | undefined {
  const names = [...subjects.arms.keys()]
  if (arm === undefined && names.length === 1) return names[0]
  if (arm === undefined) {
    report(['arm'], { message: `is missing: one of ${names.slice(0, 12).join(', ')}` })
    return undefined
  }
  return subjects.arms.has(arm) ? arm : undefined
}

interface MetricReading {
  readonly subjects: Subjects
  readonly report: Report
}

function reportMetric(
  { metric, within }: RawExpectation,
  arms: readonly string[],
  { subjects, report }: MetricReading,
): void {
  // An arm that is not there is reported already.
  const missing = arms.flatMap((arm) => {
    const services = subjects.arms.get(arm)
    return services === undefined ? [] : (metricFinding(metric, services) ?? [])
  })
  const finding = missing[0] ?? (within === undefined ? undefined : partMetricFinding(metric))
  if (finding !== undefined) report(['metric'], finding)
}

function withinOf({ within }: RawExpectation, subjects: Subjects, report: Report): Expectation['within'] {
  if (within === undefined) return null
  const [fromMs, toMs] = [durationMs(within[0]), durationMs(within[1])]
  if (fromMs >= toMs) report(['within'], { message: `ends before it begins: ${within[0]} and ${within[1]}` })
  if (toMs > subjects.durationMs)
    report(['within', 1], { message: `is after the last arrival: ${within[1]} > ${subjects.durationMs}ms` })
  return { fromMs, toMs }
}
