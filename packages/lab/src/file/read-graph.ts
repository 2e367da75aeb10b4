/** Cycles of a graph of services, and how much work a run means. */
import type { Edge, Traffic } from '../model/scenario.ts'

/** Edges that lead back to where they began, as far as there are any: each ends with the edge that closes it. */
export function cyclesOf(edges: readonly Edge[]): readonly (readonly Edge[])[] {
  const leaving = Map.groupBy(edges, ({ from }) => from)
  const found: (readonly Edge[])[] = []
  const done = new Set<string>()
  // At most as deep as there are services.
  const visit = (name: string, way: readonly Edge[]): void => {
    for (const edge of leaving.get(name) ?? []) {
      const start = edge.to === name ? way.length : way.findIndex(({ from }) => from === edge.to)
      if (start >= 0) found.push([...way.slice(start), edge])
      else if (!done.has(edge.to)) visit(edge.to, [...way, edge])
    }
    done.add(name)
  }
  for (const name of leaving.keys()) if (!done.has(name)) visit(name, [])
  return found
}

/** How a cycle is reported, and why there can be none. */
export function cycleText(cycle: readonly Edge[]): string {
  const names = [...cycle.map(({ from }) => from), cycle.at(-1)?.to ?? ''].join(' -> ')
  const queued = cycle.find(({ kind }) => kind !== 'sync')
  if (queued === undefined) return `calls go round, ${names}: a request would never end`
  return `work goes round, ${names}: a message would set off the next one forever; give the way back a service of its own`
}

/** What arrives at all services together if nothing fails, over the whole run; a lower bound where clients wait for answers. */
export function expectedVisits(traffic: readonly Traffic[], edges: readonly Edge[], durationMs: number): number {
  const leaving = Map.groupBy(edges, ({ from }) => from)
  const known = new Map<string, number>()
  const visitsOf = (name: string): number => {
    const before = known.get(name)
    if (before !== undefined) return before
    let sum = 1
    for (const edge of leaving.get(name) ?? []) sum += (edge.kind === 'sync' ? edge.calls : 1) * visitsOf(edge.to)
    known.set(name, sum)
    return sum
  }
  return traffic.reduce((sum, source) => sum + arrivalsExpected(source, durationMs) * visitsOf(source.to), 0)
}

function arrivalsExpected({ arrivals }: Traffic, durationMs: number): number {
  switch (arrivals.kind) {
    case 'trace':
      return arrivals.atMs.length
    case 'closed':
      return durationMs > 0 ? arrivals.clients : 0
    case 'mmpp': {
      const whole = arrivals.states.reduce((sum, { meanMs }) => sum + meanMs, 0)
      const mean = arrivals.states.reduce((sum, { perSec, meanMs }) => sum + (perSec * meanMs) / whole, 0)
      return (mean * durationMs) / 1000
    }
    default:
      return arrivals.rate.reduce((sum, { atMs, perSec }, i) => {
        const untilMs = Math.min(durationMs, arrivals.rate[i + 1]?.atMs ?? durationMs)
        return sum + (perSec * Math.max(0, untilMs - atMs)) / 1000
      }, 0)
  }
}
