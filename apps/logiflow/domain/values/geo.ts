import type { Geo, Metres } from './units.ts'

/** Mean radius of the earth by the IUGG. */
const EARTH_RADIUS_M = 6_371_008.8
const METRES_PER_DEGREE = (Math.PI / 180) * EARTH_RADIUS_M

const radians = (degrees: number): number => (degrees * Math.PI) / 180

/** Great-circle distance in whole metres; up to 0.5 % off the ellipsoid. */
export const haversineM = (a: Geo, b: Geo): Metres => {
  const halfLat = Math.sin(radians(b.lat - a.lat) / 2)
  const halfLon = Math.sin(radians(b.lon - a.lon) / 2)
  const chord = halfLat ** 2 + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * halfLon ** 2
  return Math.round(2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(chord))))
}

export const geoAt = (lat: number, lon: number): Geo => ({
  lat: Math.round(lat * 1e6) / 1e6,
  lon: Math.round(lon * 1e6) / 1e6,
})

/** Point between two places; straight in degrees, which is within metres of the great circle on a leg of 50 km. */
export const between = (a: Geo, b: Geo, fraction: number): Geo =>
  geoAt(a.lat + (b.lat - a.lat) * fraction, a.lon + (b.lon - a.lon) * fraction)

/** Initial bearing in whole degrees, 0 north, 90 east, below 360. */
export const headingDeg = (from: Geo, to: Geo): number => {
  const deltaLon = radians(to.lon - from.lon)
  const east = Math.sin(deltaLon) * Math.cos(radians(to.lat))
  const north =
    Math.cos(radians(from.lat)) * Math.sin(radians(to.lat)) -
    Math.sin(radians(from.lat)) * Math.cos(radians(to.lat)) * Math.cos(deltaLon)
  return (Math.round((Math.atan2(east, north) * 180) / Math.PI) + 360) % 360
}

/** Metres east and north of an origin; good for regions of a few hundred kilometres. */
export const planar = (point: Geo, origin: Geo): { readonly xM: number; readonly yM: number } => ({
  xM: (point.lon - origin.lon) * METRES_PER_DEGREE * Math.cos(radians(origin.lat)),
  yM: (point.lat - origin.lat) * METRES_PER_DEGREE,
})
