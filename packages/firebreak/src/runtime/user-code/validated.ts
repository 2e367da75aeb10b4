import { describeIssues, type Schema } from '../../contracts/schema.ts'
import { fieldOf, textOf } from '../../contracts/text/text-of.ts'
import { isThenable, settled } from './thenable.ts'

const reasonMax = 500

/** A value that a schema has accepted; boxed, because to a promise it could look like another one. */
export interface Accepted {
  readonly value: unknown
}

/** What a schema says of a value: what it is, or in one line what is wrong with it. */
export type Validated = Accepted | { readonly issues: string; readonly cause?: unknown }

/**
 * Asks a schema. It is code of others: what it throws, and what it returns instead of a result, is said like an issue.
 * Neither throws nor rejects. A promise only when the schema validates asynchronously.
 */
export function validated(schema: Schema, value: unknown): Validated | Promise<Validated> {
  try {
    const result: unknown = schema['~standard'].validate(value)
    if (isThenable(result)) return settled(result).then((later) => resultOf(later.value), failed)
    return resultOf(result)
  } catch (error) {
    return failed(error)
  }
}

function resultOf(result: unknown): Validated {
  try {
    const { value, issues } = result as { readonly value: unknown; readonly issues: unknown }
    if (issues !== undefined && issues !== null) return { issues: describeIssues(issues) }
    // An `await` would give something else, or go round forever.
    if (typeof fieldOf(value, 'then') === 'function') return { issues: 'its schema returned a promise as the value' }
    if (value !== undefined || 'value' in (result as object)) return { value }
  } catch (error) {
    if (typeof result === 'object' && result !== null) return failed(error)
  }
  return { issues: `its schema returned ${textOf(result, reasonMax)}, which is neither a value nor a list of issues` }
}

const failed = (error: unknown): Validated => ({
  issues: `its schema failed: ${textOf(error, reasonMax)}`,
  cause: error,
})
