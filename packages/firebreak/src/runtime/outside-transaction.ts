import type { Sql } from '../contracts/database.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { AnyMessage } from '../contracts/message.ts'
import { statementInvalid } from '../contracts/sql/sql-text.ts'
import type { Transaction } from '../contracts/transaction.ts'
import { inContextOfNow, isInsideUnit } from '../node/open-units.ts'
import { emptyUnit } from './commit/unit.ts'
import type { Instance } from './instance/instance.ts'
import { causeOf } from './message/contract.ts'
import type { Cause } from './message/envelope-codec.ts'
import { UnitMessages } from './message/unit-messages.ts'
import { resultOf } from './user-code/thenable.ts'

export interface OutsideTransaction<T> {
  /** `ledger`: the same transaction for statements of the library's own. */
  readonly body: (tx: Transaction, ledger: Sql) => Promise<T>
  readonly cause: Partial<Cause> | undefined
  /** Rows that wait in the outbox now. */
  readonly outboxPending: number
}

/** Commits SQL, events and jobs together, outside of any delivery. **Errors** those of `Runtime.transaction`. */
export async function outsideTransaction<T>(instance: Instance, spec: OutsideTransaction<T>): Promise<T> {
  const { body, cause, outboxPending } = spec
  if (isInsideUnit()) throw new FirebreakError('FB_TRANSACTION_NESTED', { what: 'runtime.transaction' })
  if (typeof body !== 'function') throw statementInvalid('its body is no function', 'runtime.transaction(body)')
  const { committer, limits } = instance
  if (outboxPending >= limits.outboxMax) throw new FirebreakError('FB_OUTBOX_FULL', { rows: outboxPending })
  const ended = (): FirebreakError => new FirebreakError('FB_UNIT_ENDED', { what: 'this transaction' })
  const messages: UnitMessages = new UnitMessages(instance, {
    causeOf: (message: AnyMessage) => causeOf(message, cause),
    refuseLate: () => {
      if (messages.isTaken) throw ended()
    },
    ended,
  })
  const results: T[] = []
  const run = inContextOfNow(async (sql: Sql, ledger: Sql): Promise<void> => {
    results[0] = await resultOf(body(messages.begin(sql, ledger, 0), ledger))
  })
  const outcome = await committer.commit({ ...emptyUnit, body: run, outgoing: () => messages.take() })
  if (typeof outcome === 'object') throw outcome.failed
  return results[0] as T
}
