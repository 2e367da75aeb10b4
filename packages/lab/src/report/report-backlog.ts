import { count, counted, duration, listed, moment, percent } from '../analysis/report-figures.ts'
import type { FluidResult, WindowResult } from '../model/result.ts'
import type { Arm, ServiceModel } from '../model/scenario.ts'
import { consumersOf, queueEdges, type Side } from './parts/report-sides.ts'

const noticeableAgeMs = 1000
const drainedBelow = 0.05
const lostMin = 0.01

/** Sentences on the backlogs of the event arms, and on those that lost requests all the same. */
export function backlogSentences(sides: readonly Side[]): readonly string[] {
  const events = sides.filter(({ isEvent }) => isEvent)
  return [...events.flatMap(backlog), ...events.flatMap(losses)]
}

function backlog({ arm, result, fluid }: Side): readonly string[] {
  const inHand = queueEdges(arm).reduce((sum, edge) => sum + consumersOf(edge), 0)
  if (result.oldestAgeMaxMs < noticeableAgeMs && result.backlogPeak <= 3 * inHand) return []
  const peak = result.windows.reduce<WindowResult | undefined>(
    (highest, one) => (one.backlog > (highest?.backlog ?? 0) ? one : highest),
    undefined,
  )
  if (peak === undefined) return []
  const empty = result.windows.find((one) => one.toMs > peak.toMs && one.backlog <= peak.backlog * drainedBelow)
  const drained =
    empty === undefined ? 'not worked off when the run ended' : `worked off ${duration(empty.toMs - peak.toMs)} later`
  return [
    `The backlog of ${arm.name} peaked at ${counted(result.backlogPeak, 'message')} around ${moment(peak.toMs)} and was ` +
      `${drained}${evenFlow(fluid)}; the oldest message waited ${duration(result.oldestAgeMaxMs)}.`,
  ]
}

function evenFlow(fluid: FluidResult | undefined): string {
  if (fluid === undefined || fluid.backlogPeak === null) return ''
  const drain = fluid.drainMs === null ? '' : ` and ${duration(fluid.drainMs)}`
  return ` (if everything flowed evenly: ${counted(fluid.backlogPeak, 'message')}${drain})`
}

function losses({ arm, result }: Side): readonly string[] {
  const lost = 1 - result.successRatio
  if (!(lost >= lostMin) || result.offered === 0) return []
  const { 'dead-letter': dead = 0, dropped = 0, broker = 0, unfinished = 0 } = result.failed
  const attempts = Math.max(0, ...queueEdges(arm).map((edge) => edge.attemptsMax))
  const reasons = [
    ...(dead > 0
      ? [`${counted(dead, 'request')} ended as dead letters after up to ${counted(attempts, 'attempt')}`]
      : []),
    ...(dropped > 0 ? [`${count(dropped)} were dropped`] : []),
    ...(broker > 0 ? [`${count(broker)} failed because the brokers were down`] : []),
    ...(unfinished > 0 ? [`${count(unfinished)} were unfinished when the run ended`] : []),
  ]
  const how = reasons.length === 0 ? '' : `: ${listed(reasons)}`
  return [`${arm.name} lost ${percent(lost)} although it has a queue${how}.`, ...pressed(arm).slice(0, 1)]
}

// More consumers than the target takes with ease only move the overload behind the queue.
function pressed(arm: Arm): readonly string[] {
  return arm.services.flatMap((service) => {
    const consumers = queueEdges(arm)
      .filter(({ to }) => reachable(arm, to).has(service.name))
      .reduce((sum, edge) => sum + consumersOf(edge), 0)
    const ease = comfortable(service)
    if (consumers <= ease) return []
    return [
      `${counted(consumers, 'consumer')} of ${arm.name} work on ${service.name} at once, which takes ${count(ease)} with ease: ` +
        'a queue protects its target only when its consumers are sized to the target.',
    ]
  })
}

/** Work at once from which on a service gets worse or refuses. */
function comfortable({ overload, instances, concurrency }: ServiceModel): number {
  return Math.min(overload?.at ?? Number.POSITIVE_INFINITY, instances * concurrency)
}

function reachable(arm: Arm, start: string): ReadonlySet<string> {
  const found = new Set([start])
  for (const name of found)
    for (const edge of arm.edges) if (edge.kind === 'sync' && edge.from === name) found.add(edge.to)
  return found
}
