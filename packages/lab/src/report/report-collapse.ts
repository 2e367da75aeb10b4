import { duration, moment, percent, perSecond } from '../analysis/report-figures.ts'
import type { Trigger } from '../analysis/report-moments.ts'
import type { WindowResult } from '../model/result.ts'
import type { Scenario } from '../model/scenario.ts'
import type { Side } from './parts/report-sides.ts'
import { flowOf, type Interval, intervalsWhere, rateOf } from './parts/report-windows.ts'

// An arm that lost less than this did not collapse: what came late came.
const lostMin = 0.01
// Goodput below this share of what could have been done is a collapse, if it lasts.
const collapsedBelow = 0.5
const windowsMin = 3
const requestsMin = 20
const soundFrom = 0.9
const afterMinMs = 5000
const slowRecoveryMs = 5000

/** Sentences on arms that collapsed, on those that stayed down, and on those that took long to come back. */
export function collapseSentences(scenario: Scenario, sides: readonly Side[]): readonly string[] {
  return sides.flatMap((side) => {
    const collapse = 1 - side.result.successRatio < lostMin ? undefined : longestCollapse(scenario, side)
    const stuck = metastable(scenario, side)
    return [
      ...(collapse === undefined ? [] : [collapseSentence(scenario, side, collapse)]),
      ...(stuck === undefined ? [] : [stuck]),
      ...(stuck === undefined ? slowRecovery(side) : []),
    ]
  })
}

function longestCollapse(scenario: Scenario, side: Side): Interval | undefined {
  const windows = countedWindows(scenario, side)
  const bound =
    side.fluid?.bound?.perSec ?? windows.reduce((most, one) => Math.max(most, rateOf(one.succeeded, one)), 0)
  const couldDo = (one: WindowResult): number => Math.min(rateOf(one.offered, one), bound)
  return intervalsWhere(windows, (one) => rateOf(one.succeeded, one) < collapsedBelow * couldDo(one), 1)
    .filter(({ fromMs, toMs }) => {
      const { offered } = flowOf(windows, fromMs, toMs)
      return toMs - fromMs >= windowsMin * scenario.windowMs && offered >= requestsMin
    })
    .reduce<Interval | undefined>((longest, one) => (lengthOf(one) > lengthOf(longest) ? one : longest), undefined)
}

const lengthOf = (one: Interval | undefined): number => (one === undefined ? 0 : one.toMs - one.fromMs)

// Those that can show what an arm makes of arrivals: after the warm-up, before the last arrival.
const countedWindows = (scenario: Scenario, { result }: Side): readonly WindowResult[] =>
  result.windows.filter(({ fromMs, toMs }) => fromMs >= scenario.warmupMs && toMs <= scenario.durationMs)

function collapseSentence(scenario: Scenario, side: Side, { fromMs, toMs }: Interval): string {
  const { offered, succeeded, seconds } = flowOf(side.result.windows, fromMs, toMs)
  const causes = side.triggers.filter((one) => one.fromMs <= fromMs + scenario.windowMs && one.toMs >= fromMs)
  const cause = causes.toSorted((a, b) => a.fromMs - b.fromMs).at(-1)
  const start =
    cause === undefined ? '' : `, ${relative(Math.max(0, fromMs - cause.fromMs), cause.begun, scenario.windowMs)}`
  const isLasting = toMs >= scenario.durationMs - scenario.windowMs
  const gone = side.triggers.findLast((one) => one.toMs <= toMs && one.toMs > fromMs)
  const late = gone === undefined ? '' : `, ${relative(toMs - gone.toMs, gone.ended, scenario.windowMs)}`
  const end = isLasting ? `until the arrivals ended at ${moment(scenario.durationMs)}` : `until ${moment(toMs)}${late}`
  const rates = `of ${perSecond(offered / seconds)} offered it completed ${perSecond(succeeded / seconds)}`
  return `${side.arm.name} collapsed at ${moment(fromMs)}${start}: ${rates}, ${end}.`
}

const relative = (ms: number, fact: string, windowMs: number): string =>
  ms <= windowMs ? `when ${fact}` : `${duration(ms)} after ${fact}`

/** The trigger is gone, as much is offered as before, and the goodput is still down. */
function metastable(scenario: Scenario, side: Side): string | undefined {
  const last = side.triggers.at(-1)
  const first = side.triggers.reduce<Trigger | undefined>((one, next) => earlier(one, next), undefined)
  if (last === undefined || first === undefined || side.result.timeToRecoverMs !== null) return undefined
  const leftMs = scenario.durationMs - last.toMs
  if (leftMs < Math.max(afterMinMs, windowsMin * scenario.windowMs)) return undefined
  const before = flowOf(side.result.windows, scenario.warmupMs, first.fromMs)
  const after = flowOf(side.result.windows, last.toMs + leftMs / 2, scenario.durationMs)
  const isSameLoad = after.offered / after.seconds <= (before.offered / before.seconds) * 1.2
  const [wasShare, isShare] = [before, after].map(({ succeeded, offered }) => Math.min(1, succeeded / offered)) as [
    number,
    number,
  ]
  if (!isSameLoad || !(wasShare >= soundFrom) || !(isShare < soundFrom)) return undefined
  return (
    `${side.arm.name} is metastable: up to ${duration(leftMs)} after ${last.ended} it completed ` +
    `${isShare === 0 ? 'nothing' : `only ${percent(isShare)}`} of what was offered, ${percent(wasShare)} before: the trigger is gone, the overload stays.`
  )
}

const earlier = (one: Trigger | undefined, next: Trigger): Trigger =>
  one === undefined || next.fromMs < one.fromMs ? next : one

function slowRecovery({ arm, result, triggers }: Side): readonly string[] {
  const last = triggers.at(-1)
  if (last === undefined || result.timeToRecoverMs === null || result.timeToRecoverMs < slowRecoveryMs) return []
  const took = duration(result.timeToRecoverMs)
  return [`${arm.name} needed ${took} after ${last.ended} until it kept up with what was offered.`]
}
