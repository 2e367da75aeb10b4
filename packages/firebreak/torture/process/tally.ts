import type { Death } from './deaths.ts'

/** What the crew has seen; written by the crew, read by everybody. */
export interface Tally {
  /** SIGKILLs that a process died of. */
  kills: number
  /** Those among them that hit the owner of the log. */
  ownerKills: number
  /** Orderly stops by SIGTERM. */
  terminations: number
  /** Processes that were stopped for a while, in the middle of whatever they did, and went on as if nothing had been. */
  freezes: number
  /** Deaths by a lethal order. */
  crashes: number
  /** Starts that met servers which were away, and were tried again. */
  unavailable: number
  /** Static members that what their dead predecessor had asked for has put out of the group, at most one for each death. */
  replaced: number
  handled: number
  readonly acked: Set<string>
  /** What must not happen: deaths that nobody planned, processes that do not end. */
  readonly problems: string[]
}

export const newTally = (): Tally => ({
  kills: 0,
  ownerKills: 0,
  terminations: 0,
  freezes: 0,
  crashes: 0,
  unavailable: 0,
  replaced: 0,
  handled: 0,
  acked: new Set(),
  problems: [],
})

/** The figure that counts a death. */
export const figureOf = {
  killed: 'kills',
  terminated: 'terminations',
  crashed: 'crashes',
  unavailable: 'unavailable',
  replaced: 'replaced',
} as const satisfies Record<Exclude<Death, 'unasked'>, keyof Tally>
