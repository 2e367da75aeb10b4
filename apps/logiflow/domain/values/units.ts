/** Primitives of the domain. Every number is an integer unless the type says degrees. */

export type Uuid7 = string
/** RFC 3339 in UTC with milliseconds and `Z`. */
export type Instant = string
/** Calendar day, `2026-11-01`. */
export type LocalDate = string
/** IANA zone; local time is an Instant and a Zone, never stored alone. */
export type Zone = string
export type Metres = number
export type Seconds = number
export type Grams = number
/** Loading metres in cm: a EUR pallet takes 40, a 13.6 m trailer has 1360. */
export type LdmCm = number
/** Hundredths of a percent: 2100 is 21.00 %. */
export type RateBp = number
/** Minor units of an ISO 4217 currency. */
export type Money = { readonly minor: number; readonly currency: string }
/** WGS 84 degrees with 6 decimals. */
export type Geo = { readonly lat: number; readonly lon: number }
export type TimeWindow = {
  readonly from: Instant
  readonly to: Instant
  readonly zone: Zone
}
export type Place = {
  /** Decimal GeoNames id; as a number it is the node id of the corridor graph. */
  readonly placeId: string
  readonly name: string
  readonly country: string
  readonly geo: Geo
  readonly zone: Zone
}
/** What a truck can carry, or what a shipment takes. */
export type Load = {
  readonly weightG: Grams
  readonly ldmCm: LdmCm
  readonly pallets: number
}
export type TruckClass = 'RIGID' | 'ARTIC' | 'REEFER'
