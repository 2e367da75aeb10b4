import { count, percent } from '../../analysis/report-figures.ts'
import type { Sweep } from '../../model/sweep-result.ts'
import { figures, words } from '../parts/report-table.ts'
import { recovered } from '../parts/report-tables.ts'
import type { Canvas } from './plot-canvas.ts'
import { armLine, type Figure } from './plot-figure.ts'

interface Point {
  readonly values: readonly number[]
  readonly arm: string
  readonly successRatio: number
  readonly isStuck: boolean
}

// More cells than these leave no room for figures in them.
const figuresMax = 10
const rowsMax = 24

/** What a sweep over one parameter or two found. Undefined where it has no points. */
export function sweepFigure(canvas: Canvas, sweep: Sweep, armNames: readonly string[]): Figure | undefined {
  const points = sweep.points.map((one) => ({ ...one, isStuck: one.timeToRecoverMs === null }))
  if (points.length === 0 || sweep.params.length === 0) return undefined
  const names = [...new Set([...armNames, ...points.map(({ arm }) => arm)])].filter((arm) =>
    points.some((one) => one.arm === arm),
  )
  const table = sweepTable(sweep)
  if (sweep.params.length === 1) return { ...lines(canvas, sweep, points, { names, armNames }), table }
  return { ...maps(canvas, sweep, points, names), table }
}

type Drawing = Omit<Figure, 'table'>

function maps(canvas: Canvas, { params }: Sweep, points: readonly Point[], names: readonly string[]): Drawing {
  const [x = '', y = ''] = params
  const others = params.slice(2).join(', ')
  const further = others === '' ? '' : ` Cells are means over ${others}.`
  return {
    title: `Phase map: ${y} against ${x}`,
    caption:
      'The darker a cell, the larger the share of the requests that succeeded (figure: percent). A cross: goodput was not back ' +
      `before the arrivals ended.${further}`,
    legend: [
      { label: '0 % to 100 % succeeded', sample: 'shades', color: 'var(--goodput)' },
      { label: 'never recovered', sample: 'cross', color: 'currentColor' },
    ],
    panels: names.map((arm) => ({
      title: arm,
      svg: map(canvas, cellsOf(points.filter((one) => one.arm === arm)), [x, y]),
    })),
  }
}

// One point per cell: further parameters are averaged over, and one that stays down makes the cell stay down.
function cellsOf(points: readonly Point[]): readonly Point[] {
  const groups = Map.groupBy(points, ({ values }) => JSON.stringify(values.slice(0, 2))).values()
  return [...groups].map((group) => ({
    ...(group[0] as Point),
    successRatio: group.reduce((sum, { successRatio }) => sum + successRatio, 0) / group.length,
    isStuck: group.some(({ isStuck }) => isStuck),
  }))
}

function map({ plot, svg }: Canvas, points: readonly Point[], labels: readonly [string, string]): string {
  const valuesAt = (at: number): readonly number[] =>
    [...new Set(points.map(({ values }) => values[at] ?? 0))].toSorted((a, b) => a - b)
  const [xs, ys] = [valuesAt(0), valuesAt(1)]
  const place = { x: ({ values }: Point) => values[0] ?? 0, y: ({ values }: Point) => values[1] ?? 0 }
  const hasFigures = xs.length <= figuresMax
  const ticks = (all: readonly number[], max: number): readonly number[] =>
    all.filter((_, at) => at % Math.ceil(all.length / max) === 0)
  const rowHeight = ys.length <= rowsMax ? (hasFigures ? 36 : 22) : 10
  return svg({
    height: 64 + ys.length * rowHeight,
    marginLeft: 62,
    x: {
      type: 'band',
      domain: xs,
      ticks: ticks(xs, 7),
      tickFormat: count,
      label: labels[0],
      padding: 0.06,
      tickSize: 0,
    } as never,
    y: {
      type: 'band',
      domain: ys,
      ticks: ticks(ys, 14),
      tickFormat: count,
      reverse: true,
      label: labels[1],
      labelAnchor: 'top',
      padding: 0.06,
      tickSize: 0,
    } as never,
    marks: [
      plot.cell(points, {
        ...place,
        fill: 'var(--goodput)',
        fillOpacity: { value: ({ successRatio }: Point) => shade(successRatio), scale: null },
      }),
      plot.dot(
        points.filter(({ isStuck }) => isStuck),
        { ...place, symbol: 'times', r: 4.5, dy: hasFigures ? -7 : 0, stroke: 'currentColor', strokeWidth: 1.8 },
      ),
      ...(hasFigures
        ? [
            ...[true, false].map((isStuck) =>
              plot.text(
                points.filter((one) => one.isStuck === isStuck),
                {
                  ...place,
                  dy: isStuck ? 8 : 0,
                  text: ({ successRatio }: Point) => String(Math.floor(successRatio * 100)),
                },
              ),
            ),
          ]
        : []),
    ],
  })
}

// Never so dark that the figure in it could not be read.
const shade = (successRatio: number): number => 0.04 + 0.56 * successRatio

function lines(
  { plot, svg }: Canvas,
  { params }: Sweep,
  points: readonly Point[],
  { names, armNames }: { readonly names: readonly string[]; readonly armNames: readonly string[] },
): Drawing {
  const styleOf = (arm: string) => armLine(Math.max(0, armNames.indexOf(arm)))
  const place = { x: ({ values }: Point) => values[0] ?? 0, y: ({ successRatio }: Point) => successRatio }
  const marks = names.flatMap((arm) => {
    const { color, dash } = styleOf(arm)
    const own = points.filter((one) => one.arm === arm).toSorted((a, b) => (a.values[0] ?? 0) - (b.values[0] ?? 0))
    return [
      plot.line(own, { ...place, stroke: color, strokeDasharray: dash, strokeWidth: 2 }),
      plot.dot(
        own.filter(({ isStuck }) => !isStuck),
        { ...place, r: 3, fill: color },
      ),
      plot.dot(
        own.filter(({ isStuck }) => isStuck),
        { ...place, r: 5, symbol: 'times', stroke: color, strokeWidth: 2 },
      ),
    ]
  })
  return {
    title: `Success against ${params[0]}`,
    caption: 'Share of the requests that succeeded. A cross: goodput was not back before the arrivals ended.',
    legend: [
      ...names.map((arm) => ({ label: arm, sample: 'line', ...styleOf(arm) }) as const),
      { label: 'never recovered', sample: 'cross', color: 'currentColor' },
    ],
    panels: [
      {
        title: null,
        svg: svg({
          height: 240,
          marginLeft: 56,
          x: {
            label: params[0] ?? '',
            ticks: 6,
            tickFormat: count,
            grid: true,
          },
          y: { domain: [0, 1], ticks: 5, tickFormat: percent, grid: true, label: 'succeeded' },
          marks: [plot.ruleY([0]), ...marks],
        }),
      },
    ],
  }
}

function sweepTable({ params, points }: Sweep): Figure['table'] {
  const rows = points.map(({ arm, values, successRatio, timeToRecoverMs }) => [
    arm,
    ...params.map((_, at) => count(values[at] ?? null)),
    percent(successRatio),
    recovered(timeToRecoverMs),
  ])
  const columns = [words('arm'), ...params.map(figures), figures('succeeded'), figures('recover')]
  return { title: 'Points of the sweep', columns, rows }
}
