import { count, moment } from '../../analysis/report-figures.ts'
import type { LabResult, WindowResult } from '../../model/result.ts'
import type { Scenario } from '../../model/scenario.ts'
import type { Side } from '../parts/report-sides.ts'
import { figures } from '../parts/report-table.ts'
import { joinOf, mergedWindows, rateOf } from '../parts/report-windows.ts'
import { type Canvas, stacked } from './plot-canvas.ts'
import type { Figure } from './plot-figure.ts'
import { type TimeAxis, timeAxis, windowsMax } from './plot-time-axis.ts'

const rowsMax = 60

const series = [
  { label: 'offered', of: (one: WindowResult) => rateOf(one.offered, one) },
  { label: 'attempts', of: (one: WindowResult) => rateOf(one.attempts, one) },
  { label: 'goodput', of: (one: WindowResult) => rateOf(one.succeeded, one) },
] as const

/** Offered load, attempts and goodput over time, one arm below the other on the same axes. */
export function flowFigure(canvas: Canvas, scenario: Scenario, result: LabResult, sides: readonly Side[]): Figure {
  const axis = timeAxis(canvas, scenario, result)
  const size = joinOf(Object.values(result.arms), windowsMax)
  const all = sides.map((side) => ({ arm: side.arm, windows: mergedWindows(side.result.windows, size) }))
  const y = rateAxis(all.flatMap(({ windows }) => windows))
  const panels = all.map(({ arm, windows }, index) => {
    const isLast = index === all.length - 1
    const marks = [...axis.below(arm), ...flowMarks(canvas, axis, windows), ...axis.labels(arm, 'within')]
    const x = isLast ? axis.x : { ...axis.x, label: null }
    return { title: arm.name, svg: canvas.svg({ ...stacked(148, isLast), x, y, marks }) }
  })
  const root = y.type === 'sqrt' ? ' The upward axis is a square root, so that goodput shows beside many attempts.' : ''
  return {
    title: 'Offered load, attempts and goodput over time',
    caption:
      'Requests that arrived, attempts (calls and deliveries) that were started, and requests that succeeded, per second. ' +
      `Arms with the same traffic see the same arrivals.${axis.caption}${root}`,
    legend: [
      { label: 'offered', sample: 'line', color: 'var(--offered)', dash: '7 3' },
      { label: 'attempts', sample: 'line', color: 'var(--attempts)', dash: '2 3' },
      { label: 'goodput', sample: 'area', color: 'var(--goodput)' },
      ...axis.legend,
    ],
    panels,
    table: flowTable(sides),
  }
}

function flowMarks({ plot }: Canvas, axis: TimeAxis, windows: readonly WindowResult[]) {
  const x = ({ fromMs, toMs }: WindowResult): number => axis.at((fromMs + toMs) / 2)
  const [offered, attempts, goodput] = series.map(({ of }) => ({ x, y: of }))
  return [
    plot.areaY(windows, { ...goodput, fill: 'var(--goodput)', fillOpacity: 0.25 }),
    plot.lineY(windows, { ...attempts, stroke: 'var(--attempts)', strokeDasharray: '2 3', strokeWidth: 1.8 }),
    plot.lineY(windows, { ...offered, stroke: 'var(--offered)', strokeDasharray: '7 3', strokeWidth: 1.8 }),
    plot.lineY(windows, { ...goodput, stroke: 'var(--goodput)', strokeWidth: 2 }),
    plot.ruleY([0]),
  ]
}

// Attempts that tower over everything else would press the rest against the axis.
const steepFrom = 3
const distanceMin = 0.2

/** Requests per second, from 0; ticks of a square root are chosen so that they keep apart. */
function rateAxis(windows: readonly WindowResult[]) {
  const highest = series.map(({ of }) => Math.max(0, ...windows.map(of)))
  const [offered = 0, attempts = 0, goodput = 0] = highest
  const top = Math.max(1, ...highest)
  const axis = { grid: true, tickFormat: count, label: 'per second' } as const
  if (attempts <= steepFrom * Math.max(offered, goodput))
    return { ...axis, type: 'linear', domain: [0, top], nice: true, ticks: 4 } as const
  const ticks = [0]
  for (let power = Math.ceil(Math.log10(top)); power >= 0; power--) {
    for (const digit of [5, 2, 1]) {
      const [tick, above] = [digit * 10 ** power, ticks.at(-1) || Number.POSITIVE_INFINITY]
      const isClear =
        above === Number.POSITIVE_INFINITY || Math.sqrt(above / top) - Math.sqrt(tick / top) >= distanceMin
      if (tick <= top && isClear && Math.sqrt(tick / top) >= distanceMin) ticks.push(tick)
    }
  }
  return { ...axis, type: 'sqrt', domain: [0, top * 1.1], ticks } as const
}

function flowTable(sides: readonly Side[]): Figure['table'] {
  const size = joinOf(
    sides.map(({ result }) => result),
    rowsMax,
  )
  const merged = sides.map(({ result }) => mergedWindows(result.windows, size))
  const longest = merged.reduce((one, next) => (next.length > one.length ? next : one), [])
  const rows = longest.map(({ fromMs }, at) => [
    moment(fromMs),
    ...merged.flatMap((windows) =>
      series.map(({ of }) => (windows[at] === undefined ? '' : count(rounded(of(windows[at]))))),
    ),
  ])
  const columns = sides.flatMap(({ arm }) => series.map(({ label }) => figures(`${arm.name}: ${label}/s`)))
  return { title: 'Per second, from each time on', columns: [figures('from'), ...columns], rows }
}

const rounded = (value: number): number => Math.round(value * 10) / 10
