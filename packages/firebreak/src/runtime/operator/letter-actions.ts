import type { Sql } from '../../contracts/database.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { changeLetter, type DeadLetter, type DeadLetterAction, type DeadLetterState } from '../../ledger/letters.ts'
import type { Decision, OperatorDeps } from './operator-deps.ts'

/** What is to be written, in one transaction. */
export type LedgerChange = (sql: Sql) => Promise<void>

/** What is done to the letters of one origin: records of the log, or jobs. What can be refused before the transaction is. */
export interface LetterActions {
  replay(letter: DeadLetter, by: Decision): LedgerChange
  edit(letter: DeadLetter, payload: unknown, by: Decision): Promise<LedgerChange>
  check(letter: DeadLetter, payload: unknown): Promise<void>
  /** The reason is not empty. */
  discard(letter: DeadLetter, by: Decision): LedgerChange
}

/** **Errors** `FB_DEAD_LETTER_STATE` where it is not in the state `from`, or somebody else was faster. */
export async function moveLetter(
  sql: Sql,
  letter: DeadLetter,
  to: { from?: DeadLetterState; to: 'replaying' | 'superseded' | 'discarded'; action: DeadLetterAction },
): Promise<void> {
  const { from = 'open' } = to
  if (letter.state !== from) throw refusedIn(letter.state, letter, to.action)
  if (!(await changeLetter(sql, letter, { ...to, from }))) throw refusedIn(inOtherHands, letter, to.action)
}

export const inOtherHands = 'being handled by somebody else'

export const refusedIn = (state: string, { id }: DeadLetter, { action }: DeadLetterAction): FirebreakError =>
  new FirebreakError('FB_DEAD_LETTER_STATE', { id, state, action })

export const actionOf = (
  { clock }: Pick<OperatorDeps, 'clock'>,
  action: DeadLetterAction['action'],
  { by, note }: Decision,
): DeadLetterAction => ({ atMs: clock.now(), action, by, note })

/** The edited copy goes its own way, under this id. */
export const editedAction = (deps: Pick<OperatorDeps, 'clock'>, by: Decision, id: string): DeadLetterAction =>
  actionOf(deps, 'edited', { ...by, note: `${by.note} (as ${id})` })
