import rows from '../../data/places.json' with { type: 'json' }
import { DomainError } from '../values/domain-error.ts'
import { geoAt } from '../values/geo.ts'
import type { Place, Zone } from '../values/units.ts'

const ZONES: Readonly<Record<string, Zone>> = {
  BE: 'Europe/Brussels',
  LU: 'Europe/Luxembourg',
  NL: 'Europe/Amsterdam',
}

/** Places of the region, ascending by id. Source: GeoNames, CC BY 4.0, see NOTICE.md. */
export const places: readonly Place[] = rows.map((row) => ({
  placeId: String(row.id),
  name: row.name,
  country: row.country,
  geo: geoAt(row.lat, row.lon),
  zone: ZONES[row.country] ?? 'UTC',
}))

const byId: ReadonlyMap<string, Place> = new Map(places.map((place) => [place.placeId, place]))

export const placeOf = (placeId: string): Place => {
  const place = byId.get(placeId)
  if (place === undefined) throw new DomainError('unknown_place', `no place has the id ${placeId}`)
  return place
}
