/**
 * Text of what somebody else made: errors of any library and realm, and whatever else can be thrown. It may have getters that
 * throw, be a proxy, or be of any size.
 *
 * I1 Nothing here throws, and nothing that is returned is longer than it was asked to be.
 * I2 Of the code of a value only getters and traps are called: `toString`, `toJSON` and iterators may never end.
 * I3 What is returned can be stored as text in every database, and holds on to nothing of the value.
 */

const wordMax = 100
const partsMax = 8
// Writing out the digits of a number takes the square of their count.
const bigintMax = 10n ** 40n
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** A field of anything. What throws when it is read is not there. */
export function fieldOf(value: unknown, name: PropertyKey): unknown {
  try {
    return (value as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[name]
  } catch {
    return undefined
  }
}

/** Text of others as it can be kept: cut, with whole characters and without NUL. A copy: a slice would hold the whole. */
export function keptText(text: string, max: number): string {
  return decoder.decode(encoder.encode(text.slice(0, max))).replaceAll('\0', '\u2400')
}

/** A few words about anything: of an error its message, of an object its fields. */
export function textOf(value: unknown, max: number): string {
  try {
    return keptText(typeof value === 'object' && value !== null ? ofObject(value) : ofOther(value), max)
  } catch {
    return keptText(`${typeof value} that cannot be described`, max)
  }
}

/** The class of anything as text: what `constructor.name` says, if it says something. */
export function classOf(value: unknown): string | undefined {
  const name = fieldOf(fieldOf(value, 'constructor'), 'name')
  return typeof name === 'string' && name !== '' ? keptText(name, wordMax) : undefined
}

function ofOther(value: unknown): string {
  if (typeof value === 'bigint' && (value > bigintMax || value < -bigintMax)) return 'a bigint of more than 40 digits'
  if (typeof value !== 'function') return String(value)
  const name = fieldOf(value, 'name')
  return typeof name === 'string' && name !== '' ? `function ${name}` : 'a function'
}

function ofObject(value: object): string {
  const message = fieldOf(value, 'message')
  if (typeof message === 'string' && message !== '') return message
  const errors = fieldOf(value, 'errors')
  if (Array.isArray(errors)) return parts(errors.length, (at) => textOf(fieldOf(errors, at), wordMax)).join('; ')
  if (typeof message === 'string') return message
  if (Array.isArray(value)) return `[${parts(value.length, (at) => word(fieldOf(value, at))).join(', ')}]`
  if (ArrayBuffer.isView(value)) return `${classOf(value)} of ${value.byteLength} bytes`
  const names = Object.keys(value)
  const fields = parts(names.length, (at) => `${names[at]}: ${word(fieldOf(value, names[at] as string))}`)
  const name = classOf(value) ?? 'Object'
  return `${name === 'Object' ? '' : `${name} `}${fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`}`
}

function parts(count: number, textAt: (at: number) => string): readonly string[] {
  const found = Array.from({ length: Math.min(count, partsMax) }, (_, at) => keptText(textAt(at), wordMax))
  return count > partsMax ? [...found, `and ${count - partsMax} more`] : found
}

/** What stands in a list or a field: one level is enough to know what it was. */
function word(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(keptText(value, wordMax))
  if (typeof value !== 'object' || value === null) return textOf(value, wordMax)
  const message = fieldOf(value, 'message')
  return typeof message === 'string' ? message : (classOf(value) ?? 'Object')
}
