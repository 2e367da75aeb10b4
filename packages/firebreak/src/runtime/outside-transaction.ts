import type { Sql } from '../contracts/database.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { AnyEvent, TombstoneKey } from '../contracts/event.ts'
import { statementInvalid } from '../contracts/sql/sql-text.ts'
import { type Transaction, TransactionHandle } from '../contracts/transaction.ts'
import { inContextOfNow, isInsideUnit } from '../node/open-units.ts'
import { emptyUnit } from './commit/unit.ts'
import type { Instance } from './instance/instance.ts'
import { causeOf } from './message/contract.ts'
import type { Cause } from './message/envelope-codec.ts'
import { OutgoingEvents } from './message/outgoing-events.ts'
import { resultOf } from './user-code/thenable.ts'

export interface OutsideTransaction<T> {
  readonly body: (tx: Transaction) => Promise<T>
  readonly cause: Partial<Cause> | undefined
  /** Rows that wait in the outbox now. */
  readonly outboxPending: number
}

/** Commits SQL and events together, outside of any delivery. **Errors** those of `Runtime.transaction`. */
export async function outsideTransaction<T>(instance: Instance, spec: OutsideTransaction<T>): Promise<T> {
  const { body, cause, outboxPending } = spec
  if (isInsideUnit()) throw new FirebreakError('FB_TRANSACTION_NESTED', { what: 'runtime.transaction' })
  if (typeof body !== 'function') throw statementInvalid('its body is no function', 'runtime.transaction(body)')
  const { committer, publisher, limits } = instance
  if (outboxPending >= limits.outboxMax) throw new FirebreakError('FB_OUTBOX_FULL', { rows: outboxPending })
  const events = new OutgoingEvents()
  const publishOf = (isLast: () => boolean): Transaction['publish'] => {
    return (event: AnyEvent, payload: unknown, at?: TombstoneKey) => {
      if (events.isTaken || !isLast()) throw new FirebreakError('FB_UNIT_ENDED', { what: 'this transaction' })
      events.add(publisher.record(event, payload, causeOf(event, cause), { at }))
    }
  }
  const results: T[] = []
  const run = inContextOfNow(async (sql: Sql): Promise<void> => {
    results[0] = await resultOf(body(new TransactionHandle(sql, publishOf(events.begin(0)))))
  })
  const outcome = await committer.commit({ ...emptyUnit, body: run, records: () => events.take() })
  if (typeof outcome === 'object') throw outcome.failed
  return results[0] as T
}
