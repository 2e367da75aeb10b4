import type { Arrivals } from '../model/scenario.ts'

/** The instants of arrivals in ms, rising; Infinity when no more come. */
export type ArrivalTimes = () => number

/** A time of one rate. */
interface Stretch {
  readonly untilMs: number
  readonly perMs: number
}

/**
 * The arrivals that do not wait for answers, up to `untilMs`.
 *
 * Even ones come in the middle of their interval: 100 per second for a second are 100. Random ones are exact for any
 * steps of the rate: unit exponentials are laid along the integral of the rate. `random` is drawn from once per arrival,
 * `states` once per state of an mmpp.
 */
export function openArrivals(
  arrivals: Exclude<Arrivals, { kind: 'closed' }>,
  untilMs: number,
  random: () => number,
  states: () => number,
): ArrivalTimes {
  switch (arrivals.kind) {
    case 'trace':
      return traced(arrivals.atMs, untilMs)
    case 'poisson':
      return along(steps(arrivals.rate), untilMs, () => -Math.log(random()))
    case 'deterministic':
      return along(steps(arrivals.rate), untilMs, evenGaps())
    case 'mmpp':
      return along(switching(arrivals.states, states), untilMs, () => -Math.log(random()))
  }
}

/** Lays gaps, in expected arrivals, along the integral of the rate. */
function along(nextStretch: () => Stretch, endMs: number, gap: () => number): ArrivalTimes {
  let nowMs = 0
  let stretch = nextStretch()
  return () => {
    let need = gap()
    while (nowMs < endMs) {
      const room = stretch.perMs === 0 ? 0 : (stretch.untilMs - nowMs) * stretch.perMs
      if (need < room) {
        nowMs += need / stretch.perMs
        return nowMs < endMs ? nowMs : Number.POSITIVE_INFINITY
      }
      need -= room
      nowMs = stretch.untilMs
      if (nowMs < endMs) stretch = nextStretch()
    }
    return Number.POSITIVE_INFINITY
  }
}

function evenGaps(): () => number {
  let gap = 0.5
  return () => {
    const next = gap
    gap = 1
    return next
  }
}

function steps(rate: Extract<Arrivals, { kind: 'poisson' | 'deterministic' }>['rate']): () => Stretch {
  let at = -1
  return () => {
    const perMs = (rate[at]?.perSec ?? 0) / 1000
    return { untilMs: rate[++at]?.atMs ?? Number.POSITIVE_INFINITY, perMs }
  }
}

function switching(states: Extract<Arrivals, { kind: 'mmpp' }>['states'], random: () => number): () => Stretch {
  let at = 0
  let nowMs = 0
  return () => {
    const state = states[at++ % states.length] as (typeof states)[number]
    nowMs += -Math.log(random()) * state.meanMs
    return { untilMs: nowMs, perMs: state.perSec / 1000 }
  }
}

function traced(atMs: readonly number[], endMs: number): ArrivalTimes {
  const sorted = atMs.toSorted((a, b) => a - b)
  let at = 0
  return () => {
    const next = sorted[at++] ?? Number.POSITIVE_INFINITY
    return next < endMs ? next : Number.POSITIVE_INFINITY
  }
}
