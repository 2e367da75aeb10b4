import { hours } from '../contracts/duration.ts'

// Nobody means to be asked again and again without a break, nor to be left alone for days by one wrong figure.
const pauseMinMs = 100
const pauseMaxMs = hours(1)
// A pause that has been too short for so long is not what is missing.
const ageShare = 0.01

/** The pause that somebody asked for, an hour at most. 0: none, or what is no number above 0. */
export function askedPauseMs(asked: unknown): number {
  return typeof asked === 'number' && asked > 0 ? Math.min(asked, pauseMaxMs) : 0
}

/** How long a record has been failing, and how long it may. */
export interface RecordAge {
  readonly ageMs: number
  readonly ageMaxMs: number
}

/**
 * How long a record waits whose attempt does not count, because somebody asked for a pause.
 *
 * **Guarantee** At least 100 ms and a hundredth of the record's age, so that an attempt that never counts is no busy loop and
 * gets rarer: a pause of 0 makes about a thousand attempts in a day. An hour at most, and not longer than what is left of
 * the age, so that the last attempt starts when the age ends.
 */
export function pauseMs(asked: unknown, { ageMs, ageMaxMs }: RecordAge): number {
  const leastMs = Math.min(pauseMaxMs, Math.max(pauseMinMs, Math.ceil(ageMs * ageShare)))
  return Math.max(leastMs, Math.min(askedPauseMs(asked), ageMaxMs - ageMs))
}
