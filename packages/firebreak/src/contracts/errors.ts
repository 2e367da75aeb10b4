import { catalogue, type ErrorCode, type ErrorKind } from './error-catalogue.ts'
import { fieldOf, textOf } from './text/text-of.ts'

const brand: unique symbol = Symbol.for('firebreak.error') as never
const kinds: ReadonlySet<unknown> = new Set<ErrorKind>(['transient', 'permanent', 'config', 'bug'])
const messageMax = 64 * 1024

/**
 * Every error that firebreak raises itself.
 *
 * **Shape** `code` is stable and listed in docs/errors.md with its remedy; `kind` says who must act: `transient` (nobody,
 * it is retried), `permanent` (the message or the request is wrong), `config` (the set-up is), `bug` (the program is).
 */
export class FirebreakError extends Error {
  readonly code: ErrorCode
  readonly kind: ErrorKind
  readonly remedy: string
  readonly detail: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, detail: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    const entry = catalogue[code]
    super(fill(entry.message, detail), cause === undefined ? undefined : { cause })
    this.name = code
    this.code = code
    this.kind = entry.kind
    this.remedy = fill(entry.remedy, detail)
    this.detail = detail
    Object.defineProperty(this, brand, { value: true })
  }
}

/**
 * Recognises by brand, so that two copies of the package understand each other, and by the fields that the brand promises: a
 * proxy, or an object that only carries the brand, is none.
 */
export function isFirebreakError(error: unknown, code?: ErrorCode): error is FirebreakError {
  if (typeof error !== 'object' || error === null || fieldOf(error, brand) !== true) return false
  const found = fieldOf(error, 'code')
  if (typeof found !== 'string' || (code !== undefined && found !== code)) return false
  const detail = fieldOf(error, 'detail')
  return kinds.has(fieldOf(error, 'kind')) && typeof detail === 'object' && detail !== null
}

/**
 * The message can never succeed: dead-letter it now instead of trying again.
 *
 * @example
 * ```ts
 * import { permanent } from 'firebreak'
 *
 * export function checked(iban: string): string {
 *   if (!iban.startsWith('DE')) throw permanent(`${iban} is no German IBAN`)
 *   return iban
 * }
 * ```
 */
export function permanent(message: string, cause?: unknown): FirebreakError {
  return new FirebreakError('FB_HANDLER_PERMANENT', { message }, cause)
}

/**
 * The other side asked for a pause: try again after `afterMs`, and do not count it as a failure of ours.
 *
 * **Units** ms. Less than 100 ms, and what is no number, counts as 100 ms; more than an hour as an hour.
 *
 * @example
 * ```ts
 * import { seconds, throttled } from 'firebreak'
 *
 * export async function send(url: string): Promise<void> {
 *   const { status, headers } = await fetch(url, { method: 'POST' })
 *   if (status === 429) throw throttled(seconds(Number(headers.get('retry-after') ?? 1)))
 * }
 * ```
 */
export function throttled(afterMs: number, message = 'asked to slow down', cause?: unknown): FirebreakError {
  return new FirebreakError('FB_HANDLER_THROTTLED', { message, afterMs }, cause)
}

/** A programmer's error: states what must hold, and stops where it does not. */
export function invariant(condition: unknown, claim: string): asserts condition {
  if (!condition) throw new FirebreakError('FB_INVARIANT', { claim })
}

/** What an error says; of anything else what it is. Never throws. */
export const errorMessage = (error: unknown): string => textOf(error, messageMax)

function fill(template: string, detail: Readonly<Record<string, unknown>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = fieldOf(detail, name)
    return value === undefined && !Object.hasOwn(detail, name) ? '?' : textOf(value, messageMax)
  })
}
