/** A rate that holds from `atMs` until the next step. **Units** per ms */
export interface Flow {
  readonly atMs: number
  readonly perMs: number
}

/** What can leave a backlog: `bestPerMs` as long as there is none, `fullPerMs` while there is one. */
export interface Outlet {
  readonly atMs: number
  readonly bestPerMs: number
  readonly fullPerMs: number
}

export interface Course {
  /** The backlog at these instants; straight in between. */
  readonly points: readonly { readonly atMs: number; readonly backlog: number }[]
  readonly outflow: readonly Flow[]
}

/** An even flow through a backlog, from 0 on. Both lists begin at 0 and rise. */
export function courseOf(inflow: readonly Flow[], outlets: readonly Outlet[]): Course {
  const times = [...new Set([...inflow, ...outlets].map(({ atMs }) => atMs))].toSorted((a, b) => a - b)
  const points = [{ atMs: 0, backlog: 0 }]
  const outflow: Flow[] = []
  let backlog = 0
  for (const [index, atMs] of times.entries()) {
    const untilMs = times[index + 1] ?? Number.POSITIVE_INFINITY
    const come = at(inflow, atMs).perMs
    const { bestPerMs, fullPerMs } = at(outlets, atMs)
    const isFull = backlog > 0 || come > bestPerMs
    const leave = isFull ? fullPerMs : come
    outflow.push({ atMs, perMs: leave })
    const emptyAtMs = leave > come ? atMs + backlog / (leave - come) : Number.POSITIVE_INFINITY
    if (isFull && emptyAtMs < untilMs) {
      points.push({ atMs: emptyAtMs, backlog: 0 })
      outflow.push({ atMs: emptyAtMs, perMs: come })
      backlog = 0
    } else if (untilMs < Number.POSITIVE_INFINITY) backlog = Math.max(0, backlog + (come - leave) * (untilMs - atMs))
    if (untilMs < Number.POSITIVE_INFINITY) points.push({ atMs: untilMs, backlog })
    else if (backlog > 0) points.push({ atMs: untilMs, backlog })
  }
  return { points, outflow }
}

/** The sum of flows, each times its factor. */
export function sumOf(parts: readonly { readonly flow: readonly Flow[]; readonly times: number }[]): readonly Flow[] {
  const instants = new Set([0, ...parts.flatMap(({ flow }) => flow.map(({ atMs }) => atMs))])
  return [...instants]
    .toSorted((a, b) => a - b)
    .map((atMs) => {
      const perMs = parts.reduce((sum, { flow, times }) => sum + (at(flow, atMs)?.perMs ?? 0) * times, 0)
      return { atMs, perMs }
    })
}

/** The highest sum of several backlogs, and when all are empty after it; null: never. */
export function peakOf(courses: readonly Course[]): { readonly backlog: number; readonly drainMs: number | null } {
  const instants = [...new Set(courses.flatMap(({ points }) => points.map(({ atMs }) => atMs)))].toSorted(
    (a, b) => a - b,
  )
  const sums = instants.map((atMs) => {
    return { atMs, backlog: courses.reduce((sum, course) => sum + backlogAt(course, atMs), 0) }
  })
  const peak = sums.reduce((most, one) => (one.backlog > most.backlog ? one : most), { atMs: 0, backlog: 0 })
  const empty = sums.find(({ atMs, backlog }) => atMs >= peak.atMs && backlog < 1e-6)
  return { backlog: peak.backlog, drainMs: empty === undefined ? null : empty.atMs - peak.atMs }
}

function backlogAt({ points }: Course, atMs: number): number {
  const after = points.findIndex((point) => point.atMs >= atMs)
  if (after < 0) return points.at(-1)?.backlog ?? 0
  const [a, b] = [points[after - 1], points[after]]
  if (a === undefined || b === undefined || b.atMs === atMs) return b?.backlog ?? 0
  return b.atMs === Number.POSITIVE_INFINITY
    ? a.backlog
    : a.backlog + ((b.backlog - a.backlog) * (atMs - a.atMs)) / (b.atMs - a.atMs)
}

function at<T extends { readonly atMs: number }>(steps: readonly T[], atMs: number): T {
  return (steps.findLast((step) => step.atMs <= atMs) ?? steps[0]) as T
}
