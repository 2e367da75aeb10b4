/**
 * Statements that travel to the server together and are answered together.
 *
 * I1  One Sync ends them, so the server skips everything behind the first that fails: `answers` holds those before it.
 * I2  A statement counts as prepared only when the server has answered it; after a failure those that were not answered
 *     are forgotten, because nobody knows whether they were parsed.
 * I3  Statements are closed at the beginning, where no failure can skip it; those that it pushes out itself are closed by
 *     the next one, because it may have used them.
 */
import type { Connection, FieldDef, Submittable } from 'pg'
import { errorMessage, FirebreakError } from '../contracts/errors.ts'
import type { MessageWriter } from './message-writer.ts'
import { isStalePlan } from './postgres-errors.ts'
import type { Prepared, StatementCache } from './statement-cache.ts'
import { statementError } from './statement-errors.ts'
import { type Field, fieldOf, type WireValue } from './values.ts'

export interface Step {
  readonly text: string
  readonly values: readonly WireValue[]
}

type Texts = readonly (string | null)[]

/** What the server said to one step. */
export interface Answer {
  readonly fields: readonly Field[] | null
  readonly rows: readonly Texts[]
  /** As in `INSERT 0 3`. */
  readonly tag: string
}

/** A query of the driver's own making, which reads its answer itself: the last of its round trip, with a Sync of its own. */
export interface DriverQuery extends Submittable {
  submit(connection: Connection): Error | null
  handleRowDescription(message: unknown): void
  handleDataRow(message: unknown): void
  handleCommandComplete(message: unknown, connection: Connection): void
  handleEmptyQuery(connection: Connection): void
  handleError(error: unknown, connection: Connection | undefined): void
  handleReadyForQuery(connection: Connection): void
}

/** What the round trips of one connection share. */
export interface TripCarrier {
  readonly statements: StatementCache
  readonly writer: MessageWriter
}

const none: readonly never[] = Object.freeze([])

export class RoundTrip {
  readonly steps: readonly Step[]
  readonly answers: Answer[] = []
  /** Nothing of it has reached the server while this is false. */
  sent = false
  /** The sender is notified when it has been answered, once. */
  onSettled: ((error?: unknown) => void) | undefined
  readonly #statements: StatementCache
  readonly #writer: MessageWriter
  readonly #last: DriverQuery | undefined
  readonly #prepared: Prepared[] = []
  #rows: Texts[] | undefined
  /** Why the driver did not send its query. */
  #refusal: Error | null = null

  constructor(steps: readonly Step[], carrier: TripCarrier, last?: DriverQuery) {
    this.steps = steps
    this.#statements = carrier.statements
    this.#writer = carrier.writer
    this.#last = last
  }

  get #answering(): DriverQuery | undefined {
    return this.answers.length === this.steps.length ? this.#last : undefined
  }

  submit(connection: Connection): void {
    this.sent = true
    const writer = this.#writer
    for (const name of this.#statements.takeClosing()) writer.close(name)
    for (const { text, values } of this.steps) {
      const prepared = this.#statements.get(text)
      this.#prepared.push(prepared)
      if (prepared.state === 'new') {
        prepared.state = 'sent'
        writer.parse(prepared.name, text)
      }
      writer.run(prepared.name, values)
    }
    if (this.#last === undefined) {
      writer.sync()
      connection.stream.write(writer.take())
      return
    }
    // Corked, so that both leave together.
    connection.stream.cork()
    connection.stream.write(writer.take())
    this.#refusal = this.#last.submit(connection)
    if (this.#refusal !== null) connection.sync()
    connection.stream.uncork()
  }

  handleRowDescription(message: { readonly fields: readonly FieldDef[] }): void {
    const prepared = this.#prepared[this.answers.length]
    if (prepared === undefined) this.#last?.handleRowDescription(message)
    else prepared.fields = message.fields.map(({ name, dataTypeID }) => fieldOf(name, dataTypeID))
  }

  handleDataRow(message: { readonly fields: Texts }): void {
    if (this.#answering !== undefined) {
      this.#answering.handleDataRow(message)
      return
    }
    this.#rows ??= []
    this.#rows.push(message.fields)
  }

  handleCommandComplete(message: { readonly text: string }, connection: Connection): void {
    const prepared = this.#prepared[this.answers.length]
    if (prepared === undefined) {
      this.#last?.handleCommandComplete(message, connection)
      return
    }
    prepared.state = 'ready'
    this.answers.push({ fields: prepared.fields, rows: this.#rows ?? none, tag: message.text })
    this.#rows = undefined
  }

  handleEmptyQuery(connection: Connection): void {
    if (this.#answering !== undefined) this.#answering.handleEmptyQuery(connection)
    else this.handleCommandComplete({ text: '' }, connection)
  }

  // The client passes these on to whatever is under way; none of them comes of what is let through.
  handlePortalSuspended(): void {}
  handleCopyInResponse(): void {}
  handleCopyData(): void {}

  handleReadyForQuery(connection: Connection): void {
    if (this.#refusal !== null) {
      this.#settle(new FirebreakError('FB_INVARIANT', { claim: errorMessage(this.#refusal) }, this.#refusal))
      return
    }
    this.#last?.handleReadyForQuery(connection)
    this.#settle()
  }

  /** From the server, which then skips what is left; or because the connection is gone. */
  handleError(error: unknown, connection?: Connection): void {
    this.#last?.handleError(error, connection)
    // Whatever has taken one of them away may have taken others.
    if (isStalePlan(error)) this.#statements.forgetAll()
    const failed = this.#prepared[this.answers.length]
    for (const prepared of new Set(this.#prepared)) if (prepared.state === 'sent') this.#statements.forget(prepared)
    this.#settle(failed === undefined ? error : statementError(error, failed.text))
  }

  #settle(error?: unknown): void {
    this.onSettled?.(error)
    this.onSettled = undefined
  }
}
