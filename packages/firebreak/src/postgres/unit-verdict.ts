import type { Verdict } from '../contracts/database.ts'
import { isFirebreakError } from '../contracts/errors.ts'
import { fieldOf } from '../contracts/text/text-of.ts'
import type { UnitState } from './unit-handle.ts'

const inFailedTransaction = '25P02'

/**
 * What a unit comes to: how its code has ended, and what the server and the transaction have refused of it, whatever its
 * code makes of that. `hasNeighbours`: other units share the transaction, so one that may have harmed it runs alone next.
 */
export function verdictOf<T>(
  { refused, failure, unheard }: UnitState,
  ended: Verdict<T>,
  hasNeighbours: boolean,
): Verdict<T> {
  const silent = failure ?? unheard.first
  if (ended.ok && refused === undefined && silent === undefined) return ended
  // Code that went on behind a failed statement is told what failed, not that the server refuses the rest.
  const goesOn = !ended.ok && silent !== undefined && fieldOf(ended.error, 'code') === inFailedTransaction
  const thrown = ended.ok || goesOn ? silent?.error : ended.error
  const error = refused ?? thrown
  const isSuspect = failure?.by === 'user' || isFirebreakError(error, 'FB_TRANSACTION_SHARED')
  return isSuspect && hasNeighbours ? { ok: false, error, alone: true } : { ok: false, error }
}
