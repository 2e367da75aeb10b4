import { count, moment } from '../../analysis/report-figures.ts'
import type { WindowResult } from '../../model/result.ts'
import type { Scenario } from '../../model/scenario.ts'
import type { Side } from '../parts/report-sides.ts'
import { figures, words } from '../parts/report-table.ts'
import { joinOf, mergedWindows, rateOf } from '../parts/report-windows.ts'
import { type Canvas, stacked } from './plot-canvas.ts'
import type { Figure } from './plot-figure.ts'

interface Point {
  readonly fromMs: number
  readonly offered: number
  readonly goodput: number
  readonly isAfter: boolean
}

interface Turn {
  readonly atMs: number
  readonly before: string
  readonly after: string
}

const pointsMax = 60
// A load that varies less has no top to speak of.
const topOverMiddle = 1.3

const wayBack =
  ' Where the marks of the way back lie below those of the way out at the same load, the arm has not recovered.'

/** Goodput against offered load; a way back that lies below the way out is hysteresis. Undefined where nothing arrived. */
export function loadFigure(canvas: Canvas, scenario: Scenario, sides: readonly Side[]): Figure | undefined {
  const turn = turnOf(scenario, sides)
  const all = sides.map((side) => ({ side, points: pointsOf(scenario, side, turn) }))
  const top = Math.max(0, ...all.flatMap(({ points }) => points.flatMap(({ offered, goodput }) => [offered, goodput])))
  if (top === 0) return undefined
  const panels = all.map(({ side, points }, index) => ({
    title: side.arm.name,
    svg: canvas.svg({
      ...stacked(180, index === all.length - 1),
      ...loadAxes(top, index === all.length - 1),
      marks: loadMarks(canvas, points, { top, bound: boundOf(side, top) }),
    }),
  }))
  const hasTurn = turn.atMs !== Number.POSITIVE_INFINITY
  return {
    title: 'Goodput against offered load',
    caption:
      `One mark per piece of the run, joined in the order of time. On the dotted diagonal all that is offered succeeds.${hasTurn ? wayBack : ''} ` +
      'Above the diagonal an arm works off a backlog.',
    legend: [
      { label: turn.before, sample: 'dot', color: 'var(--out)' },
      ...(hasTurn ? [{ label: turn.after, sample: 'triangle', color: 'var(--back)' } as const] : []),
      ...(sides.some((side) => boundOf(side, top) !== undefined)
        ? [{ label: 'bound by capacity', sample: 'line', color: 'var(--fault)', dash: '7 3' } as const]
        : []),
    ],
    panels,
    table: loadTable(all, turn),
  }
}

function loadAxes(top: number, isLast: boolean) {
  const axis = { domain: [0, top], nice: true, tickFormat: count, grid: true } as const
  return {
    x: { ...axis, ticks: 6, label: isLast ? 'offered per second' : null },
    y: { ...axis, ticks: 4, label: 'goodput per second' },
  }
}

function loadMarks(
  { plot }: Canvas,
  points: readonly Point[],
  { top, bound }: { readonly top: number; readonly bound: number | undefined },
) {
  const place = { x: 'offered', y: 'goodput' } as const
  const diagonal = [
    { offered: 0, goodput: 0 },
    { offered: top, goodput: top },
  ]
  return [
    plot.line(diagonal, { ...place, stroke: 'currentColor', strokeOpacity: 0.5, strokeDasharray: '1 3' }),
    ...(bound === undefined
      ? []
      : [plot.ruleY([bound], { stroke: 'var(--fault)', strokeDasharray: '7 3', strokeWidth: 1.5 })]),
    plot.line(points, { ...place, stroke: 'currentColor', strokeOpacity: 0.25, strokeWidth: 1 }),
    plot.dot(
      points.filter(({ isAfter }) => isAfter),
      { ...place, r: 4.5, symbol: 'triangle', stroke: 'var(--back)', strokeWidth: 1.5 },
    ),
    // Small and on top, so that neither hides the other where both lie at one place.
    plot.dot(
      points.filter(({ isAfter }) => !isAfter),
      { ...place, r: 2.5, fill: 'var(--out)' },
    ),
  ]
}

// Where it lies within the plot.
function boundOf({ fluid }: Side, top: number): number | undefined {
  const perSec = fluid?.bound?.perSec
  return perSec !== undefined && perSec <= top ? perSec : undefined
}

/** The moment that divides the way out from the way back. */
function turnOf(scenario: Scenario, sides: readonly Side[]): Turn {
  const windows = counted(scenario, sides[0])
  const rates = windows.map((one) => rateOf(one.offered, one))
  const top = Math.max(0, ...rates)
  const middle = rates.toSorted((a, b) => a - b)[Math.floor(rates.length / 2)] ?? 0
  const last = windows.findLast((one) => rateOf(one.offered, one) >= top * 0.9)
  if (last !== undefined && top > middle * topOverMiddle && last.toMs < scenario.durationMs)
    return { atMs: last.toMs, before: 'up to the highest load', after: 'after it' }
  const ends = sides.flatMap(({ arm }) => arm.faults.map(({ atMs, forMs }) => atMs + forMs))
  const end = Math.max(0, ...ends.filter((ms) => ms < scenario.durationMs))
  if (end > 0) return { atMs: end, before: 'until the end of the last fault', after: 'after it' }
  return { atMs: Number.POSITIVE_INFINITY, before: 'measured', after: '' }
}

function counted({ warmupMs, durationMs }: Scenario, side: Side | undefined): readonly WindowResult[] {
  const windows = (side?.result.windows ?? []).filter(({ fromMs, toMs }) => fromMs >= warmupMs && toMs <= durationMs)
  return mergedWindows(windows, joinOf([{ windows }], pointsMax))
}

function pointsOf(scenario: Scenario, side: Side, { atMs }: Turn): readonly Point[] {
  return counted(scenario, side).map((one) => ({
    fromMs: one.fromMs,
    offered: rateOf(one.offered, one),
    goodput: rateOf(one.succeeded, one),
    isAfter: one.fromMs >= atMs,
  }))
}

function loadTable(
  all: readonly { readonly side: Side; readonly points: readonly Point[] }[],
  turn: Turn,
): Figure['table'] {
  const rows = all.flatMap(({ side, points }) =>
    points.map(({ fromMs, offered, goodput, isAfter }) => [
      side.arm.name,
      moment(fromMs),
      isAfter ? turn.after : turn.before,
      count(Math.round(offered * 10) / 10),
      count(Math.round(goodput * 10) / 10),
    ]),
  )
  const columns = [words('arm'), figures('from'), words('part'), figures('offered/s'), figures('goodput/s')]
  return { title: 'Goodput against offered load', columns, rows }
}
