import { errorMessage } from '../../contracts/errors.ts'
import type { Original } from '../../contracts/original.ts'
import { usageError } from './exit.ts'

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The bytes as text; undefined when they are no UTF-8. */
export function textOf(value: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(value)
  } catch {
    return undefined
  }
}

const depthMax = 100
const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g

/**
 * JSON with line ends and indents, for a terminal; other text as it is. Its tokens stay as they were written: parsing would
 * round large numbers and drop fields that come twice.
 */
export function prettyJson(text: string): string {
  try {
    JSON.parse(text)
  } catch {
    return text
  }
  let [shown, depth, before] = ['', 0, '']
  const newLine = (): string => `\n${'  '.repeat(depth)}`
  for (const [token] of text.matchAll(tokens)) {
    const isEnd = token === '}' || token === ']'
    if (isEnd) depth--
    const isInside = before === '{' || before === '['
    if (isEnd ? !isInside : isInside || before === ',') shown += newLine()
    shown += token === ':' ? ': ' : token
    if (token === '{' || token === '[') depth++
    // Its indents alone would be larger than any screen.
    if (depth > depthMax) return text
    before = token
  }
  return shown
}

/** A payload in `--json`: its text exactly as published, or its bytes. */
export function payloadFields(value: Uint8Array | null): Readonly<Record<string, string | null>> {
  if (value === null) return { payloadText: null }
  const text = textOf(value)
  return text === undefined ? { payloadBase64: Buffer.from(value).toString('base64') } : { payloadText: text }
}

/** What the text of key and headers leaves out, in `--json`; nothing where it leaves out nothing. */
export function originalFields(original: Original | undefined): Readonly<Record<string, unknown>> {
  if (original === undefined) return {}
  const { key, headers } = original
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
  return {
    ...(key && { keyBase64: base64(key) }),
    ...(headers && {
      originalHeaders: headers.map(({ name, value }) => ({
        nameBase64: base64(name),
        valueBase64: value === null ? null : base64(value),
      })),
    }),
  }
}

/**
 * Parses JSON that will be written again. **Errors** a usage error for what is not JSON, and for a number that would come
 * out as another one: editing one field must not change its neighbour.
 */
export function parseExact(text: string, what: string): unknown {
  const inexact: string[] = []
  const keepNumbers = (key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    if (typeof value === 'number' && !isExact(value, context?.source)) inexact.push(`${key}: ${context?.source}`)
    return value
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(text, keepNumbers)
  } catch (error) {
    throw usageError(`${what} is not JSON: ${errorMessage(error)}`)
  }
  if (inexact.length === 0) return parsed
  throw usageError(
    `${what} holds numbers that JavaScript cannot keep: ${inexact.join(', ')}`,
    'Nothing was changed. Such a payload can be replayed as it is, but not edited here.',
  )
}

function isExact(value: number, source = ''): boolean {
  if (!Number.isFinite(value)) return false
  return !/^-?\d+$/.test(source) || Number.isSafeInteger(value)
}

/** A copy of `payload` with `a.b.0=value` set. The value is JSON where it parses, text otherwise. */
export function withSet(payload: unknown, assignment: string): unknown {
  const at = assignment.indexOf('=')
  if (at < 1) throw usageError(`--set takes a path and a value, as in --set a.b=1, not "${assignment}".`)
  return setAt(payload, assignment.slice(0, at).split('.'), jsonOrText(assignment.slice(at + 1)), assignment)
}

function setAt(target: unknown, [head, ...rest]: readonly string[], value: unknown, assignment: string): unknown {
  if (head === undefined) return value
  if (Array.isArray(target)) {
    const index = Number(head)
    if (!/^\d+$/.test(head) || index > target.length)
      throw usageError(`--set ${assignment}: there is no element ${head}.`)
    return target.toSpliced(index, 1, setAt(target[index], rest, value, assignment))
  }
  if (target !== undefined && (typeof target !== 'object' || target === null)) {
    throw usageError(`--set ${assignment}: what "${head}" stands in is ${JSON.stringify(target)}, not an object.`)
  }
  const fields = new Map(Object.entries(target ?? {}))
  return Object.fromEntries(fields.set(head, setAt(fields.get(head), rest, value, assignment)))
}

function jsonOrText(text: string): unknown {
  try {
    JSON.parse(text)
  } catch {
    return text
  }
  return parseExact(text, `"${text}"`)
}

export interface FieldChange {
  readonly path: string
  /** JSON text; undefined where the field was not, or is no longer. */
  readonly before: string | undefined
  readonly after: string | undefined
}

/** The fields in which two payloads differ, in the order of the old one. */
export function fieldChanges(before: unknown, after: unknown): readonly FieldChange[] {
  const old = leaves(before)
  const now = leaves(after)
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((path) => ({ path, before: old.get(path), after: now.get(path) }))
    .filter((change) => change.before !== change.after)
}

function leaves(value: unknown, path = '', found = new Map<string, string>()): Map<string, string> {
  const isBranch = typeof value === 'object' && value !== null && Object.keys(value).length > 0
  if (isBranch) {
    for (const [name, inner] of Object.entries(value)) leaves(inner, path === '' ? name : `${path}.${name}`, found)
  } else if (value !== undefined) found.set(path, JSON.stringify(value))
  return found
}
