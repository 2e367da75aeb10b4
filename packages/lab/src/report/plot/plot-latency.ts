import { count, dash, duration, percent } from '../../analysis/report-figures.ts'
import type { ArmResult } from '../../model/result.ts'
import type { Side } from '../parts/report-sides.ts'
import { figures, words } from '../parts/report-table.ts'
import type { Canvas } from './plot-canvas.ts'
import { armLine, type Figure, type LegendEntry } from './plot-figure.ts'

interface Curve {
  readonly name: string
  readonly index: number
  readonly successRatio: number
  readonly points: readonly (readonly [share: number, ms: number])[]
}

// A logarithm needs something above 0.
const msMin = 0.01
const tailMin = 0.0005

/** How long requests took: the share that was done within a time, and the tail. Undefined where nothing succeeded. */
export function latencyFigure(canvas: Canvas, sides: readonly Side[]): Figure | undefined {
  const curves = sides.flatMap(({ arm, result }, index) => curveOf(arm.name, index, result))
  if (curves.length === 0) return undefined
  return {
    title: 'Latency',
    caption:
      'From arrival until success. Above: a curve ends at the share of the requests that succeeded at all. Below: the tail on ' +
      'logarithmic scales; the lower and the further left, the better.',
    legend: curves.map(legendOf),
    panels: [
      { title: 'Done within', svg: shareDrawing(canvas, curves) },
      { title: 'Tail', svg: tailDrawing(canvas, curves) },
    ],
    table: latencyTable(sides),
  }
}

const percentage = { tickFormat: percent, grid: true } as const

function shareDrawing(canvas: Canvas, curves: readonly Curve[]): string {
  const x = logTime(curves)
  const y = ({ successRatio }: Curve, share: number): number => share * successRatio
  return canvas.svg({
    height: 240,
    marginLeft: 56,
    x,
    y: { ...percentage, domain: [0, 1], ticks: 5, label: 'share of all requests that is done' },
    marks: [canvas.plot.ruleY([0]), ...curves.map((curve) => curveMark(canvas, curve, x.domain[0], y))],
  })
}

function tailDrawing(canvas: Canvas, curves: readonly Curve[]): string {
  const x = logTime(curves)
  const y = (_: Curve, share: number): number => (1 - share < tailMin ? 0 : 1 - share)
  const label = 'share of the successful ones that takes longer'
  return canvas.svg({
    height: 220,
    marginLeft: 56,
    x,
    y: { ...percentage, type: 'log', domain: [tailMin, 1], ticks: [0.001, 0.01, 0.1, 1], label },
    marks: curves.map((curve) => curveMark(canvas, curve, x.domain[0], y)),
  })
}

/** What is above 0, and not left of the axis. */
function curveMark({ plot }: Canvas, curve: Curve, fromMs: number, y: (curve: Curve, share: number) => number) {
  const { color, dash: strokeDasharray } = armLine(curve.index)
  const drawn = curve.points
    .map(([share, ms]) => ({ ms, share: y(curve, share) }))
    .filter(({ ms, share }) => ms >= fromMs && share > 0)
  return plot.line(drawn, { x: 'ms', y: 'share', stroke: color, strokeDasharray, strokeWidth: 2 })
}

function legendOf({ name, index }: Curve): LegendEntry {
  return { label: name, sample: 'line', ...armLine(index) }
}

function curveOf(name: string, index: number, { ecdf, successRatio, succeeded }: ArmResult): readonly Curve[] {
  const points = ecdf
    .filter(([share, ms]) => Number.isFinite(share) && Number.isFinite(ms))
    .map(([share, ms]) => [share, Math.max(ms, msMin)] as const)
  const [first] = points
  if (first === undefined || succeeded <= 0) return []
  return [{ name, index, successRatio, points: [[0, first[1]], ...points] }]
}

// Powers of ten stay powers of ten.
const tickWords = (ms: number): string => (ms < 1000 ? duration(ms) : `${count(ms / 1000)} s`)

const steps = [1, 2, 5] as const

// A few that are done at once would take half of the axis.
const fastestShare = 0.01

// Decades, and what lies between where there are few of them.
function logTime(curves: readonly Curve[]) {
  const high = Math.max(...curves.flatMap(({ points }) => points.map(([, ms]) => ms)))
  const low = Math.min(...curves.map(({ points }) => points.find(([share]) => share >= fastestShare)?.[1] ?? high))
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))]
  const decades = Array.from({ length: Math.max(1, to - from) + 1 }, (_, at) => from + at)
  const all = decades.flatMap((decade) => (decades.length <= 3 ? steps : [1]).map((step) => step * 10 ** decade))
  const lowest = Math.max(...all.filter((tick) => tick <= low * 1.0001), 10 ** from)
  const highest = Math.min(...all.filter((tick) => tick >= high * 0.9999), 10 ** (from + decades.length - 1))
  const ticks = all.filter((tick) => tick >= lowest && tick <= Math.max(highest, lowest * 2))
  const domain: readonly [number, number] = [lowest, Math.max(highest, lowest * 2)]
  return {
    type: 'log',
    domain,
    ticks,
    tickFormat: tickWords,
    label: 'time from arrival',
    grid: true,
  } as const
}

function latencyTable(sides: readonly Side[]): Figure['table'] {
  const names = ['mean', 'p50', 'p90', 'p95', 'p99', 'p999', 'max'] as const
  const rows = sides.map(({ arm, result }) => [
    arm.name,
    percent(result.successRatio),
    ...names.map((name) => (result.succeeded > 0 ? duration(result.latencyMs[name]) : dash)),
    result.answered > 0 ? duration(result.answerMs.p50) : dash,
    result.answered > 0 ? duration(result.answerMs.p99) : dash,
  ])
  const titles = ['succeeded', ...names.map((name) => (name === 'p999' ? 'p99.9' : name)), 'answer p50', 'answer p99']
  return { title: 'Latency of what succeeded', columns: [words('arm'), ...titles.map(figures)], rows }
}
