import type { ArmResult, FluidResult } from '../model/result.ts'
import type { Arm, Edge, QueueEdge, Scenario } from '../model/scenario.ts'
import { visitsOf } from '../sim/arm-graph.ts'
import { capacityOf } from './capacity.ts'
import { closedForms } from './closed-forms.ts'
import { consumerGroupsOf } from './consumer-capacity.ts'
import { type Course, courseOf, type Flow, peakOf, sumOf } from './rate-steps.ts'

/** What arithmetic says about an arm. */
export function fluidOf(scenario: Scenario, arm: Arm, result: ArmResult): FluidResult {
  const rates = plannedFlows(arm, scenario.durationMs)
  const backlog = rates === undefined ? undefined : backlogOf(arm, rates)
  return {
    bound: rates === undefined ? null : boundOf(scenario, arm, rates, result.offered),
    backlogPeak: backlog?.backlog ?? null,
    drainMs: backlog?.drainMs ?? null,
    forms: closedForms(scenario, arm, result),
  }
}

/** What is offered to each entry, in the order of the traffic. */
type Offers = readonly { readonly to: string; readonly flow: readonly Flow[] }[]

/** undefined when some traffic follows no plan of rates. */
function plannedFlows(arm: Arm, durationMs: number): Offers | undefined {
  const offers: { to: string; flow: Flow[] }[] = []
  for (const { to, arrivals } of arm.traffic) {
    if (arrivals.kind !== 'poisson' && arrivals.kind !== 'deterministic') return undefined
    const steps = arrivals.rate.filter(({ atMs }) => atMs < durationMs)
    const flow = steps.map(({ atMs, perSec }) => ({ atMs, perMs: perSec / 1000 }))
    if (flow[0]?.atMs !== 0) flow.unshift({ atMs: 0, perMs: 0 })
    offers.push({ to, flow: [...flow, { atMs: durationMs, perMs: 0 }] })
  }
  return offers
}

/** A request is lost when one of these fails; a queue edge counts as the call that it stands for. */
const isHard = (edge: Edge): boolean => edge.kind !== 'sync' || !(edge.optional || edge.fallback)

/**
 * What the capacity of the services lets through at each instant, if callers wait for answers: what arrives beyond it is lost.
 * Of services that are well: faults are left out.
 */
function boundOf(scenario: Scenario, arm: Arm, offers: Offers, offered: number): FluidResult['bound'] {
  const visits = offers.map(({ to }) => visitsOf(arm, to, isHard))
  const capacities = new Map(arm.services.map((model) => [model.name, capacityOf(model).perSec / 1000]))
  const loadOf = (name: string, perMs: readonly number[]): number => {
    return perMs.reduce((sum, rate, index) => sum + rate * (visits[index]?.get(name) ?? 0), 0)
  }
  const shareOf = (name: string, perMs: readonly number[]): number => {
    return Math.min(1, (capacities.get(name) ?? 0) / loadOf(name, perMs))
  }
  // By entry: what is offered, and what of it each service on its way lets through at the same time.
  const totals = offers.map(() => 0)
  let served = 0
  for (const { ms, perMs } of spansOf(offers, scenario)) {
    for (const [index, rate] of perMs.entries()) {
      if (rate === 0) continue
      const shares = [...(visits[index]?.keys() ?? [])].map((name) => shareOf(name, perMs))
      totals[index] = (totals[index] ?? 0) + ms * rate
      served += ms * rate * Math.min(...shares)
    }
  }
  const total = totals.reduce((sum, one) => sum + one, 0)
  const mix = totals.map((one) => one / total)
  const bounds = arm.services
    .filter(({ name }) => total > 0 && loadOf(name, mix) > 0)
    .map(({ name }) => ({ service: name, perSec: ((capacities.get(name) ?? 0) * 1000) / loadOf(name, mix) }))
  const least = bounds.toSorted((a, b) => a.perSec - b.perSec)[0]
  if (least === undefined || least.perSec === Number.POSITIVE_INFINITY) return null
  const ratio = served / total
  return { ...least, succeeded: ratio * offered, ratio }
}

/** Parts of the measured time with one rate per entry. */
function spansOf(
  offers: Offers,
  { warmupMs, durationMs }: Scenario,
): readonly { readonly ms: number; readonly perMs: readonly number[] }[] {
  const inside = offers.flatMap(({ flow }) => flow.map(({ atMs }) => atMs)).filter((atMs) => atMs > warmupMs)
  const starts = [...new Set([warmupMs, ...inside])].filter((atMs) => atMs < durationMs).toSorted((a, b) => a - b)
  return starts.map((atMs, index) => {
    const perMs = offers.map(({ flow }) => flow.findLast((step) => step.atMs <= atMs)?.perMs ?? 0)
    return { ms: (starts[index + 1] ?? durationMs) - atMs, perMs }
  })
}

/** The backlog of all queue edges together. */
function backlogOf(
  arm: Arm,
  offers: Offers,
): { readonly backlog: number; readonly drainMs: number | null } | undefined {
  const edges = arm.edges.filter((edge): edge is QueueEdge => edge.kind !== 'sync')
  const courses = new Map<QueueEdge, readonly Course[]>()
  const callsOnly = (edge: Edge): boolean => edge.kind === 'sync'
  const visits = (root: string, name: string): number => visitsOf(arm, root, callsOnly).get(name) ?? 0
  // Each edge after those that feed it; none is left unless messages go round.
  for (let found = true; found && courses.size < edges.length; ) {
    found = false
    for (const edge of edges) {
      const feeding = edges.filter((other) => other !== edge && visits(other.to, edge.from) > 0)
      if (courses.has(edge) || feeding.some((other) => !courses.has(other))) continue
      const outflows = feeding.flatMap((other) => {
        const times = visits(other.to, edge.from)
        return (courses.get(other) ?? []).map(({ outflow }) => ({ flow: outflow, times }))
      })
      const inflow = [...offers.map(({ to, flow }) => ({ flow, times: visits(to, edge.from) })), ...outflows]
      courses.set(edge, coursesOf(arm, edge, inflow))
      found = true
    }
  }
  return courses.size === 0 || courses.size < edges.length ? undefined : peakOf([...courses.values()].flat())
}

function coursesOf(arm: Arm, edge: QueueEdge, inflow: Parameters<typeof sumOf>[0]): readonly Course[] {
  return consumerGroupsOf(arm, edge).map(({ share, outlets }) => {
    return courseOf(sumOf(inflow.map(({ flow, times }) => ({ flow, times: times * share }))), outlets)
  })
}
