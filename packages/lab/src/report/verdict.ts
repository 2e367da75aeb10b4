import { count, counted, duration, factor, listed, percent, perSecond } from '../analysis/report-figures.ts'
import type { LabResult, PairedDifference } from '../model/result.ts'
import type { Scenario } from '../model/scenario.ts'
import { type Side, sidesOf } from './parts/report-sides.ts'
import { backlogSentences } from './report-backlog.ts'
import { collapseSentences } from './report-collapse.ts'

// Shares that differ by less are the same for a reader.
const sameShare = 0.005
const amplified = 1.2
const wasteMin = 0.01
const boundNear = 0.02
const noticeableAgeMs = 1000

/**
 * What a run says, in plain words and from its figures alone.
 *
 * **Guarantee** Equal figures give equal sentences; the first one says which arm completed most.
 */
export function verdictOf(
  scenario: Scenario,
  arms: LabResult['arms'],
  fluid: LabResult['fluid'],
  differences: LabResult['differences'],
): readonly string[] {
  const sides = sidesOf(scenario, { arms, fluid }).filter(({ result }) => result.offered > 0)
  if (sides.length === 0) return ['No request arrived, so nothing can be said.']
  const ranked = sides.toSorted(
    (a, b) => b.result.successRatio - a.result.successRatio || b.result.succeeded - a.result.succeeded,
  )
  return [
    ...ranking(ranked),
    ...lead(scenario, ranked, differences),
    ...bounds(sides),
    ...collapseSentences(scenario, sides),
    ...amplification(sides),
    ...backlogSentences(sides),
    ...trade(ranked),
  ]
}

const shareOf = ({ result }: Side): string =>
  `${percent(result.successRatio)} (${count(result.succeeded)} of ${counted(result.offered, 'request')})`

function ranking(ranked: readonly Side[]): readonly string[] {
  const [best, ...others] = ranked as [Side, ...Side[]]
  if (others.length === 0) return [`${best.arm.name} completed ${shareOf(best)}.`]
  const isLeading = (side: Side): boolean => best.result.successRatio - side.result.successRatio < sameShare
  const leaders = ranked.filter(isLeading)
  if (leaders.length === ranked.length) {
    const worst = percent(ranked.at(-1)?.result.successRatio ?? null)
    const range =
      worst === percent(best.result.successRatio) ? worst : `${worst} to ${percent(best.result.successRatio)}`
    return [`All arms completed the same share of their requests: ${range}.`]
  }
  const behind = others.filter((side) => !isLeading(side))
  const rest = listed(behind.map(({ arm, result }) => `${arm.name} ${percent(result.successRatio)}`))
  return [`${listed(leaders.map(({ arm }) => arm.name))} completed most: ${shareOf(best)}; ${rest}.`]
}

// Whether the first is ahead of the second by more than chance.
function lead(
  scenario: Scenario,
  ranked: readonly Side[],
  differences: readonly PairedDifference[],
): readonly string[] {
  const [best, second] = ranked
  if (best === undefined || second === undefined || scenario.replications < 2) return []
  const names = [best.arm.name, second.arm.name]
  const found = differences.find(
    (one) => one.metric === 'successRatio' && names.includes(one.arm) && names.includes(one.against),
  )
  if (found === undefined || !Number.isFinite(found.ci95) || found.ci95 <= 0) return []
  const [points, half] = [Math.abs(found.mean) * 100, found.ci95 * 100].map((value) => value.toFixed(1))
  const chance = Math.abs(found.mean) > found.ci95 ? 'more than chance explains' : 'which may be chance'
  return [
    `Over ${counted(scenario.replications, 'replication')} ${names[0]} and ${names[1]} differ by ${points} ± ${half} ` +
      `percentage points (95 % confidence), ${chance}.`,
  ]
}

function bounds(sides: readonly Side[]): readonly string[] {
  const groups = new Map<string, Side[]>()
  for (const side of sides) {
    const bound = side.fluid?.bound
    if (bound === undefined || bound === null || bound.ratio > 1 - sameShare) continue
    const key = `${bound.service} ${perSecond(bound.perSec)} ${percent(bound.ratio)}`
    groups.set(key, [...(groups.get(key) ?? []), side])
  }
  return [...groups.values()].flatMap(boundSentences)
}

function boundSentences(group: readonly Side[]): readonly string[] {
  const bound = group[0]?.fluid?.bound
  const callers = group.filter(({ isEvent }) => !isEvent)
  if (bound === undefined || bound === null || callers.length === 0) return []
  const name = ({ arm, result }: Side): string => `${arm.name} ${percent(result.successRatio)}`
  const isBelow = ({ result }: Side): boolean => result.successRatio <= bound.ratio * (1 + boundNear)
  const [below, above] = [callers.filter(isBelow), callers.filter((side) => !isBelow(side))]
  const passed = group.filter((side) => side.isEvent && !isBelow(side))
  return [
    `${bound.service} lets at most ${perSecond(bound.perSec)} through, ${percent(bound.ratio)} of these requests. No synchronous ` +
      'arm can complete more, whatever its policy: its callers wait for the answer, so what arrives beyond that rate is lost.' +
      (below.length === 0 ? '' : ` ${listed(below.map(name))} stayed within it.`),
    ...(above.length === 0
      ? []
      : [`${listed(above.map(name))} went beyond it: requests waited in queues until there was capacity again.`]),
    ...(passed.length === 0
      ? []
      : [`${listed(passed.map(name))} passed it, because the work is kept and done when there is capacity again.`]),
  ]
}

function amplification(sides: readonly Side[]): readonly string[] {
  const loud = sides.filter(({ result }) => result.amplification >= amplified)
  const wasted = sides
    .map((side) => ({ side, works: Object.values(side.result.services).reduce((sum, one) => sum + one.wastedWork, 0) }))
    .filter(({ side, works }) => works >= side.result.offered * wasteMin)
  return [
    ...(loud.length === 0
      ? []
      : [
          `Failures multiplied the attempts: ${listed(loud.map(({ arm, result }) => `${arm.name} made ${factor(result.amplification)}`))} ` +
            'for each one that would have been needed.',
        ]),
    ...(wasted.length === 0
      ? []
      : [
          `Work done for callers that had already given up: ${listed(wasted.map(({ side, works }) => `${side.arm.name} ${counted(works, 'answer')}`))}.`,
        ]),
  ]
}

/** What a direct call gives and what an event gives, where both are there to compare. */
function trade(ranked: readonly Side[]): readonly string[] {
  const event = bestBy(ranked, true, ({ oldestAgeMaxMs }) => oldestAgeMaxMs)
  const direct = bestBy(ranked, false, ({ latencyMs }) => latencyMs.p50)
  if (event === undefined || direct === undefined) return []
  const gap = event.result.successRatio - direct.result.successRatio
  if (gap >= sameShare) return [price(event, direct)]
  return [gap <= -sameShare ? behind(event, direct) : equal(event, direct)]
}

/** Of the arms of a kind that completed most, the one with the lowest figure. */
function bestBy(ranked: readonly Side[], isEvent: boolean, of: (result: Side['result']) => number): Side | undefined {
  const kind = ranked.filter((side) => side.isEvent === isEvent && side.result.succeeded > 0)
  const most = kind[0]?.result.successRatio ?? 0
  return kind
    .filter(({ result }) => most - result.successRatio < sameShare)
    .reduce<Side | undefined>(
      (one, next) => (one === undefined || of(next.result) < of(one.result) ? next : one),
      undefined,
    )
}

function price(event: Side, direct: Side): string {
  const { latencyMs, oldestAgeMaxMs } = event.result
  const what = event.arm.success === 'answered' ? 'answered' : 'done'
  const figures =
    `half of its requests were ${what} within ${duration(latencyMs.p50)}, 99 % within ${duration(latencyMs.p99)} ` +
    `(of those that ${direct.arm.name} completed: ${duration(direct.result.latencyMs.p50)} and ${duration(direct.result.latencyMs.p99)})`
  const age = `the oldest message waited ${duration(oldestAgeMaxMs)}`
  return oldestAgeMaxMs < noticeableAgeMs
    ? `${event.arm.name} hardly pays for it: ${figures}, and ${age}.`
    : `The price of ${event.arm.name} is age: ${age}; ${figures}.`
}

function behind(event: Side, direct: Side): string {
  return (
    `The direct call wins here: ${direct.arm.name} completed ${percent(direct.result.successRatio)}, ${event.arm.name} ` +
    `${percent(event.result.successRatio)}.`
  )
}

function equal(event: Side, direct: Side): string {
  const [eventMs, directMs] = [event.result.latencyMs.p50, direct.result.latencyMs.p50]
  const [eventText, directText] = [duration(eventMs), duration(directMs)]
  const lower = Math.min(event.result.successRatio, direct.result.successRatio)
  const both = `both complete ${percent(lower)}${lower === 1 ? '' : ' or more'}`
  if (eventText === directText)
    return `${direct.arm.name} and ${event.arm.name} end level: ${both}, half within ${directText}.`
  if (eventMs < directMs)
    return `${event.arm.name} costs nothing here: ${both}, half within ${eventText}, ${direct.arm.name} within ${directText}.`
  return `The direct call wins here: ${both}, and half of ${direct.arm.name} is done within ${directText}, of ${event.arm.name} within ${eventText}.${early(event, directMs)}`
}

// The caller of an event arm may have its answer long before the work is done.
function early({ arm, result }: Side, directMs: number): string {
  const { p50 } = result.answerMs
  if (result.answered === 0 || !(p50 < directMs)) return ''
  return ` The caller of ${arm.name} has its answer ${p50 < 0.1 ? 'at once' : `within ${duration(p50)}`}, before the work is done.`
}
