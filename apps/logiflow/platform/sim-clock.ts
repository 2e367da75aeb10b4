import { instantAtMs } from '../domain/values/time.ts'
import type { Instant } from '../domain/values/units.ts'

/** The clock of the transport world: it starts somewhere and runs `speed` times as fast as the wall clock. */
export type SimClock = {
  readonly simStartMs: number
  readonly wallStartMs: number
  readonly speed: number
}

/** Winter time has just begun: 02:00 in Amsterdam. */
export const FIRST_NIGHT_MS: number = Date.UTC(2026, 10, 1, 1, 0, 0)

export const simNowMs = (clock: SimClock): number =>
  Math.round(clock.simStartMs + (Date.now() - clock.wallStartMs) * clock.speed)

export const simNow = (clock: SimClock): Instant => instantAtMs(simNowMs(clock))
