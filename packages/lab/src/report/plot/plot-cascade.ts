import { dash, duration, moment } from '../../analysis/report-figures.ts'
import type { LabResult, WindowResult } from '../../model/result.ts'
import type { Arm, Scenario, ServiceModel } from '../../model/scenario.ts'
import type { Side } from '../parts/report-sides.ts'
import { figures, words } from '../parts/report-table.ts'
import { type Interval, intervalsWhere } from '../parts/report-windows.ts'
import type { Canvas } from './plot-canvas.ts'
import { type Figure, short } from './plot-figure.ts'
import { lineHeight, type TimeAxis, timeAxis } from './plot-time-axis.ts'

interface Bar extends Interval {
  readonly service: string
}

interface Saturation {
  readonly side: Side
  readonly bars: readonly Bar[]
}

// Means over replications hardly ever reach the last worker.
const fullFrom = 0.98
const barsMax = 200
const lastingWindows = 3

/** When each service was saturated, ordered by when it first was: how an overload spreads. */
export function cascadeFigure(canvas: Canvas, scenario: Scenario, result: LabResult, sides: readonly Side[]): Figure {
  const axis = timeAxis(canvas, scenario, result)
  const all = sides.map((side) => ({ side, bars: barsOf(scenario, side) }))
  const last = all.findLast(({ bars }) => bars.length > 0)?.side
  return {
    title: 'Cascade: which service was saturated when',
    caption:
      'A bar where all workers of a service were busy or its queue grew; without a limit of workers, where more than it takes ' +
      `with ease was in service. The service that was first saturated for three windows on end is at the top.${axis.caption}`,
    legend: [{ label: 'saturated', sample: 'bar', color: 'var(--saturated)' }, ...axis.legend],
    panels: all.map(({ side, bars }) => ({
      title: side.arm.name,
      svg: bars.length === 0 ? null : drawn(canvas, axis, { side, bars }, side === last),
      ...(bars.length === 0 ? { note: 'No service was saturated.' } : {}),
    })),
    table: cascadeTable(scenario, all),
  }
}

function drawn({ plot, svg }: Canvas, axis: TimeAxis, { side: { arm }, bars }: Saturation, isLast: boolean): string {
  const order = [...new Set(bars.map(({ service }) => service))]
  // Cut names need not be different any more, so rows are numbered.
  const rows = order.map((_, at) => at)
  const row = ({ service }: Bar): number => order.indexOf(service)
  const marginTop = 6 + axis.labelLines(arm) * lineHeight
  const marginBottom = isLast ? 38 : 22
  return svg({
    height: marginTop + order.length * 24 + marginBottom,
    marginTop,
    marginBottom,
    marginLeft: 112,
    x: isLast ? axis.x : { ...axis.x, label: null },
    y: {
      type: 'band',
      domain: rows,
      label: null,
      padding: 0.25,
      tickSize: 0,
      tickFormat: (at: number) => short(order[at] ?? '', 13),
    },
    marks: [
      ...axis.below(arm),
      plot.ruleY(rows, { stroke: 'currentColor', strokeOpacity: 0.25 }),
      plot.barX(bars, {
        x1: ({ fromMs }) => axis.at(fromMs),
        x2: ({ toMs }) => axis.at(toMs),
        y: row,
        fill: 'var(--saturated)',
      }),
      ...axis.labels(arm, 'over'),
    ],
  })
}

function barsOf(scenario: Scenario, { arm, result }: Side): readonly Bar[] {
  const bars = arm.services.flatMap((service) => {
    const intervals = intervalsWhere(result.windows, (one, previous) => isSaturated(arm, service, one, previous), 1)
    return fewer(intervals).map((one) => ({ ...one, service: service.name }))
  })
  const firstMs = new Map(
    arm.services.map(({ name }) => [
      name,
      lastingFrom(
        scenario,
        bars.filter(({ service }) => service === name),
      ),
    ]),
  )
  return bars.toSorted(
    (a, b) =>
      (firstMs.get(a.service) ?? 0) - (firstMs.get(b.service) ?? 0) ||
      (a.service < b.service ? -1 : a.service > b.service ? 1 : a.fromMs - b.fromMs),
  )
}

// Full for a moment is what any busy service is now and then; services that never last come last.
function lastingFrom({ windowMs, durationMs }: Scenario, bars: readonly Interval[]): number {
  const lasting = bars.find(({ fromMs, toMs }) => toMs - fromMs >= lastingWindows * windowMs)
  return lasting?.fromMs ?? durationMs * 2 + (bars[0]?.fromMs ?? 0)
}

function isSaturated(arm: Arm, service: ServiceModel, one: WindowResult, previous: WindowResult | undefined): boolean {
  const level = one.services[service.name]
  if (level === undefined) return false
  const queuedBefore = previous?.services[service.name]?.queued ?? 0
  const workers = service.instances * service.concurrency * shareAt(arm, service.name, one)
  // At 0 workers nothing can be busy: that is a fault, and shown as one.
  const isFull = Number.isFinite(workers)
    ? workers > 0 && level.busy >= workers * fullFrom
    : level.busy > (service.overload?.at ?? Number.POSITIVE_INFINITY)
  return isFull || (level.queued >= 1 && level.queued > queuedBefore)
}

// The workers that a fault leaves at the end of a window.
function shareAt({ faults }: Arm, service: string, { toMs }: WindowResult): number {
  return faults.reduce((share, fault) => {
    const isOn =
      fault.kind === 'capacity' && fault.target === service && fault.atMs < toMs && toMs <= fault.atMs + fault.forMs
    return isOn ? share * fault.value : share
  }, 1)
}

/** Joins the nearest bars until no more are left than can be seen. */
function fewer(intervals: readonly Interval[]): readonly Interval[] {
  const [first, last] = [intervals[0], intervals.at(-1)]
  if (first === undefined || last === undefined || intervals.length <= barsMax) return intervals
  const closeMs = (last.toMs - first.fromMs) / barsMax
  const joined: { fromMs: number; toMs: number }[] = []
  for (const { fromMs, toMs } of intervals) {
    const open = joined.at(-1)
    if (open !== undefined && fromMs - open.toMs <= closeMs) open.toMs = toMs
    else joined.push({ fromMs, toMs })
  }
  return joined
}

function cascadeTable({ windowMs }: Scenario, all: readonly Saturation[]): Figure['table'] {
  const rows = all.flatMap(({ side, bars }) => {
    const names = [...new Set([...bars.map(({ service }) => service), ...side.arm.services.map(({ name }) => name)])]
    return names.map((name) => {
      const own = bars.filter(({ service }) => service === name)
      const total = own.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)
      const lasting = own.find(({ fromMs, toMs }) => toMs - fromMs >= lastingWindows * windowMs)
      const at = (ms: number | undefined): string => (ms === undefined ? dash : moment(ms))
      return [side.arm.name, name, at(own[0]?.fromMs), at(lasting?.fromMs), at(own.at(-1)?.toMs), duration(total)]
    })
  })
  const columns = [
    words('arm'),
    words('service'),
    figures('first'),
    figures('lasting from'),
    figures('last'),
    figures('in all'),
  ]
  return { title: 'Saturation of the services', columns, rows }
}
