/** Reads distributions. */

import type { Distribution } from '../model/scenario.ts'
import type { Report } from './read-entry.ts'
import { durationMs } from './schema/read-duration.ts'
import type { RawSimple, RawTime } from './schema/scenario-time-schema.ts'

/** Quantile of the normal distribution at 0.99. */
const z99 = 2.3263478740408408

/** A distribution as the lab draws from it; what is wrong with it is reported, and stands for 0 ms. */
export function timeOf(raw: RawTime, report: Report): Distribution {
  if (typeof raw !== 'object') return { kind: 'constant', ms: durationMs(raw) }
  if (raw.kind !== 'mixture') return simpleOf(raw, report)
  const parts = raw.parts.map((part, i) => ({
    weight: part.weight,
    of: simpleOf(part, (rest, finding) => report(['parts', i, ...rest], finding)),
  }))
  return { kind: 'mixture', parts }
}

function simpleOf(raw: RawSimple, report: Report): Distribution {
  switch (raw.kind) {
    case 'exponential':
      return { kind: 'exponential', meanMs: durationMs(raw.mean) }
    case 'uniform':
      return uniformOf(raw, report)
    case 'lognormal':
      return lognormalOf(raw, report)
    case 'pareto':
      if (durationMs(raw.min) === 0) report(['min'], { message: 'must be above 0ms' })
      return { kind: 'pareto', minMs: durationMs(raw.min), shape: raw.shape }
    case 'empirical':
      return { kind: 'empirical', valuesMs: raw.values.map(durationMs) }
    default:
      if (raw.jitter === undefined) return { kind: 'constant', ms: durationMs(raw.base) }
      if (raw.kind === 'constant')
        report(['jitter'], { message: 'a constant has no jitter', suggestion: 'Write kind: uniform, or no kind' })
      return around(raw.base, raw.jitter, report)
  }
}

function around(base: number | string, jitter: number | string, report: Report): Distribution {
  const [baseMs, jitterMs] = [durationMs(base), durationMs(jitter)]
  if (jitterMs > baseMs)
    report(['jitter'], { message: `is more than base: ${jitter} > ${base} would take less than no time` })
  return { kind: 'uniform', minMs: baseMs - jitterMs, maxMs: baseMs + jitterMs }
}

function uniformOf(raw: Extract<RawSimple, { kind: 'uniform' }>, report: Report): Distribution {
  const { min, max, base, jitter } = raw
  const isRange = min !== undefined && max !== undefined && base === undefined && jitter === undefined
  if (isRange) {
    const [minMs, maxMs] = [durationMs(min), durationMs(max)]
    if (minMs > maxMs) report(['min'], { message: `is more than max: ${min} > ${max}` })
    return { kind: 'uniform', minMs, maxMs }
  }
  if (min === undefined && max === undefined && base !== undefined && jitter !== undefined)
    return around(base, jitter, report)
  report([], { message: 'a uniform distribution has either min and max, or base and jitter' })
  return { kind: 'constant', ms: 0 }
}

function lognormalOf(raw: Extract<RawSimple, { kind: 'lognormal' }>, report: Report): Distribution {
  const { median, p50, sigma, p99 } = raw
  const middle = median ?? p50
  if (middle === undefined || (median !== undefined && p50 !== undefined))
    report([], { message: 'a lognormal distribution has either median or p50' })
  if ((sigma === undefined) === (p99 === undefined))
    report([], { message: 'a lognormal distribution has either sigma or p99' })
  const medianMs = durationMs(middle ?? 1)
  if (medianMs === 0) report([median === undefined ? 'p50' : 'median'], { message: 'must be above 0ms' })
  if (p99 === undefined) return { kind: 'lognormal', medianMs, sigma: sigma ?? 0 }
  if (durationMs(p99) < medianMs) report(['p99'], { message: `is below the median: ${p99} < ${middle}` })
  return { kind: 'lognormal', medianMs, sigma: Math.log(durationMs(p99) / medianMs) / z99 }
}
