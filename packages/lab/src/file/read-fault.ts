/** Reads the faults of an arm. */

import type { Edge, Fault } from '../model/scenario.ts'
import type { Entry } from './read-arms.ts'
import { type Judging, type Report, reportOn, reportUnknown, shaped } from './read-entry.ts'
import { durationMs } from './schema/read-duration.ts'
import { shown } from './schema/read-problems.ts'
import type { RawFault } from './schema/scenario-entry-schemas.ts'
import { faultSchema } from './schema/scenario-entry-schemas.ts'

interface Targets {
  readonly services: readonly string[]
  /** Ids of the edges as they are written, whether they can be read or not. */
  readonly edgeIds: readonly string[]
  readonly edges: readonly Edge[]
  /** When the run is over at the latest. */
  readonly endMs: number
}

/** The faults of an arm that can be read; what is wrong is reported. */
export function faultsOf(judging: Judging, entries: readonly Entry[], targets: Targets): readonly Fault[] {
  return entries.flatMap((entry) => {
    const raw = shaped(judging, faultSchema, entry)
    if (raw === undefined) return []
    const report = reportOn(judging, entry)
    const [atMs, forMs] = [durationMs(raw.at), durationMs(raw.for)]
    if (forMs === 0) report(['for'], { message: 'must be above 0ms' })
    if (atMs >= targets.endMs) report(['at'], { message: `is outside the run, which is over at ${targets.endMs}ms` })
    const fault = faultOf(raw, targets, report)
    return fault === undefined ? [] : [{ atMs, forMs, ...fault }]
  })
}

type Kind = Fault['kind']

// What a fault is, without its times.
type What = Fault extends infer F ? (F extends Fault ? Omit<F, 'atMs' | 'forMs'> : never) : never

function faultOf(raw: RawFault, targets: Targets, report: Report): What | undefined {
  const [, kind = raw.kind, inner] = /^([a-z-]+)\((.*)\)$/s.exec(raw.kind) ?? []
  const target = targetOf(raw, kind as Kind, targets, report)
  if (kind !== 'capacity' && kind !== 'latency' && kind !== 'errors') {
    if (raw.value !== undefined || inner !== undefined)
      report([raw.value === undefined ? 'kind' : 'value'], { message: `${kind} takes no value` })
    return target === undefined ? undefined : { kind: kind as Exclude<Kind, Written['kind']>, target }
  }
  const value = strengthOf(raw, { kind, inner }, report)
  return target === undefined || value === undefined ? undefined : { kind, target, value }
}

function targetOf(
  raw: RawFault,
  kind: Kind,
  { services, edgeIds, edges }: Targets,
  report: Report,
): string | undefined {
  const { target } = raw
  if (kind === 'broker-down') {
    if (target !== undefined && target !== 'broker')
      report(['target'], { message: `is always broker, not ${shown(target)}`, suggestion: 'Leave it out' })
    return 'broker'
  }
  if (target === undefined) {
    report(['target'], { message: 'is missing' })
    return undefined
  }
  const isEdge = kind === 'partition' || kind === 'hold'
  const known = isEdge ? edgeIds : services
  reportUnknown(report, ['target'], { what: isEdge ? 'edge' : 'service', name: target, known })
  if (kind === 'hold' && edges.some((edge) => edge.id === target && edge.kind === 'sync'))
    report(['target'], { message: 'is a call: only consumers of a queue or stream can be held' })
  return known.includes(target) ? target : undefined
}

interface Written {
  readonly kind: 'capacity' | 'latency' | 'errors'
  /** What stands in brackets behind the kind. */
  readonly inner: string | undefined
}

const ranges: Readonly<Record<Written['kind'], readonly [number, number, string]>> = {
  capacity: [0, 1, 'the share of the workers that is left, 0 to 1'],
  latency: [0, 1e6, 'the factor of the latency, 0 to 1000000'],
  errors: [0, 1, 'the probability of failure, 0 to 1'],
}

function strengthOf(raw: RawFault, { kind, inner }: Written, report: Report): number | undefined {
  const [least, most, what] = ranges[kind]
  const field = raw.value === undefined ? 'kind' : 'value'
  if (raw.value !== undefined && inner !== undefined) {
    report(['value'], { message: `stands in ${shown(raw.kind)} already` })
    return undefined
  }
  if (raw.value === undefined && inner === undefined) {
    report(['kind'], { message: `needs ${what}`, suggestion: `Write ${kind}(${kind === 'latency' ? 'x5' : '0.5'})` })
    return undefined
  }
  const digits = kind === 'latency' ? inner?.replace(/^x/, '') : inner
  const value = raw.value ?? (/^\d+(\.\d+)?$/.test(digits ?? '') ? Number(digits) : Number.NaN)
  if (value >= least && value <= most) return value
  report([field], { message: `must be ${what}, not ${shown(raw.value ?? inner)}` })
  return undefined
}
