import { DomainError } from '../values/domain-error.ts'
import { between, haversineM, headingDeg, planar } from '../values/geo.ts'
import type { Geo, Metres } from '../values/units.ts'
import type { Corridors } from './corridors.ts'

/** A corridor path as a line with road metres along it: alongM[i] is the distance from the start to points[i]. */
export type Track = {
  readonly ids: readonly number[]
  readonly points: readonly Geo[]
  readonly alongM: readonly Metres[]
}

export const trackOf = (corridors: Corridors, ids: readonly number[]): Track => {
  let total = 0
  const alongM = ids.map((id, index) => {
    const previous = ids[index - 1]
    if (previous !== undefined) total += corridors.edgeM(previous, id)
    return total
  })
  return { ids, points: ids.map((id) => corridors.place(id).geo), alongM }
}

/** Where each stop lies on the track; stops are in visiting order, and a place may be passed again on the way back. */
export const stopsAlongM = (track: Track, stopIds: readonly number[]): readonly Metres[] => {
  let index = 0
  return stopIds.map((stopId) => {
    index = track.ids.indexOf(stopId, index)
    const alongM = track.alongM[index]
    if (index === -1 || alongM === undefined)
      throw new DomainError('not_on_route', `stop ${stopId} is not on the track`)
    return alongM
  })
}

export const pointAlong = (track: Track, alongM: Metres): { readonly geo: Geo; readonly headingDeg: number } => {
  const last = track.points.length - 1
  const found = track.alongM.findIndex((nodeM) => nodeM > alongM)
  const next = Math.max(1, found === -1 ? last : found)
  const [from, to] = [track.points[next - 1], track.points[next]]
  const [fromM, toM] = [track.alongM[next - 1] ?? 0, track.alongM[next] ?? 0]
  if (from === undefined) throw new DomainError('not_on_route', 'a track needs at least one point')
  if (to === undefined) return { geo: from, headingDeg: 0 }
  const fraction = Math.min(1, Math.max(0, (alongM - fromM) / (toM - fromM)))
  return { geo: between(from, to, fraction), headingDeg: headingDeg(from, to) }
}

/** Nearest point of the track between two distances; the bounds keep a truck on its leg where the way back overlaps. */
export const projectOnTrack = (
  track: Track,
  geo: Geo,
  bounds: { readonly fromM: Metres; readonly toM: Metres },
): { readonly alongM: Metres; readonly offM: Metres } => {
  let best = {
    alongM: bounds.fromM,
    offM: haversineM(geo, pointAlong(track, bounds.fromM).geo),
  }
  for (let index = 1; index < track.points.length; index++) {
    const [fromM, toM] = [track.alongM[index - 1] ?? 0, track.alongM[index] ?? 0]
    const [from, to] = [track.points[index - 1], track.points[index]]
    if (toM < bounds.fromM || fromM > bounds.toM || from === undefined || to === undefined) continue
    const end = planar(to, from)
    const point = planar(geo, from)
    const lengthSquared = end.xM ** 2 + end.yM ** 2
    const fraction = lengthSquared === 0 ? 0 : (point.xM * end.xM + point.yM * end.yM) / lengthSquared
    const rawM = fromM + Math.min(1, Math.max(0, fraction)) * (toM - fromM)
    const alongM = Math.round(Math.min(bounds.toM, Math.max(bounds.fromM, rawM)))
    const offM = haversineM(geo, pointAlong(track, alongM).geo)
    if (offM < best.offM) best = { alongM, offM }
  }
  return best
}
