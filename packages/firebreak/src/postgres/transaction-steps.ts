/** Statements of the transaction's own: how it begins and ends, and what stands around each unit. */
import { catalogueVersion } from './catalogue.ts'
import type { Step } from './round-trip.ts'

const control = (text: string): Step => ({ text, values: [] })

export const begin: Step = control('BEGIN')
export const commit: Step = control('COMMIT')
export const rollback: Step = control('ROLLBACK')
export const savepoint: Step = control('SAVEPOINT firebreak_unit')
const undo = control('ROLLBACK TO firebreak_unit')
const release = control('RELEASE firebreak_unit')
export const runDeferred: Step = control('SET CONSTRAINTS ALL IMMEDIATE')
export const askId: Step = control(`SELECT pg_current_xact_id(), ${catalogueVersion}`)
/** In this order: a role is that of a session, and what is reset under a foreign one may be kept by it. */
export const restore: readonly Step[] = ['RESET SESSION AUTHORIZATION', 'RESET ROLE', 'RESET ALL'].map(control)

const kept = [release] as const
const keptAndRun = [runDeferred, release] as const
const undone = [undo, release] as const

/** Ends the savepoint of a unit. `mayHaveSet`: what is deferred runs with the settings that the unit has made (I10). */
export function endOfSavepoint(succeeded: boolean, mayHaveSet: boolean): readonly Step[] {
  if (!succeeded) return undone
  return mayHaveSet ? keptAndRun : kept
}
