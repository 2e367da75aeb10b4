import type { Metres, Seconds } from '../values/units.ts'

const CORRIDOR_KMH = 80
const LAST_STRETCH_KMH = 35
/** The last stretch of every leg goes through streets. */
const LAST_STRETCH_M = 5_000

const seconds = (distanceM: Metres, kmh: number): number => (distanceM * 3.6) / kmh

/** Driving time of what is left of a leg, without breaks; at most one second is lost to rounding per leg. */
export const drivingS = (remainingM: Metres): Seconds => {
  const streetM = Math.min(remainingM, LAST_STRETCH_M)
  return Math.round(seconds(remainingM - streetM, CORRIDOR_KMH) + seconds(streetM, LAST_STRETCH_KMH))
}

/** Metres left after driving for a while on a leg with that many metres to go. */
export const remainingAfterM = (legM: Metres, drivenS: Seconds): Metres => {
  const corridorM = Math.max(0, legM - LAST_STRETCH_M)
  const corridorS = seconds(corridorM, CORRIDOR_KMH)
  const drivenM =
    drivenS <= corridorS ? (drivenS * CORRIDOR_KMH) / 3.6 : corridorM + ((drivenS - corridorS) * LAST_STRETCH_KMH) / 3.6
  return Math.max(0, Math.round(legM - drivenM))
}

export const speedKmh = (remainingM: Metres): number => (remainingM > LAST_STRETCH_M ? CORRIDOR_KMH : LAST_STRETCH_KMH)
