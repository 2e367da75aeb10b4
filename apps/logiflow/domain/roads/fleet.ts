import depotRows from '../../data/depots.json' with { type: 'json' }
import truckRows from '../../data/trucks.json' with { type: 'json' }
import { DomainError } from '../values/domain-error.ts'
import type { Load, Place, TruckClass } from '../values/units.ts'
import { placeOf } from './places.ts'

export type Depot = { readonly depotId: string; readonly place: Place }
export type Truck = {
  readonly truckId: string
  readonly driverId: string
  readonly depotId: string
  readonly plate: string
  readonly truckClass: TruckClass
}

export const capacities: Readonly<Record<TruckClass, Load>> = {
  RIGID: { weightG: 9_000_000, ldmCm: 720, pallets: 18 },
  ARTIC: { weightG: 24_000_000, ldmCm: 1360, pallets: 34 },
  REEFER: { weightG: 21_500_000, ldmCm: 1320, pallets: 33 },
}

const CLASSES: Readonly<Record<string, TruckClass>> = {
  RIGID: 'RIGID',
  ARTIC: 'ARTIC',
  REEFER: 'REEFER',
}

export const depots: readonly Depot[] = depotRows.map(({ depotId, placeId }) => ({ depotId, place: placeOf(placeId) }))
export const trucks: readonly Truck[] = truckRows.map((row) => ({
  ...row,
  truckClass: CLASSES[row.truckClass] ?? 'ARTIC',
}))

export const depotOf = (depotId: string): Depot => {
  const depot = depots.find((candidate) => candidate.depotId === depotId)
  if (depot === undefined) throw new DomainError('unknown_place', `no depot has the id ${depotId}`)
  return depot
}

export const truckOf = (truckId: string): Truck => {
  const truck = trucks.find((candidate) => candidate.truckId === truckId)
  if (truck === undefined) throw new DomainError('unknown_truck', `no truck has the id ${truckId}`)
  return truck
}
