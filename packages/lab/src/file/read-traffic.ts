/** Reads the sources of traffic of an arm. */

import type { Arrivals, RateStep, Traffic } from '../model/scenario.ts'
import type { Entry } from './read-arms.ts'
import { type Judging, type Report, reportOn, reportUnknownMember, shaped } from './read-entry.ts'
import { timeOf } from './read-time.ts'
import { durationMs } from './schema/read-duration.ts'
import type { RawRate, RawTraffic } from './schema/scenario-entry-schemas.ts'
import { trafficSchema } from './schema/scenario-entry-schemas.ts'
import type { RawDuration } from './schema/scenario-leaves.ts'

/** The sources of traffic of an arm that can be read; what is wrong is reported. */
export function trafficOf(
  judging: Judging,
  entries: readonly Entry[],
  at: { readonly services: readonly string[]; readonly durationMs: number },
): readonly Traffic[] {
  return entries.flatMap((entry) => {
    const raw = shaped(judging, trafficSchema, entry)
    reportUnknownMember(judging, entry, 'to', { what: 'service', known: at.services })
    if (raw === undefined) return []
    const report = reportOn(judging, entry)
    const { to, critical, keys } = raw
    return [{ to, arrivals: arrivalsOf(raw, at.durationMs, report), critical, keys }]
  })
}

function arrivalsOf(raw: RawTraffic, endMs: number, report: Report): Arrivals {
  switch (raw.process) {
    case 'mmpp':
      return { kind: 'mmpp', states: raw.states.map(({ rate, mean }) => ({ perSec: rate, meanMs: durationMs(mean) })) }
    case 'closed': {
      const think = timeOf(raw.think, (rest, finding) => report(['think', ...rest], finding))
      return { kind: 'closed', clients: raw.clients, think }
    }
    case 'trace':
      return { kind: 'trace', atMs: raw.at.map((_, i) => risingMs(raw.at, i, { path: ['at', i], endMs, report })) }
    default:
      return { kind: raw.process ?? 'poisson', rate: stepsOf(raw.rate, endMs, report) }
  }
}

function stepsOf(rate: RawRate, endMs: number, report: Report): readonly RateStep[] {
  if (typeof rate === 'number') return [{ atMs: 0, perSec: rate }]
  const times = rate.map(([at]) => at)
  return rate.map(([, perSec], i) => ({ atMs: risingMs(times, i, { path: ['rate', i, 0], endMs, report }), perSec }))
}

interface Rising {
  readonly path: readonly (string | number)[]
  readonly endMs: number
  readonly report: Report
}

function risingMs(times: readonly RawDuration[], i: number, { path, endMs, report }: Rising): number {
  const ms = durationMs(times[i])
  if (i > 0 && ms < durationMs(times[i - 1]))
    report(path, { message: `comes before the one in front of it: ${times[i]} < ${times[i - 1]}` })
  if (ms > endMs) report(path, { message: `is after the end of the run: ${times[i]} > ${endMs}ms` })
  return ms
}
