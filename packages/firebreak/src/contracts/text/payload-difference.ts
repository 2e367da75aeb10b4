import { classOf, fieldOf, textOf } from './text-of.ts'

/**
 * Where a value that was read is another than the one that was written, in one line; undefined where they are the same.
 * Same is what a handler cannot tell apart: a field that is undefined, or named by a symbol, is none; minus zero is zero; and an object may have lost
 * its class, as long as nothing else got lost with it.
 */
export function payloadDifference(written: unknown, read: unknown): string | undefined {
  try {
    const found = differenceAt(written, read, [])
    return found === undefined ? undefined : line(found)
  } catch (error) {
    return `it cannot be compared with what is read: ${textOf(error, textMax)}`
  }
}

interface Difference {
  readonly path: readonly string[]
  readonly written: unknown
  readonly read: unknown
}

const textMax = 100
const partsMax = 16

function line({ path, written, read }: Difference): string {
  const place = path.slice(0, partsMax).map((part) => textOf(part, textMax))
  const [was, is] = [told(written), told(read)]
  const change = was === is ? `${was} is read as another ${is}` : `${was} is read as ${is}`
  return place.length === 0 ? change : `${place.join('.')}: ${change}`
}

function told(value: unknown): string {
  if (value === undefined) return 'undefined'
  if (typeof value === 'string') return JSON.stringify(textOf(value, textMax))
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isRecord(value))
    return textOf(value, textMax)
  return classOf(value) ?? textOf(value, textMax)
}

function differenceAt(written: unknown, read: unknown, path: readonly string[]): Difference | undefined {
  if (written === read || Object.is(written, read)) return undefined
  const difference = { path, written, read }
  if (typeof written !== 'object' || typeof read !== 'object' || written === null || read === null) return difference
  if (Array.isArray(written) !== Array.isArray(read)) return difference
  if (Array.isArray(written) && written.length !== (read as readonly unknown[]).length) return difference
  if (!Array.isArray(written) && !isSameKind(written, read)) return difference
  if (!isSameText(written, read)) return difference
  for (const name of new Set([...Object.keys(written), ...Object.keys(read)])) {
    const found = differenceAt(ownField(written, name), ownField(read, name), [...path, name])
    if (found !== undefined) return found
  }
  return undefined
}

/** Own, so that `__proto__` and `constructor` are fields like any other. */
function ownField(value: object, name: string): unknown {
  return Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}

const tagOf = (value: object): string => Object.prototype.toString.call(value)
const isRecord = (value: object): boolean => tagOf(value) === '[object Object]'

/** Both hold their content in fields, or both are of one class that says itself what it is: a Date, a URL, bytes. */
function isSameKind(written: object, read: object): boolean {
  if (isRecord(written) && isRecord(read)) return true
  return tagOf(written) === tagOf(read) && (hasText(written) || ArrayBuffer.isView(written))
}

const hasText = (value: object): boolean => typeof fieldOf(value, 'toJSON') === 'function'

/** What says itself how it is written may hold more than its fields. */
function isSameText(written: object, read: object): boolean {
  if (!hasText(written) && !hasText(read)) return true
  return JSON.stringify(written) === JSON.stringify(read)
}
