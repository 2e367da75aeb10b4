import type { Arm, Arrivals, Scenario, ServiceModel, Traffic } from '../model/scenario.ts'
import { visitsOf } from '../sim/arm-graph.ts'
import { moments } from '../sim/distributions.ts'

const perSecMax = 2000
const workMsMin = 1
const processesMax = 24
const hourMs = 3_600_000

export interface RealBounds {
  readonly scenario: Scenario
  readonly arms: readonly Arm[]
  readonly dilation: number
}

/** Why this machine could not run a scenario in real time so that it means something, and what to scale; empty when it can. */
export function realProblems({ scenario, arms, dilation }: RealBounds): readonly string[] {
  const found: string[] = []
  if (!(dilation > 0 && Number.isFinite(dilation))) return [`dilation must be above 0, not ${dilation}`]
  const longest = (scenario.durationMs + scenario.drainMaxMs) * dilation * arms.length
  if (!(longest <= hourMs))
    found.push(
      `${arms.length} arms of ${scenario.durationMs / 1000} s and up to ${scenario.drainMaxMs / 1000} s of drain take up to ` +
        `${Math.ceil(longest / 60_000)} min, above 60: shorten duration or drain, choose arms, or lower the dilation`,
    )
  for (const arm of arms) found.push(...armProblems(arm, dilation))
  return found
}

function armProblems(arm: Arm, dilation: number): readonly string[] {
  const found: string[] = []
  const perSec = arm.traffic.reduce((sum, traffic) => sum + requestsPerSec(arm, traffic), 0) / dilation
  if (perSec > perSecMax) {
    const least = Math.ceil((perSec / perSecMax) * dilation)
    found.push(
      `${arm.name}: about ${Math.round(perSec)} requests per second between processes, above ${perSecMax}: lower the rates and ` +
        `the concurrency by the same factor, or run it with a dilation of ${least} or more`,
    )
  }
  for (const { name, latency } of arm.services) {
    const workMs = moments(latency).mean * dilation
    if (workMs > 0 && workMs < workMsMin)
      found.push(
        `${arm.name}: ${name} works for ${format(workMs)} ms, below the ${workMsMin} ms of the machine's timers: make its latency ` +
          `longer and the rates lower by the same factor, or run it with a dilation of ${Math.ceil((workMsMin / workMs) * dilation)} or more`,
      )
  }
  const processes = arm.services.length + arm.edges.filter(({ kind }) => kind !== 'sync').length
  if (processes > processesMax)
    found.push(
      `${arm.name}: ${processes} services and queue edges, each a process, above ${processesMax}: leave some out`,
    )
  return found
}

const format = (ms: number): string => Number(ms.toPrecision(2)).toString()

/** Requests over HTTP at the highest rate, if nothing fails. */
function requestsPerSec(arm: Arm, { to, arrivals }: Traffic): number {
  const visits = [...visitsOf(arm, to, () => true)]
  const workMs = (name: string): number => moments(modelOf(arm, name).latency).mean
  const all = visits.reduce((sum, [, count]) => sum + count, 0)
  return (
    all *
    highestPerSec(
      arrivals,
      visits.reduce((sum, [name, count]) => sum + count * workMs(name), 0),
    )
  )
}

const modelOf = (arm: Arm, service: string): ServiceModel =>
  arm.services.find(({ name }) => name === service) as ServiceModel

/** `workMs`: that one request takes, for clients that wait for it. */
function highestPerSec(arrivals: Arrivals, workMs: number): number {
  switch (arrivals.kind) {
    case 'deterministic':
    case 'poisson':
      return Math.max(0, ...arrivals.rate.map(({ perSec }) => perSec))
    case 'mmpp':
      return Math.max(0, ...arrivals.states.map(({ perSec }) => perSec))
    case 'closed':
      return (arrivals.clients * 1000) / Math.max(1, moments(arrivals.think).mean + workMs)
    case 'trace':
      return densest(arrivals.atMs)
  }
}

/** Most arrivals within any second. */
function densest(atMs: readonly number[]): number {
  const sorted = atMs.toSorted((a, b) => a - b)
  let from = 0
  let most = 0
  for (const [index, ms] of sorted.entries()) {
    while ((sorted[from] as number) <= ms - 1000) from++
    most = Math.max(most, index - from + 1)
  }
  return most
}
