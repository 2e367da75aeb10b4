import type { AnyCallSignature, CallRequest, CallResponse, HandlerCallOptions } from './call.ts'
import type { SqlParam, SqlRow } from './database.ts'
import type { Envelope } from './envelope.ts'
import type { Publish } from './event.ts'
import type { EnqueueLater } from './job.ts'
import type { Transaction } from './transaction.ts'

/** What a handler gets beside its payload: the unit of work it runs in. */
export interface Context {
  readonly envelope: Envelope
  /** Of the record: what its payload's field says too, where it has a payload. Null where a foreign producer gave none. */
  readonly key: string | null
  /** From 1; a replay starts again at 1. */
  readonly attempt: number
  /** Aborts at the deadline, when the partition goes to another member, and when the runtime stops hard. */
  readonly signal: AbortSignal
  /**
   * Reads from the service's own database, one statement on its own, before the transaction: what the work needs to begin.
   *
   * **Errors** `FB_STATEMENT_INVALID` for a statement that writes; `FB_TRANSACTION_NESTED` inside a transaction, which has a
   * `query` of its own; `FB_UNIT_ENDED`; those of `Database.query`.
   */
  query<Row = SqlRow>(sql: string, params?: readonly SqlParam[]): Promise<readonly Row[]>
  /**
   * The one commit of this delivery: inbox mark, the SQL of `body` and the events of both, all or none.
   *
   * **Guarantee** `body` takes effect once within the inbox window, however often the handler runs (guarantees.md, G2).
   * **Errors** `FB_UNIT_ENDED` on a second call or after the deadline; `FB_TRANSACTION_TIMEOUT`. Do slow work before it.
   */
  transaction<T>(body: (tx: Transaction) => Promise<T>): Promise<T>
  /**
   * Adds an event to the unit of work, with or without a transaction of its own; it leaves through the outbox after the
   * commit, in order per key.
   *
   * **Errors** `FB_CONTRACT_VIOLATED`, `FB_NOT_PUBLISHABLE`, `FB_RECORD_TOO_LARGE`, `FB_UNIT_ENDED`.
   */
  readonly publish: Publish
  /**
   * Adds a job to the unit of work, with or without a transaction of its own: it exists when that is committed, and not before.
   *
   * **Errors** those of `Transaction.enqueue`; `FB_UNIT_ENDED`. An asynchronous schema tells at the commit.
   */
  readonly enqueue: EnqueueLater
  /**
   * Calls another service, within the time that this attempt has left. Before the transaction: it waits for the network.
   *
   * **Guarantee** The n-th call of a name carries the same idempotency key in every attempt of its event, where the call has
   * one. **Errors** those of `Caller.call`; `FB_NOT_CALLABLE` when the handler does not declare it; `FB_UNIT_ENDED`.
   */
  call<C extends AnyCallSignature>(
    definition: C,
    request: CallRequest<C>,
    options?: HandlerCallOptions,
  ): Promise<CallResponse<C>>
}
