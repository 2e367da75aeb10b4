import type { Headers } from '../contracts/envelope.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { LogRecord } from '../contracts/log.ts'
import { isBytes } from './sql-values.ts'

/** Refuses what no reader could be given, before it is stored. **Errors** `FB_RECORD_REFUSED`. */
export function refuseUnreadable(record: LogRecord): void {
  const reason = problemOf(record)
  if (reason !== undefined) throw new FirebreakError('FB_RECORD_REFUSED', { topic: record.topic, reason })
}

function problemOf({ key, value, headers }: LogRecord): string | undefined {
  if (key !== null && typeof key !== 'string') return `its key must be text or null, not ${kindOf(key)}`
  if (value !== null && !isBytes(value)) return `its value must be bytes or null, not ${kindOf(value)}`
  if (typeof headers !== 'object' || headers === null) return `its headers must be an object, not ${kindOf(headers)}`
  for (const name in headers) {
    const header: unknown = headers[name]
    if (typeof header !== 'string') return `its header ${name} must be text, not ${kindOf(header)}`
  }
  return undefined
}

const kindOf = (value: unknown): string => (value === null ? 'null' : `a value of type ${typeof value}`)

/** The headers of a record that somebody else may have written: what is no text is not there. */
export function readableHeaders(headers: unknown): Headers {
  if (typeof headers !== 'object' || headers === null) return noHeaders
  for (const name in headers)
    if (typeof (headers as Record<string, unknown>)[name] !== 'string') return textsOf(headers as object)
  return headers as Headers
}

const noHeaders: Headers = Object.freeze({})
const textsOf = (headers: object): Headers =>
  Object.fromEntries(Object.entries(headers).filter(([, header]) => typeof header === 'string'))
