import type { Arm, Fault } from '../model/scenario.ts'
import { factor, moment, percent, perSecond } from './report-figures.ts'

/** A part of a run in which something presses on an arm: a fault, or its highest rate. */
export interface Trigger {
  readonly fromMs: number
  readonly toMs: number
  /** What to write after "2 s after" and "1 s before". */
  readonly begun: string
  readonly ended: string
}

/** Faults, and the highest rate where the rate changes; in the order in which they end. */
export function triggersOf(
  arm: Arm,
  span: { readonly warmupMs: number; readonly durationMs: number },
): readonly Trigger[] {
  const faults = arm.faults.map((fault) => ({
    fromMs: fault.atMs,
    toMs: fault.atMs + fault.forMs,
    ...faultWords(fault),
  }))
  return [...faults, ...highestRates(arm, span)]
    .filter(({ fromMs, toMs }) => fromMs < span.durationMs && toMs > span.warmupMs)
    .toSorted((a, b) => a.toMs - b.toMs || a.fromMs - b.fromMs)
}

/** Requests per second over all traffic with planned rates, as steps. */
function plannedRates(arm: Arm): readonly { readonly atMs: number; readonly perSec: number }[] {
  const plans = arm.traffic.flatMap(({ arrivals }) =>
    arrivals.kind === 'poisson' || arrivals.kind === 'deterministic' ? [arrivals.rate] : [],
  )
  const times = [...new Set(plans.flat().map(({ atMs }) => atMs))].toSorted((a, b) => a - b)
  const at = (plan: (typeof plans)[number], ms: number): number => plan.findLast(({ atMs }) => atMs <= ms)?.perSec ?? 0
  return times.map((atMs) => ({ atMs, perSec: plans.reduce((sum, plan) => sum + at(plan, atMs), 0) }))
}

// What is hardly above the lowest rate presses on nothing.
const peakOverLowest = 1.2

function highestRates(arm: Arm, span: { readonly warmupMs: number; readonly durationMs: number }): readonly Trigger[] {
  const steps = plannedRates(arm).filter(({ atMs }) => atMs < span.durationMs)
  const ends = steps.map((_, index) => steps[index + 1]?.atMs ?? span.durationMs)
  const counted = steps.filter((_, index) => (ends[index] ?? 0) > span.warmupMs)
  const highest = Math.max(0, ...counted.map(({ perSec }) => perSec))
  const lowest = Math.min(...counted.map(({ perSec }) => perSec))
  if (counted.length < 2 || highest < lowest * peakOverLowest) return []
  return steps.flatMap(({ atMs, perSec }, index) => {
    const toMs = ends[index] ?? span.durationMs
    if (perSec !== highest) return []
    return [{ fromMs: atMs, toMs, begun: `the rate rose to ${perSecond(perSec)}`, ended: 'the rate fell again' }]
  })
}

function faultWords(fault: Fault): { readonly begun: string; readonly ended: string } {
  const { target } = fault
  switch (fault.kind) {
    case 'crash':
      return { begun: `${target} crashed`, ended: `${target} was back` }
    case 'hang':
      return { begun: `${target} hung`, ended: `${target} went on` }
    case 'capacity':
      return {
        begun: `${target} was cut to ${percent(fault.value)} of its workers`,
        ended: `${target} had all its workers again`,
      }
    case 'latency':
      return { begun: `${target} became ${times(fault.value)} slower`, ended: `${target} had its speed again` }
    case 'errors':
      return {
        begun: `${percent(fault.value)} of the work of ${target} began to fail`,
        ended: `${target} was sound again`,
      }
    case 'partition':
      return { begun: `nothing passed ${target} any more`, ended: `${target} let calls through again` }
    case 'broker-down':
      return { begun: 'the brokers went down', ended: 'the brokers were back' }
    case 'hold':
      return { begun: `the consumers of ${target} stopped`, ended: `the consumers of ${target} went on` }
  }
}

const times = (value: number): string => `${factor(value).replace(/\.?0+$/, '')} times`

/** A fault in a few words, with its value and unit: `latency of profile × 5`. */
export function faultName(fault: Fault): string {
  switch (fault.kind) {
    case 'capacity':
      return `capacity of ${fault.target} down to ${percent(fault.value)}`
    case 'latency':
      return `latency of ${fault.target} × ${factor(fault.value).replace(/\.?0+$/, '')}`
    case 'errors':
      return `errors of ${fault.target}: ${percent(fault.value)}`
    case 'partition':
      return `partition of ${fault.target}`
    case 'hold':
      return `consumers of ${fault.target} held`
    case 'broker-down':
      return 'brokers down'
    default:
      return `${fault.kind} of ${fault.target}`
  }
}

/** When a fault is there: `20 s to 30 s`. */
export const faultSpan = (fault: Fault): string => `${moment(fault.atMs)} to ${moment(fault.atMs + fault.forMs)}`
