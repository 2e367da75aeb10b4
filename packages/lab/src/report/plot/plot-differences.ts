import { count, duration, factor } from '../../analysis/report-figures.ts'
import type { PairedDifference } from '../../model/result.ts'
import { figures, words } from '../parts/report-table.ts'
import type { Canvas } from './plot-canvas.ts'
import { type Figure, type Panel, short } from './plot-figure.ts'

/** Differences between arms under the same arrivals, with their intervals. Undefined where there are none. */
export function differencesFigure(canvas: Canvas, differences: readonly PairedDifference[]): Figure | undefined {
  const sound = differences.filter(({ mean, ci95 }) => Number.isFinite(mean) && Number.isFinite(ci95))
  if (sound.length === 0) return undefined
  const groups = Map.groupBy(sound, ({ metric, against }) => JSON.stringify([metric, against])).values()
  const panels = [...groups].map((group) => differencePanel(canvas, group))
  return {
    title: 'Paired differences',
    caption:
      'Mean over the replications, and its 95 % confidence interval. Both arms of a pair saw the same arrivals in each replication. ' +
      'Where an interval does not touch 0, the difference is more than chance.',
    legend: [],
    panels,
    table: differencesTable(sound),
  }
}

function differencePanel(canvas: Canvas, group: readonly PairedDifference[]): Panel {
  const { metric, against } = group[0] as PairedDifference
  const { unit, scale } = axisOf(group)
  const intervals = group.map((one, row) => {
    const [low, mean, high] = [one.mean - one.ci95, one.mean, one.mean + one.ci95].map((value) => value * scale)
    return { row, low: low ?? 0, mean: mean ?? 0, high: high ?? 0, text: meanAndHalf(one) }
  })
  return {
    title: `${metric}: difference from ${against}`,
    svg: canvas.svg({
      height: 46 + group.length * 28,
      marginTop: 6,
      marginLeft: 104,
      marginRight: 124,
      x: {
        label: unit,
        ticks: 3,
        tickFormat: (value: number) => signed(value, count),
        grid: true,
        nice: true,
        domain: around(intervals),
      },
      y: {
        type: 'band',
        domain: group.keys(),
        label: null,
        tickSize: 0,
        tickFormat: (row: number) => short(group[row]?.arm ?? '', 12),
      },
      marks: intervalMarks(canvas, intervals),
    }),
  }
}

interface Shown {
  readonly row: number
  readonly low: number
  readonly mean: number
  readonly high: number
  readonly text: string
}

function intervalMarks({ plot }: Canvas, intervals: readonly Shown[]) {
  const y = 'row'
  const stroke = { stroke: 'var(--goodput)', strokeWidth: 2 } as const
  return [
    plot.ruleX([0], { stroke: 'currentColor', strokeWidth: 1.5 }),
    plot.link(intervals, { x1: 'low', x2: 'high', y, ...stroke }),
    // Ends that show beside the dot even where the interval is narrow.
    ...['low', 'high'].map((x) => plot.dot(intervals, { x, y, symbol: bar, r: 5, ...stroke })),
    plot.dot(intervals, { x: 'mean', y, r: 3, fill: 'var(--goodput)' }),
    plot.text(intervals, { y, text: 'text', frameAnchor: 'right', textAnchor: 'start', dx: 8 }),
  ]
}

// A short upright line, as a symbol.
const bar = {
  draw: (path: { moveTo(x: number, y: number): void; lineTo(x: number, y: number): void }, size: number): void => {
    const half = Math.sqrt(size / Math.PI)
    path.moveTo(0, -half)
    path.lineTo(0, half)
  },
}

interface Measure {
  readonly unit: string
  readonly scale: number
  readonly shown: (value: number) => string
}

function measureOf(metric: string): Measure {
  if (/Ms$|Ms\.|^(latency|answer)Ms/.test(metric)) return { unit: 'time', scale: 1, shown: duration }
  if (/(Ratio|utilization|Probability)$/.test(metric)) return { unit: 'percentage points', scale: 100, shown: count }
  return { unit: 'difference', scale: 1, shown: factor }
}

// One unit for all ticks of an axis.
function axisOf(group: readonly PairedDifference[]): Pick<Measure, 'unit' | 'scale'> {
  const measure = measureOf(group[0]?.metric ?? '')
  if (measure.shown !== duration) return measure
  const widest = Math.max(...group.map(({ mean, ci95 }) => Math.abs(mean) + ci95))
  if (widest < 2000) return { unit: 'ms', scale: 1 }
  return widest < 600_000 ? { unit: 's', scale: 0.001 } : { unit: 'min', scale: 1 / 60_000 }
}

const signed = (value: number, shown: (value: number) => string): string =>
  value > 0 ? `+${shown(value)}` : shown(value).replace('-', '−')

// `−353 ± 300 ms`: a unit that both have stands once.
function meanAndHalf({ metric, mean, ci95 }: PairedDifference): string {
  const { scale, shown } = measureOf(metric)
  const [first, second] = [signed(mean * scale, shown), shown(ci95 * scale)]
  const unit = /\u00a0\D+$/.exec(second)?.[0] ?? ''
  return `${unit !== '' && first.endsWith(unit) ? first.slice(0, -unit.length) : first} ± ${second}`
}

// Zero is always in sight.
function around(at: readonly { readonly low: number; readonly high: number }[]): readonly [number, number] {
  const low = Math.min(0, ...at.map((one) => one.low))
  const high = Math.max(0, ...at.map((one) => one.high))
  return low === high ? [-1, 1] : [low, high]
}

function differencesTable(differences: readonly PairedDifference[]): Figure['table'] {
  const rows = differences.map(({ metric, arm, against, mean, ci95 }) => {
    const { unit, scale, shown } = measureOf(metric)
    const isMore = Math.abs(mean) > ci95
    return [metric, arm, against, signed(mean * scale, shown), shown(ci95 * scale), unit, isMore ? 'yes' : 'no']
  })
  const columns = [
    words('metric'),
    words('arm'),
    words('against'),
    figures('mean'),
    figures('± 95 %'),
    words('unit'),
    words('more than chance'),
  ]
  return { title: 'Paired differences', columns, rows }
}
