import { count, dash, duration, moment } from '../../analysis/report-figures.ts'
import type { LabResult, WindowResult } from '../../model/result.ts'
import type { Arm, Scenario } from '../../model/scenario.ts'
import type { Side } from '../parts/report-sides.ts'
import { figures, words } from '../parts/report-table.ts'
import { joinOf, mergedWindows } from '../parts/report-windows.ts'
import { type Canvas, stacked } from './plot-canvas.ts'
import { armLine, type Figure } from './plot-figure.ts'
import { timeAxis, windowsMax } from './plot-time-axis.ts'

const rowsMax = 60

/** How much waited and how old it became. Undefined where no arm has a queue. */
export function backlogFigure(
  canvas: Canvas,
  scenario: Scenario,
  result: LabResult,
  sides: readonly Side[],
): Figure | undefined {
  const events = sides.map((side, index) => ({ side, index })).filter(({ side }) => side.isEvent)
  const [first] = events
  if (first === undefined) return undefined
  const { plot, svg } = canvas
  const axis = timeAxis(canvas, scenario, result)
  const size = joinOf(
    events.map(({ side }) => side.result),
    windowsMax,
  )
  const lines = (y: (one: WindowResult) => number) =>
    events.map(({ side, index }) => {
      const { color, dash: strokeDasharray } = armLine(index)
      const windows = mergedWindows(side.result.windows, size)
      return plot.lineY(windows, { x: ({ toMs }) => axis.at(toMs), y, stroke: color, strokeDasharray, strokeWidth: 2 })
    })
  const shared = withSharedFaults(
    first.side.arm,
    events.map(({ side }) => side.arm),
  )
  const panel = (label: string, y: (one: WindowResult) => number, isLast: boolean): string =>
    svg({
      ...stacked(180, isLast),
      marginLeft: 56,
      x: isLast ? axis.x : { ...axis.x, label: null },
      y: {
        grid: true,
        nice: true,
        ticks: 4,
        tickFormat: count,
        label,
        domain: [
          0,
          topOf(
            events.map(({ side }) => side),
            y,
          ),
        ],
      },
      marks: [...axis.below(shared), plot.ruleY([0]), ...lines(y), ...axis.labels(shared, 'within')],
    })
  return {
    title: 'Backlog and age of the oldest message',
    caption: `What the queues hold, waiting or being handled, and how long its oldest part has been there.${axis.caption}`,
    legend: [
      ...events.map(({ side, index }) => ({ label: side.arm.name, sample: 'line', ...armLine(index) }) as const),
      ...(shared.faults.length > 0 ? axis.legend : []),
    ],
    panels: [
      { title: 'Backlog', svg: panel('messages', ({ backlog }) => backlog, false) },
      { title: 'Age of the oldest', svg: panel('seconds', ({ oldestAgeMs }) => oldestAgeMs / 1000, true) },
    ],
    table: backlogTable(events.map(({ side }) => side)),
  }
}

/** Only what all of them met can stand behind all of them. */
const withSharedFaults = (first: Arm, arms: readonly Arm[]): Arm => ({
  ...first,
  faults: first.faults.filter((fault) => arms.every((arm) => hasFault(arm, fault))),
})

const hasFault = (arm: Arm, fault: Arm['faults'][number]): boolean =>
  arm.faults.some(
    (one) =>
      one.kind === fault.kind && one.target === fault.target && one.atMs === fault.atMs && one.forMs === fault.forMs,
  )

const topOf = (sides: readonly Side[], of: (one: WindowResult) => number): number =>
  sides.flatMap(({ result }) => result.windows).reduce((top, one) => Math.max(top, of(one)), 1)

function backlogTable(sides: readonly Side[]): Figure['table'] {
  const size = joinOf(
    sides.map(({ result }) => result),
    rowsMax,
  )
  const rows = sides.flatMap(({ arm, result, fluid }) => {
    const evenly = [arm.name, 'even flow', count(fluid?.backlogPeak ?? null), dash]
    const windows = mergedWindows(result.windows, size)
    return [
      [arm.name, 'highest', count(result.backlogPeak), duration(result.oldestAgeMaxMs)],
      ...(fluid === undefined || fluid.backlogPeak === null ? [] : [evenly]),
      ...windows.map((one) => [arm.name, moment(one.toMs), count(Math.round(one.backlog)), duration(one.oldestAgeMs)]),
    ]
  })
  return { title: 'Backlog', columns: [words('arm'), figures('until'), figures('messages'), figures('oldest')], rows }
}
