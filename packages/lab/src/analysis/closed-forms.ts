import { erlangB, erlangC, lossWithQueue, waitAtOneWorker } from '../math/queueing.ts'
import type { ArmResult, FluidResult } from '../model/result.ts'
import type { Arm, Scenario, ServiceModel } from '../model/scenario.ts'
import { visitsOf } from '../sim/arm-graph.ts'
import { moments } from '../sim/distributions.ts'
import { metricOf } from './expectations.ts'

type Form = FluidResult['forms'][number]
type Predicted = Omit<Form, 'simulated'>

/** The closed forms that an arm has, beside what the simulation saw. */
export function closedForms(scenario: Scenario, arm: Arm, result: ArmResult): readonly Form[] {
  const found = [...arm.services.flatMap((model) => queueForms(scenario, arm, model)), ...fanOut(arm)]
  return found.flatMap((form) => {
    const simulated = metricOf(result, form.metric)
    return simulated === undefined || !Number.isFinite(form.predicted) ? [] : [{ ...form, simulated }]
  })
}

/** Of a service that stands alone: Poisson arrivals at one rate, nothing that makes it other than a plain queue. */
function queueForms(scenario: Scenario, arm: Arm, model: ServiceModel): readonly Predicted[] {
  const perSec = soleRate(arm, model)
  const { instances, queue, overload, shed, concurrency: workers } = model
  if (perSec === undefined || instances !== 1 || overload !== null || shed !== null) return []
  const { mean, second } = moments(model.latency)
  const load = (perSec * mean) / 1000
  const metric = (name: string): string => `services.${model.name}.${name}`
  const lost = (share: number): number => (share * perSec * (scenario.durationMs - scenario.warmupMs)) / 1000
  if (workers === Number.POSITIVE_INFINITY) return [{ name: 'M/G/inf', metric: metric('utilization'), predicted: load }]
  if (queue.max === 0)
    return [{ name: 'M/G/c/c (Erlang B)', metric: metric('rejected'), predicted: lost(erlangB(workers, load)) }]
  const isExponential = model.latency.kind === 'exponential'
  if (queue.maxWaitMs !== Number.POSITIVE_INFINITY) return []
  if (queue.max !== Number.POSITIVE_INFINITY) {
    const predicted = lost(lossWithQueue(workers, load, queue.max))
    return isExponential ? [{ name: 'M/M/c/K', metric: metric('rejected'), predicted }] : []
  }
  if (load >= workers) return []
  if (isExponential) {
    const waits = erlangC(workers, load)
    return [
      { name: 'M/M/c (Erlang C)', metric: metric('waitProbability'), predicted: waits },
      { name: 'M/M/c (Erlang C)', metric: metric('waitMs.mean'), predicted: (waits * mean) / (workers - load) },
    ]
  }
  const predicted = waitAtOneWorker(perSec / 1000, mean, second)
  return workers === 1 ? [{ name: 'M/G/1 (Pollaczek-Khinchine)', metric: metric('waitMs.mean'), predicted }] : []
}

/** Arrivals per second of the one Poisson stream that comes to the service and goes nowhere else. */
function soleRate(arm: Arm, { name }: ServiceModel): number | undefined {
  const coming = arm.traffic.filter(({ to }) => to === name)
  const isLinked = arm.edges.some(({ from, to }) => from === name || to === name)
  if (coming.length !== 1 || isLinked || arm.faults.some(({ target }) => target === name)) return undefined
  const arrivals = coming[0]?.arrivals
  if (arrivals?.kind !== 'poisson') return undefined
  const [first, ...others] = arrivals.rate
  const isOne = first !== undefined && first.atMs === 0 && others.every(({ perSec }) => perSec === first.perSec)
  return isOne ? first.perSec : undefined
}

/** Every visit must be well: where nothing but luck fails, and nothing is tried again. */
function fanOut(arm: Arm): readonly Predicted[] {
  const entry = arm.traffic[0]?.to
  const visits = visitsOf(arm, entry ?? '', (edge) => edge.kind === 'sync' && !edge.optional && !edge.fallback)
  const calls = arm.edges.filter(({ from }) => visits.has(from))
  const services = arm.services.filter(({ name }) => visits.has(name))
  const isPlain =
    arm.traffic.length === 1 &&
    arm.faults.length === 0 &&
    calls.every((edge) => edge.kind === 'sync' && edge.policy === null) &&
    services.every(({ overload, concurrency }) => overload === null && concurrency === Number.POSITIVE_INFINITY)
  if (!isPlain || visits.size < 2 || services.every(({ failure }) => failure === 0)) return []
  let predicted = 1
  for (const { name, failure } of services) predicted *= powerOf(1 - failure, visits.get(name) ?? 0)
  return [{ name: 'all of n succeed: (1-p)^n', metric: 'successRatio', predicted }]
}

/** For whole numbers of times. */
function powerOf(share: number, times: number): number {
  return share === 0 ? (times > 0 ? 0 : 1) : Math.exp(times * Math.log(share))
}
