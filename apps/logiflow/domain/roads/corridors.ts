import { DomainError } from '../values/domain-error.ts'
import { haversineM, planar } from '../values/geo.ts'
import type { Metres, Place } from '../values/units.ts'

/** The Gabriel graph detours by about 1.11 already; times 1.15 it comes to the 1.28 of dense road networks. */
const DETOUR_PERCENT = 115

export type CorridorEdge = {
  readonly from: number
  readonly to: number
  readonly distanceM: Metres
}
export type CorridorPath = {
  readonly ids: readonly number[]
  readonly distanceM: Metres
}

/** Schematic corridors between places. Node id = numeric placeId; a path's distance is the exact sum of its edges. */
export type Corridors = {
  readonly places: readonly Place[]
  readonly edges: readonly CorridorEdge[]
  readonly place: (nodeId: number) => Place
  readonly edgeM: (fromId: number, toId: number) => Metres
  readonly path: (fromId: number, toId: number) => CorridorPath
}

type Neighbour = { readonly index: number; readonly distanceM: Metres }
type Tree = {
  readonly distanceM: readonly Metres[]
  readonly previous: readonly number[]
}

/** Two places are joined when the circle over them holds no third. Contains the minimum spanning tree, hence connected. */
const gabrielPairs = (places: readonly Place[]): readonly (readonly [number, number])[] => {
  const origin = places[0]?.geo ?? { lat: 0, lon: 0 }
  const points = places.map((place) => planar(place.geo, origin))
  const squared = (a: number, b: number): number => {
    const [p, q] = [points[a], points[b]]
    return p === undefined || q === undefined ? Number.POSITIVE_INFINITY : (p.xM - q.xM) ** 2 + (p.yM - q.yM) ** 2
  }
  const pairs: (readonly [number, number])[] = []
  for (let a = 0; a < points.length; a++) {
    for (let b = a + 1; b < points.length; b++) {
      const diameter = squared(a, b)
      const isCrowded = points.some((_, c) => c !== a && c !== b && squared(a, c) + squared(c, b) < diameter)
      if (!isCrowded) pairs.push([a, b])
    }
  }
  return pairs
}

/** Dijkstra by scanning: at some hundred nodes a heap gains nothing. Ties go to the lower index, so paths are stable. */
const shortestTree = (neighbours: readonly (readonly Neighbour[])[], source: number): Tree => {
  const distanceM = neighbours.map((_, index) => (index === source ? 0 : Number.POSITIVE_INFINITY))
  const previous = neighbours.map(() => -1)
  const open = new Set(neighbours.keys())
  while (open.size > 0) {
    let nearest = -1
    for (const index of open) {
      if (nearest === -1 || (distanceM[index] ?? 0) < (distanceM[nearest] ?? 0)) nearest = index
    }
    open.delete(nearest)
    for (const edge of neighbours[nearest] ?? []) {
      const through = (distanceM[nearest] ?? 0) + edge.distanceM
      if (through < (distanceM[edge.index] ?? 0)) {
        distanceM[edge.index] = through
        previous[edge.index] = nearest
      }
    }
  }
  return { distanceM, previous }
}

export const createCorridors = (places: readonly Place[]): Corridors => {
  const indexOf = new Map(places.map((place, index) => [Number(place.placeId), index]))
  const neighbours: Neighbour[][] = places.map(() => [])
  const edges: CorridorEdge[] = []
  for (const [a, b] of gabrielPairs(places)) {
    const [from, to] = [places[a], places[b]]
    if (from === undefined || to === undefined) continue
    const distanceM = Math.round((haversineM(from.geo, to.geo) * DETOUR_PERCENT) / 100)
    edges.push({
      from: Number(from.placeId),
      to: Number(to.placeId),
      distanceM,
    })
    neighbours[a]?.push({ index: b, distanceM })
    neighbours[b]?.push({ index: a, distanceM })
  }
  // Grown on demand and never dropped: at most one tree per place.
  const trees = new Map<number, Tree>()

  const indexOfNode = (nodeId: number): number => {
    const index = indexOf.get(nodeId)
    if (index === undefined) throw new DomainError('unknown_place', `no corridor passes node ${nodeId}`)
    return index
  }
  const place = (nodeId: number): Place => {
    const found = places[indexOfNode(nodeId)]
    if (found === undefined) throw new DomainError('unknown_place', `no corridor passes node ${nodeId}`)
    return found
  }
  const edgeM = (fromId: number, toId: number): Metres => {
    const to = indexOfNode(toId)
    const edge = neighbours[indexOfNode(fromId)]?.find((candidate) => candidate.index === to)
    if (edge === undefined) throw new DomainError('unreachable', `no corridor joins ${fromId} and ${toId} directly`)
    return edge.distanceM
  }
  const path = (fromId: number, toId: number): CorridorPath => {
    const source = indexOfNode(fromId)
    const target = indexOfNode(toId)
    const tree = trees.get(source) ?? shortestTree(neighbours, source)
    trees.set(source, tree)
    const distanceM = tree.distanceM[target] ?? Number.POSITIVE_INFINITY
    if (!Number.isFinite(distanceM)) throw new DomainError('unreachable', `no corridor leads from ${fromId} to ${toId}`)
    const ids: number[] = []
    for (let at = target; at !== -1; at = tree.previous[at] ?? -1) ids.unshift(Number(places[at]?.placeId))
    return { ids, distanceM }
  }
  return { places, edges, place, edgeM, path }
}
