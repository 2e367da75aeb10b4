import type { ErrorCode } from '../../contracts/error-catalogue.ts'

/** To the thread or process. */
export interface Question {
  /** The address of the module. */
  readonly module: string
  readonly input: unknown
}

/** From it. */
export type Answer = { readonly value: unknown } | { readonly failed: WireError }

/** An error as it travels: one of firebreak by its code, any other by its words. */
export type WireError =
  | { readonly code: ErrorCode; readonly detail: Readonly<Record<string, unknown>> }
  | { readonly name: string; readonly message: string; readonly stack: string }

/** How it ended without an answer. */
export type Ending = { readonly kind: 'memory' } | { readonly kind: 'ended'; readonly how: string }

/** A thread or a process that answers one question. */
export interface Isolate {
  ask(question: Question): void
  /** Ends it at once, whatever it does. */
  end(): void
}

export interface IsolateEvents {
  readonly answered: (answer: Answer) => void
  readonly ended: (ending: Ending) => void
}

/** Lies beside this file, as source or built. */
export const isolateEntry: URL = new URL(
  `./isolated-entry${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`,
  import.meta.url,
)
