import type { Headers } from '../contracts/envelope.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { LogRecord } from '../contracts/log.ts'
import { isBytes } from './sql-values.ts'

/** Refuses what no reader could be given, before it is stored. **Errors** `FB_RECORD_REFUSED`. */
export function refuseUnreadable(record: LogRecord): void {
  const reason = problemOf(record)
  if (reason !== undefined) throw new FirebreakError('FB_RECORD_REFUSED', { topic: record.topic, reason })
}

function problemOf({ key, value, headers, original }: LogRecord): string | undefined {
  if (key !== null && typeof key !== 'string') return `its key must be text or null, not ${kindOf(key)}`
  if (value !== null && !isBytes(value)) return `its value must be bytes or null, not ${kindOf(value)}`
  if (typeof headers !== 'object' || headers === null) return `its headers must be an object, not ${kindOf(headers)}`
  for (const name in headers) {
    const header: unknown = headers[name]
    if (typeof header !== 'string') return `its header ${name} must be text, not ${kindOf(header)}`
  }
  return original === undefined ? undefined : problemBeside(original, key)
}

/** What is kept beside the text. */
function problemBeside(original: unknown, key: string | null): string | undefined {
  if (typeof original !== 'object' || original === null)
    return `its original must be an object, not ${kindOf(original)}`
  const { key: keyBytes, headers } = original as Record<string, unknown>
  if (keyBytes !== undefined && !isBytes(keyBytes)) return `its original key must be bytes, not ${kindOf(keyBytes)}`
  if (keyBytes !== undefined && key === null) return 'its original key has no text beside it'
  if (headers === undefined) return undefined
  if (!Array.isArray(headers)) return `its original headers must be an array, not ${kindOf(headers)}`
  return headers.every(isHeader) ? undefined : 'its original headers must be bytes, their values bytes or null'
}

function isHeader(header: unknown): boolean {
  if (typeof header !== 'object' || header === null) return false
  const { name, value } = header as Record<string, unknown>
  return isBytes(name) && (value === null || isBytes(value))
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

/** As UTF-8 would have them: half a character becomes a replacement. */
export function wellFormed(headers: Headers): Headers {
  for (const name in headers) {
    if (name.isWellFormed() && headers[name]?.isWellFormed() !== false) continue
    return Object.fromEntries(Object.entries(headers).map(([n, text]) => [n.toWellFormed(), text.toWellFormed()]))
  }
  return headers
}
