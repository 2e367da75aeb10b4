import { masked } from '../../contracts/text/masked.ts'
import { textOf } from '../../contracts/text/text-of.ts'
import { visibleLine } from '../../contracts/text/visible.ts'
import type { Facts } from './facts.ts'

/**
 * Whether an instance can work, and why not.
 *
 * **Shape** `live` is false once the runtime has halted: only a new process helps. `ready` is true while it runs and nothing
 * is known to be in its way. `reasons` says in sentences why one of them is false. A schedule that fails is named there too, and the
 * instance stays ready: it does all the rest.
 */
export interface Health {
  readonly live: boolean
  readonly ready: boolean
  readonly reasons: readonly string[]
}

/** What fails is tried again about once a second; of what has not failed for so long nothing is said any more. */
const failureShownMs = 10_000
const errorMax = 500

export interface HealthFacts {
  readonly facts: Pick<Facts, 'phase' | 'failuresSince'>
  readonly isStopping: boolean
  readonly outbox: { readonly pending: number; readonly max: number }
  /** What schedules fail on, by name. */
  readonly schedules?: ReadonlyMap<string, unknown>
  /** On the clock of the facts. */
  readonly nowMs: number
}

export function healthOf({ facts, isStopping, outbox, schedules, nowMs }: HealthFacts): Health {
  const { phase } = facts
  if (typeof phase === 'object') return { live: false, ready: false, reasons: [`it has halted: ${said(phase.halted)}`] }
  if (phase === 'stopped') return { live: true, ready: false, reasons: ['it has stopped'] }
  if (isStopping) return { live: true, ready: false, reasons: ['it is stopping'] }
  if (phase === 'new') return { live: true, ready: false, reasons: ['it has not started'] }
  const reasons = facts.failuresSince(nowMs - failureShownMs).map(({ where, error }) => `${where}: ${said(error)}`)
  if (outbox.pending >= outbox.max) {
    reasons.push(`outbox: ${outbox.pending} events wait for the log, and ${outbox.max} is the limit`)
  }
  const ready = reasons.length === 0
  for (const [name, error] of schedules ?? []) reasons.push(`schedule ${name}: ${lineOf(textOf(error, errorMax))}`)
  return { live: true, ready, reasons }
}

// It is shown to every caller of the route.
const said = ({ message }: Error): string => lineOf(message)
const lineOf = (text: string): string => masked(visibleLine(text))
