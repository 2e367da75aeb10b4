import { errorMessage, FirebreakError } from '../../contracts/errors.ts'
import { textOf } from '../../contracts/text/text-of.ts'
import type { AnyCall } from '../../define/call.ts'
import { fieldsOf } from '../../define/call-problems.ts'
import { type Validated, validated } from '../user-code/validated.ts'

/** What goes out for a call, the same in all its attempts. */
export interface Outgoing {
  /** Path and query, to stand behind the address of the dependency. */
  readonly target: string
  readonly body: string | undefined
}

const reasonMax = 100

type Fields = Readonly<Record<string, unknown>>

const withoutBody = new Set(['GET', 'HEAD', 'DELETE'])

/** Validates a request. A promise only when the schema validates asynchronously. **Errors** `FB_CALL_CONTRACT`. */
export function checkRequest(call: AnyCall, request: unknown): unknown {
  return checked(call, 'request', request)
}

/** Validates what came back. **Errors** `FB_CALL_CONTRACT`. */
export function checkResponse(call: AnyCall, response: unknown): unknown {
  return checked(call, 'response', response)
}

function checked(call: AnyCall, part: 'request' | 'response', value: unknown): unknown {
  const accepted = (result: Validated): unknown => {
    if ('value' in result) return result.value
    throw notAsDeclared(call, part, result.issues)
  }
  const result = validated(call[part], value)
  return result instanceof Promise ? result.then(accepted) : accepted(result)
}

export function notAsDeclared(call: AnyCall, part: 'request' | 'response', issues: string): FirebreakError {
  return new FirebreakError('FB_CALL_CONTRACT', { dependency: call.to, call: call.name, part, issues })
}

/** Fills the path; what is left becomes the query, or the body. **Errors** `FB_CALL_CONTRACT`. */
export function outgoing(call: AnyCall, request: unknown): Outgoing {
  const filling = fieldsOf(call.path)
  const isObject = typeof request === 'object' && request !== null && !Array.isArray(request)
  const fields = isObject ? (request as Fields) : {}
  const path = call.path
    .split('/')
    .map((part) => (part.startsWith(':') ? segment(call, part.slice(1), fields) : part))
    .join('/')
  const left = isObject
    ? Object.fromEntries(Object.entries(fields).filter(([name]) => !filling.includes(name)))
    : request
  if (withoutBody.has(call.method)) return { target: path + query(call, left), body: undefined }
  return { target: path, body: written(call, left) }
}

function written(call: AnyCall, value: unknown): string | undefined {
  try {
    return JSON.stringify(value, refuseLost)
  } catch (error) {
    throw notAsDeclared(call, 'request', `it cannot be written as JSON: ${errorMessage(error)}`)
  }
}

// A Date or a URL says itself what is written. What JSON would write as null or {} instead nobody has meant.
function refuseLost(this: unknown, name: string, value: unknown): unknown {
  const isLost =
    typeof value === 'number'
      ? !Number.isFinite(value)
      : (Array.isArray(this) && !isWritten(value)) || value instanceof Map || value instanceof Set
  if (isLost) throw new TypeError(`${name} is ${textOf(value, reasonMax)}`)
  return value
}

const isWritten = (value: unknown): boolean => !['undefined', 'function', 'symbol'].includes(typeof value)

// An empty part, or dots, would make it the path of something else.
function segment(call: AnyCall, name: string, fields: Fields): string {
  const value = fields[name]
  const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
  if (!isScalar) throw notAsDeclared(call, 'request', `${name}: fills the path, and must be text or a number`)
  const text = String(value)
  if (text === '' || text === '.' || text === '..')
    throw notAsDeclared(call, 'request', `${name}: fills the path, and "${text}" would change it`)
  return encodeURIComponent(well(text))
}

function query(call: AnyCall, left: unknown): string {
  if (left === undefined || left === null) return ''
  if (typeof left !== 'object' || Array.isArray(left))
    throw notAsDeclared(call, 'request', `${call.method} has no body, so its request is an object of fields`)
  const pairs: string[] = []
  for (const [name, value] of Object.entries(left)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one === undefined || one === null) continue
      if (typeof one === 'object' || typeof one === 'function' || typeof one === 'symbol')
        throw notAsDeclared(call, 'request', `${name}: ${call.method} has no body, and a query holds no objects`)
      pairs.push(`${encodeURIComponent(well(name))}=${encodeURIComponent(well(String(one)))}`)
    }
  }
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

// A lone surrogate has no encoding.
const well = (text: string): string => text.toWellFormed()
