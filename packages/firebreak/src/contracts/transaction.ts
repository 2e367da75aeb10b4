import type { Sql } from './database.ts'
import type { AnyEvent, Publish } from './event.ts'
import type { Enqueue } from './job.ts'

/**
 * What the body of a transaction gets: SQL, events and jobs, which are committed together or not at all.
 *
 * **Errors** those of `Sql`, `Publish` and `Enqueue`; `FB_UNIT_ENDED` for all of it when the body has ended.
 */
export interface Transaction<P extends AnyEvent = AnyEvent> extends Sql {
  /** Adds an event; it leaves through the outbox after the commit, in order per key. */
  readonly publish: Publish<P>
  /** Adds a job of this service. Resolves to its id, or to that of the one that it joins. */
  readonly enqueue: Enqueue
}

/** Each method can be taken off it and called on its own. */
export class TransactionHandle implements Transaction {
  readonly #sql: Sql
  readonly #publish: Publish
  readonly #enqueue: Enqueue

  constructor(sql: Sql, publish: Publish, enqueue: Enqueue) {
    this.#sql = sql
    this.#publish = publish
    this.#enqueue = enqueue
  }

  /** The engine's own handle, of this one or of itself. */
  static sqlOf(handle: Sql): Sql {
    return #sql in handle ? handle.#sql : handle
  }

  get query(): Sql['query'] {
    return (text, params) => this.#sql.query(text, params)
  }

  get batch(): Sql['batch'] {
    return (text, rows) => this.#sql.batch(text, rows)
  }

  get publish(): Publish {
    return this.#publish
  }

  get enqueue(): Enqueue {
    return this.#enqueue
  }
}
