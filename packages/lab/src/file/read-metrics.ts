/** Names of all figures that expectations and sweeps can be about. */

import { nearestName } from 'firebreak/internal'
import type { TallyResult } from '../analysis/arm-result.ts'
import type { ArmResult, FailureReason, LatencySummary, ServiceResult, WaitSummary } from '../model/result.ts'
import { type Finding, shown } from './schema/read-problems.ts'

type Names<T> = Readonly<Record<Exclude<keyof T, 'ci95'>, readonly string[]>>

const itself: readonly string[] = ['']
const latency: Readonly<Record<Exclude<keyof LatencySummary, 'ci95'>, 0>> = {
  mean: 0,
  p50: 0,
  p90: 0,
  p95: 0,
  p99: 0,
  p999: 0,
  max: 0,
}
const waits: Readonly<Record<Exclude<keyof WaitSummary, 'ci95'>, 0>> = { mean: 0, p50: 0, p95: 0, p99: 0 }
const reasons: Readonly<Record<FailureReason, 0>> = {
  timeout: 0,
  deadline: 0,
  open: 0,
  bulkhead: 0,
  limit: 0,
  error: 0,
  refused: 0,
  full: 0,
  shed: 0,
  crash: 0,
  'dead-letter': 0,
  dropped: 0,
  broker: 0,
  unfinished: 0,
}
const below = (members: object): readonly string[] => Object.keys(members).map((name) => `.${name}`)

// What follows the name of a member: nothing where it is a number, `.p99` where it has parts, none where it is no number.
const ofArm: Names<ArmResult> = {
  offered: itself,
  succeeded: itself,
  failed: below(reasons),
  attempts: itself,
  amplification: itself,
  successRatio: itself,
  latencyMs: below(latency),
  answerMs: below(latency),
  answered: itself,
  timeToRecoverMs: itself,
  breakerOpens: itself,
  deadLetters: itself,
  backlogPeak: itself,
  oldestAgeMaxMs: itself,
  windows: [],
  services: [],
  ecdf: [],
}
// What can be said of the requests that arrive in a part of the run.
const ofPart: Names<TallyResult> = {
  offered: ofArm.offered,
  succeeded: ofArm.succeeded,
  failed: ofArm.failed,
  successRatio: ofArm.successRatio,
  latencyMs: ofArm.latencyMs,
  answerMs: ofArm.answerMs,
  answered: ofArm.answered,
}
const ofService: Names<ServiceResult> = {
  arrivals: itself,
  started: itself,
  completed: itself,
  rejected: itself,
  abandoned: itself,
  failed: itself,
  utilization: itself,
  waitMs: below(waits),
  serviceMs: ['.mean'],
  sojournMs: below(waits),
  waitProbability: itself,
  queueMax: itself,
  wastedWork: itself,
}

const flat = (names: Readonly<Record<string, readonly string[]>>): readonly string[] =>
  Object.entries(names).flatMap(([name, ends]) => ends.map((end) => `${name}${end}`))

const armMetrics = flat(ofArm)
const partMetrics = flat(ofPart)
const serviceMetrics = flat(ofService)

/** A path into the result of an arm, as expectations and sweeps name it, that is none. */
export function metricFinding(metric: string, services: readonly string[]): Finding | undefined {
  const [first, service = '', ...rest] = metric.split('.')
  const isOfService = first === 'services' && services.includes(service)
  if (isOfService ? serviceMetrics.includes(rest.join('.')) : armMetrics.includes(metric)) return undefined
  const suggestion = (): string | undefined => {
    if (isOfService) return meant(`services.${service}.`, rest.join('.'), serviceMetrics)
    if (first === 'services') return meant('services.', service, services)
    return (
      meant('', metric, armMetrics) ??
      'There is successRatio, latencyMs.p99, failed.timeout, services.<name>.utilization'
    )
  }
  return { message: `there is no metric ${shown(metric)}`, suggestion }
}

/** A metric that there is, and not of a part of the run. */
export function partMetricFinding(metric: string): Finding | undefined {
  if (partMetrics.includes(metric)) return undefined
  const known = Object.keys(ofPart).join(', ')
  return { message: `${shown(metric)} is not measured for a part of the run, only ${known}` }
}

function meant(start: string, typed: string, known: readonly string[]): string | undefined {
  const near = nearestName(typed, known)
  return near === undefined ? undefined : `Did you mean "${start}${near}"?`
}
