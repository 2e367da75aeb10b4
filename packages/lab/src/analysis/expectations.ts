import { FirebreakError } from 'firebreak/internal'
import type { ArmResult, ExpectationResult } from '../model/result.ts'
import type { Expectation } from '../model/scenario.ts'

/** Finds the figures that a claim is about: those of an arm, or of the arrivals of a part of its run. */
export type FiguresOf = (arm: string, within: Expectation['within']) => Partial<ArmResult>

/**
 * Judges the claims of a scenario by the means of all replications.
 *
 * **Errors** `FB_CONFIG` with every metric that is not there
 */
export function judge(expectations: readonly Expectation[], figuresOf: FiguresOf): readonly ExpectationResult[] {
  const problems: string[] = []
  const seenOf = (arm: string, { metric, within }: Expectation): number => {
    const value = metricOf(figuresOf(arm, within), metric)
    if (value !== undefined) return value
    problems.push(`${arm} has no metric ${metric}${within === null ? '' : ' of a part of the run'}`)
    return 0
  }
  const results = expectations.map((expectation) => {
    const seen = seenOf(expectation.arm, expectation)
    const { value, op } = expectation
    const wanted = typeof value === 'number' ? value : seenOf(value.arm, expectation) * value.times
    return { claim: claimOf(expectation), holds: compare(op, seen, wanted), seen }
  })
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return results
}

/** The number at a path of a result; undefined where none can be. No failure of a reason is 0; never recovered is Infinity. */
export function metricOf(figures: Partial<ArmResult>, metric: string): number | undefined {
  if (metric === 'timeToRecoverMs' && figures.timeToRecoverMs === null) return Number.POSITIVE_INFINITY
  let at: unknown = figures
  for (const name of metric.split('.')) {
    if (typeof at !== 'object' || at === null) return undefined
    if (!Object.hasOwn(at, name)) return at === figures.failed ? 0 : undefined
    at = (at as Readonly<Record<string, unknown>>)[name]
  }
  return typeof at === 'number' ? at : undefined
}

function compare(op: Expectation['op'], seen: number, wanted: number): boolean {
  // Means of whole numbers need not be exact.
  const isEqual = seen === wanted || Math.abs(seen - wanted) <= 1e-9 * Math.max(Math.abs(seen), Math.abs(wanted))
  switch (op) {
    case '=':
      return isEqual
    case '<':
      return seen < wanted && !isEqual
    case '<=':
      return seen < wanted || isEqual
    case '>=':
      return seen > wanted || isEqual
    case '>':
      return seen > wanted && !isEqual
  }
}

function claimOf({ arm, metric, op, value, within }: Expectation): string {
  const wanted = typeof value === 'number' ? `${value}` : `${value.times} x that of ${value.arm}`
  const part = within === null ? '' : `, arrivals from ${within.fromMs / 1000} s to ${within.toMs / 1000} s`
  return `${arm}: ${metric} ${op} ${wanted}${part}`
}
