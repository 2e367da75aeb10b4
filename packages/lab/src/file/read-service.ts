/** Reads the services of an arm. */

import type { ServiceModel } from '../model/scenario.ts'
import type { Entry } from './read-arms.ts'
import { type Judging, type Report, reportOn, shaped } from './read-entry.ts'
import { timeOf } from './read-time.ts'
import { durationMs } from './schema/read-duration.ts'
import type { RawService } from './schema/scenario-entry-schemas.ts'
import { serviceSchema } from './schema/scenario-entry-schemas.ts'

/** A service of an arm; undefined, and reported, where it cannot be read. */
export function serviceOf(judging: Judging, name: string, entry: Entry): ServiceModel | undefined {
  const raw = shaped(judging, serviceSchema, entry)
  if (raw === undefined) return undefined
  const report = reportOn(judging, entry)
  return {
    name,
    instances: raw.instances,
    concurrency: concurrencyOf(raw, report),
    queue: queueOf(raw.queue),
    latency: timeOf(raw.latency, (rest, finding) => report(['latency', ...rest], finding)),
    failure: raw.failure,
    overload: raw.overload === 'none' ? null : raw.overload,
    onCancel: raw.onCancel,
    shed:
      raw.shed === 'none'
        ? null
        : { kind: 'codel', targetMs: durationMs(raw.shed.target), intervalMs: durationMs(raw.shed.interval) },
  }
}

const bounded = (value: number | 'unbounded'): number => (value === 'unbounded' ? Number.POSITIVE_INFINITY : value)

function concurrencyOf({ concurrency, workers }: RawService, report: Report): number {
  const written = concurrency ?? workers
  if (written === undefined)
    report(['concurrency'], { message: 'is missing: how many requests one instance works on at once, or unbounded' })
  if (concurrency !== undefined && workers !== undefined)
    report(['workers'], { message: 'is another word for concurrency: give one of them' })
  return bounded(written ?? 1)
}

function queueOf(raw: RawService['queue']): ServiceModel['queue'] {
  if (typeof raw !== 'object') return { max: bounded(raw), order: 'fifo', maxWaitMs: Number.POSITIVE_INFINITY }
  const maxWaitMs = raw.maxWait === 'unbounded' ? Number.POSITIVE_INFINITY : durationMs(raw.maxWait)
  return { max: bounded(raw.max), order: raw.order, maxWaitMs }
}
