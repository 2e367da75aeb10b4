import type { SqlRow, SqlValue } from '../contracts/database.ts'
import { invariant } from '../contracts/errors.ts'
import type { Answer, Step } from './round-trip.ts'
import { rowOf, toWire } from './values.ts'

// As the server's scanner has them: a line ends with \n or \r, and comments lie one in the other.
const blank = /^(?:[\s;]|--[^\n\r]*)+/
const commentMark = /\/\*|\*\//g
const between = /(?:\s|--[^\n\r]*|\/\*[\s\S]*?\*\/)+/.source
const words = `begin|start|commit|end|abort|rollback|savepoint|release|prepare${between}transaction`
const transactionControl = new RegExp(`^(?:${words})\\b`, 'i')
const copiesToClient = /^copy\b[\s\S]*\b(?:stdin|stdout)\b/i

/** The statement from its first word on, without what the server skips too: white space, comments, empty statements. */
export function fromFirstWord(text: string): string {
  // Nearly all begin with it.
  if (/^[a-z]/i.test(text)) return text
  let rest = text.replace(blank, '')
  while (rest.startsWith('/*')) rest = behindComment(rest).replace(blank, '')
  return rest
}

function behindComment(text: string): string {
  let depth = 0
  for (const { 0: mark, index } of text.matchAll(commentMark)) {
    depth += mark === '/*' ? 1 : -1
    if (depth === 0) return text.slice(index + 2)
  }
  return ''
}

/** Whether a statement opens, ends or divides transactions; given from its first word on. */
export const isTransactionControl = (statement: string): boolean => transactionControl.test(statement)

/** **Errors** `FB_INVARIANT` for COPY from or to the client, for which a unit has no stream; given from the first word on. */
export function refuseCopy(statement: string): void {
  invariant(!copiesToClient.test(statement), `COPY needs a file, for a unit has no stream: ${statement}`)
}

/** The protocol counts the parameters of a statement in two bytes. */
export const parametersMax = 65_535

/** One statement of a caller's own, refused when it would steer transactions or read from the client. */
export function stepOf(text: string, values: readonly SqlValue[]): Step {
  const statement = fromFirstWord(text)
  invariant(!isTransactionControl(statement), `transactions are opened by commit(), not by a statement: ${text}`)
  refuseCopy(statement)
  invariant(values.length <= parametersMax, `a statement takes ${parametersMax} values at most, not ${values.length}`)
  return { text, values: values.map(toWire) }
}

/** It certainly changes nothing, as far as its own words go. */
export const readsOnly = (text: string): boolean => /^(?:select|values|table|show)\b/i.test(fromFirstWord(text))

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
