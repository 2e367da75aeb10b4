import type { LetterFix } from '../../platform/messages.ts'
import { type Reader, tariffBehind } from './store.ts'

/**
 * What the invoice of a dead letter lacks, and whether it is there by now. The table is asked, not the log: a published tariff
 * waits behind the backlog, and a replay that comes before it fails as before.
 */
export const fixOf = async (sql: Reader, message: string): Promise<LetterFix | null> => {
  const tariffId = /no tariff has the id (\S+)/.exec(message)?.[1]
  return tariffId === undefined ? null : { tariffId, isDone: (await tariffBehind(sql, tariffId)) !== tariffId }
}
