import type { Context } from '../../contracts/context.ts'
import type { Envelope } from '../../contracts/envelope.ts'
import type { AnyEvent, TombstoneKey } from '../../contracts/event.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/**
 * What a handler holds of its unit of work: nothing of how that ends. Each method can be taken off it and called on its own,
 * and what a handler sets on it reaches nobody.
 */
export class HandlerContext implements Context {
  readonly #unit: UnitOfWork

  constructor(unit: UnitOfWork) {
    this.#unit = unit
  }

  get envelope(): Envelope {
    return Object.freeze(this.#unit.envelope)
  }

  get key(): string | null {
    return this.#unit.key
  }

  get attempt(): number {
    return this.#unit.attempt
  }

  get signal(): AbortSignal {
    return this.#unit.signal
  }

  get query(): Context['query'] {
    return (sql, params) => this.#unit.query(sql, params)
  }

  get transaction(): Context['transaction'] {
    return (body) => this.#unit.transaction(body)
  }

  get publish(): Context['publish'] {
    return (event: AnyEvent, payload: unknown, at?: TombstoneKey) => this.#unit.publish(event, payload, at)
  }

  get enqueue(): Context['enqueue'] {
    return (job, input, options) => this.#unit.enqueue(job, input, options)
  }

  get call(): Context['call'] {
    return (definition, request, options) => this.#unit.call(definition, request, options)
  }
}
