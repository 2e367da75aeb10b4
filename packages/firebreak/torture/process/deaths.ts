import { replacedExitCode, unavailableExitCode } from './child.ts'
import { lethalExitCode } from './services.ts'

/** How a process under torture has ended; `unasked` is what must not happen. */
export type Death = 'killed' | 'terminated' | 'crashed' | 'unavailable' | 'replaced' | 'unasked'

export interface Life {
  /** The signal that it was sent last. */
  readonly sent: 'SIGKILL' | 'SIGTERM' | undefined
  /** How long ago one in its place died in the middle of what it did; Infinity: none has. */
  readonly sinceAbruptMs: number
}

/**
 * What a process asked of Kafka before it died can get there this much later: behind the longest cut, to a broker that was
 * frozen, and then its successor hears of it with its next heartbeat.
 */
const lateWithinMs = 30_000

export function deathOf(end: number | NodeJS.Signals | null, { sent, sinceAbruptMs }: Life): Death {
  if (end === 'SIGKILL' && sent === 'SIGKILL') return 'killed'
  if (end === 0 && sent !== undefined) return 'terminated'
  if (end === lethalExitCode) return 'crashed'
  if (end === unavailableExitCode) return 'unavailable'
  // Kafka gives the name of a static member to the process that asked for it last, the request of a dead one included.
  if (end === replacedExitCode && sinceAbruptMs <= lateWithinMs) return 'replaced'
  return 'unasked'
}

/** Ends after which something may still be under way. */
export const isAbrupt = (death: Death): boolean => death === 'killed' || death === 'crashed' || death === 'unavailable'
