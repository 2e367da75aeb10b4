import { meanAndCi } from '../math/confidence.ts'
import type { ArmResult, Ci95, FailureReason, ServiceResult, WindowResult } from '../model/result.ts'
import type { TallyResult } from './arm-result.ts'

/** The mean of replications, with confidence intervals beside when there are several. */
export function averageArm(results: readonly ArmResult[]): ArmResult {
  const [first] = results as readonly [ArmResult, ...ArmResult[]]
  if (results.length === 1) return first
  const { mean, ci95 } = averaged(results, armNumbers)
  const { ci95: tallyCi95, ...tally } = averageTally(results)
  return {
    ...tally,
    ...mean,
    timeToRecoverMs: averageRecovery(results),
    windows: averageWindows(results.map(({ windows }) => windows)),
    services: averageServices(results),
    ecdf: averageEcdf(results.filter(({ succeeded }) => succeeded > 0)),
    ci95: { ...tallyCi95, ...ci95 },
  }
}

/** The same for the part of a result that says what became of requests. */
export function averageTally(results: readonly TallyResult[]): TallyResult & Pick<ArmResult, 'ci95'> {
  const [first] = results as readonly [TallyResult, ...TallyResult[]]
  if (results.length === 1) return first
  const { mean, ci95 } = averaged(results, tallyNumbers)
  const succeeding = results.filter(({ succeeded }) => succeeded > 0).map(({ latencyMs }) => latencyMs)
  const answering = results.filter(({ answered }) => answered > 0).map(({ answerMs }) => answerMs)
  return {
    ...mean,
    failed: averageFailures(results),
    latencyMs: succeeding.length === 0 ? first.latencyMs : averageNumbers(succeeding, latencyNumbers),
    answerMs: answering.length === 0 ? first.answerMs : averageNumbers(answering, latencyNumbers),
    ci95,
  }
}

const tallyNumbers = ['offered', 'succeeded', 'successRatio', 'answered'] as const

const armNumbers = [
  'attempts',
  'amplification',
  'breakerOpens',
  'deadLetters',
  'backlogPeak',
  'oldestAgeMaxMs',
] as const

const serviceNumbers = [
  'arrivals',
  'started',
  'completed',
  'rejected',
  'failed',
  'abandoned',
  'utilization',
  'waitProbability',
  'queueMax',
  'wastedWork',
] as const

const latencyNumbers = ['mean', 'p50', 'p90', 'p95', 'p99', 'p999', 'max'] as const

const waitNumbers = ['mean', 'p50', 'p95', 'p99'] as const

type Numbers<K extends string> = Readonly<Record<K, number>>

function averaged<K extends string>(
  rows: readonly Numbers<K>[],
  names: readonly K[],
): { readonly mean: Numbers<K>; readonly ci95: Ci95 } {
  const found = names.map((name) => [name, meanAndCi(rows.map((row) => row[name]))] as const)
  return {
    mean: Object.fromEntries(found.map(([name, { mean }]) => [name, mean])) as Numbers<K>,
    ci95: Object.fromEntries(
      found.filter(([, { ci95 }]) => !Number.isNaN(ci95)).map(([name, { ci95 }]) => [name, ci95]),
    ),
  }
}

// The replications that have no such durations are left out by the caller.
function averageNumbers<K extends string>(
  rows: readonly Numbers<K>[],
  names: readonly K[],
): Numbers<K> & { readonly ci95?: Ci95 } {
  const { mean, ci95 } = averaged(rows, names)
  return rows.length < 2 ? mean : { ...mean, ci95 }
}

function averageFailures(results: readonly TallyResult[]): ArmResult['failed'] {
  const reasons = [...new Set(results.flatMap(({ failed }) => Object.keys(failed)))].toSorted() as FailureReason[]
  const mean = (reason: FailureReason): number => meanAndCi(results.map(({ failed }) => failed[reason] ?? 0)).mean
  return Object.fromEntries(reasons.map((reason) => [reason, mean(reason)]))
}

/** One replication that has not recovered makes a mean of the others meaningless. */
function averageRecovery(results: readonly ArmResult[]): number | null {
  const times = results.map(({ timeToRecoverMs }) => timeToRecoverMs).filter((ms) => ms !== null)
  return times.length < results.length ? null : meanAndCi(times).mean
}

/** Replications that ended earlier have nothing in the windows that they lack. */
function averageWindows(runs: readonly (readonly WindowResult[])[]): readonly WindowResult[] {
  const longest = runs.reduce((long, run) => (run.length > long.length ? run : long))
  return longest.map((window, index) => {
    const mean = (of: (window: WindowResult) => number): number => {
      return runs.reduce((sum, run) => sum + (run[index] === undefined ? 0 : of(run[index])), 0) / runs.length
    }
    const services = Object.keys(window.services).map((name) => {
      const busy = mean(({ services }) => services[name]?.busy ?? 0)
      return [name, { busy, queued: mean(({ services }) => services[name]?.queued ?? 0) }] as const
    })
    return {
      fromMs: window.fromMs,
      toMs: window.toMs,
      offered: mean(({ offered }) => offered),
      succeeded: mean(({ succeeded }) => succeeded),
      failed: mean(({ failed }) => failed),
      attempts: mean(({ attempts }) => attempts),
      backlog: mean(({ backlog }) => backlog),
      oldestAgeMs: mean(({ oldestAgeMs }) => oldestAgeMs),
      open: mean(({ open }) => open),
      services: Object.fromEntries(services),
    }
  })
}

function averageServices(results: readonly ArmResult[]): ArmResult['services'] {
  const [first] = results as readonly [ArmResult, ...ArmResult[]]
  const average = (name: string): ServiceResult => {
    const rows = results.map(({ services }) => services[name] as ServiceResult)
    const { mean, ci95 } = averaged(rows, serviceNumbers)
    const busy = rows.filter(({ started }) => started > 0)
    const used = busy.length === 0 ? rows.slice(0, 1) : busy
    return {
      ...mean,
      waitMs: averageNumbers(
        used.map(({ waitMs }) => waitMs),
        waitNumbers,
      ),
      serviceMs: { mean: meanAndCi(used.map(({ serviceMs }) => serviceMs.mean)).mean },
      sojournMs: averageNumbers(
        used.map(({ sojournMs }) => sojournMs),
        waitNumbers,
      ),
      ci95,
    }
  }
  return Object.fromEntries(Object.keys(first.services).map((name) => [name, average(name)]))
}

function averageEcdf(results: readonly ArmResult[]): ArmResult['ecdf'] {
  const [first] = results
  if (first === undefined) return []
  return first.ecdf.map(([share], index) => {
    return [share, meanAndCi(results.map(({ ecdf }) => ecdf[index]?.[1] ?? 0)).mean] as const
  })
}
