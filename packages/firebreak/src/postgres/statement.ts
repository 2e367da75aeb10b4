import type { SqlRow, SqlValue } from '../contracts/database.ts'
import { invariant } from '../contracts/errors.ts'
import type { Answer, Step } from './round-trip.ts'
import { rowOf, toWire } from './values.ts'

const comment = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/.source
const leading = `^(?:\\s|${comment})*`
const words = 'begin|start\\s+transaction|commit|end|abort|rollback|savepoint|release|prepare\\s+transaction'
const transactionControl = new RegExp(`${leading}(?:${words})\\b`, 'i')

/** The protocol counts the parameters of a statement in two bytes. */
export const parametersMax = 65_535

/** One statement of a caller's own, refused when it would open or end transactions. */
export function stepOf(text: string, values: readonly SqlValue[]): Step {
  invariant(!transactionControl.test(text), `transactions are opened by commit(), not by a statement: ${text}`)
  invariant(values.length <= parametersMax, `a statement takes ${parametersMax} values at most, not ${values.length}`)
  return { text, values: values.map(toWire) }
}

const write = /^\s*(?:insert|update|delete)\b/i

/** It writes and has no rows to give. Where that is not certain at a glance, it may have some. */
export const answersNothing = (text: string): boolean => write.test(text) && !/returning/i.test(text)

/** The same step for later: bytes that its caller changes meanwhile are not its own any more. */
export function withOwnBytes({ text, values }: Step): Step {
  return { text, values: values.map((value) => (value instanceof Buffer ? Buffer.from(value) : value)) }
}

export function rowsOf({ fields, rows }: Answer): readonly SqlRow[] {
  return rows.map((texts) => rowOf(fields ?? [], texts))
}

/** How many rows a statement has changed; 0 for one that only reads. */
export function changedRows({ tag }: Answer): number {
  if (tag.startsWith('SELECT')) return 0
  return Number(/\d+$/.exec(tag)?.[0] ?? 0)
}
