import { shown } from '../contracts/option.ts'
import type { Schema } from '../contracts/schema.ts'
import { payloadDifference } from '../contracts/text/payload-difference.ts'
import { fieldOf } from '../contracts/text/text-of.ts'
import { jsonSchemaOf } from './json-schema.ts'
import { samplesOf } from './schema-samples.ts'

/** What to do about a schema that cannot read what it writes. */
export const describeWire =
  'The schema runs when an event is published and again when it is read: let it describe what is on the wire, and transform before publish or in the handler'

/** What zod reads from no JSON, by the name that it gives its types. */
const unreadable: Readonly<Record<string, string>> = {
  date: 'a Date',
  map: 'a Map',
  set: 'a Set',
  symbol: 'a symbol',
  function: 'a function',
  promise: 'a promise',
  nan: 'NaN',
  file: 'a file',
}
const wrappers: ReadonlySet<unknown> = new Set([
  'optional',
  'nullable',
  'nonoptional',
  'readonly',
  'default',
  'prefault',
])
const depthMax = 32

/**
 * What a schema demands that no record can hold, in words: a Date, a Map. Known of zod only, and only where nothing else is
 * accepted in its place; of all others it shows when they are published.
 *
 * **Source** https://zod.dev/library-authors, `_zod.def`
 */
function unreadableParts(schema: Schema): readonly string[] {
  try {
    return partsOf(schema, [])
  } catch {
    return [] // What cannot be looked into is not known to be wrong.
  }
}

/** What is wrong with the schema of something that travels as JSON: that it is none, or that no record can hold what it demands. */
export function schemaProblems(schema: unknown): readonly string[] {
  if (typeof fieldOf(fieldOf(schema, '~standard'), 'validate') !== 'function')
    return [`schema must be a Standard Schema, such as z.object({ … }) of zod, not ${shown(schema)}`]
  return unreadableParts(schema as Schema).map((part) => `schema: ${part}. ${describeWire}`)
}

function partsOf(schema: unknown, path: readonly string[]): readonly string[] {
  const def = fieldOf(fieldOf(schema, '_zod'), 'def')
  const type = fieldOf(def, 'type')
  if (typeof type !== 'string' || path.length > depthMax) return []
  const inner = (name: string, at: readonly string[] = path): readonly string[] => partsOf(fieldOf(def, name), at)
  if (wrappers.has(type)) return inner('innerType')
  if (type === 'object') return fieldsOf(fieldOf(def, 'shape'), path)
  if (type === 'array') return inner('element', [...path, '0'])
  if (type === 'record') return inner('valueType', [...path, '*'])
  if (type === 'tuple') return fieldsOf(fieldOf(def, 'items'), path)
  if (type === 'pipe') return inner('in')
  const what = Object.hasOwn(unreadable, type) && fieldOf(def, 'coerce') !== true ? unreadable[type] : undefined
  return what === undefined ? [] : [`${path.length === 0 ? '' : `${path.join('.')}: `}JSON has nothing that is ${what}`]
}

function fieldsOf(fields: unknown, path: readonly string[]): readonly string[] {
  if (typeof fields !== 'object' || fields === null) return []
  return Object.entries(fields).flatMap(([name, field]) => partsOf(field, [...path, name]))
}

/**
 * How a schema misreads what it has written, with an example; undefined where it does not, or where that is not known. Asked are
 * schemas that describe their input and their output, and describe them differently; with values made of the description.
 * Only who accepts some of them, and reads none of those as it was written, is sure to be wrong.
 */
export function misreading(schema: Schema): string | undefined {
  const [input, output] = [jsonSchemaOf(schema, 'input'), jsonSchemaOf(schema, 'output')]
  if (input === undefined || shapeOf(input) === shapeOf(output)) return undefined
  let first: string | undefined
  for (const sample of samplesOf(input)) {
    const answer = readAgain(schema, sample)
    if (answer === 'unknown') continue
    if (answer === 'same') return undefined
    first ??= answer.differs
  }
  return first
}

// What is filled in, or left out, stays so: no reason to run code of others on values that nobody has sent.
const shapeOf = (schema: unknown): string | undefined =>
  JSON.stringify(schema, (name, value) => (isSideways(name, value) ? undefined : value))
const isSideways = (name: string, value: unknown): boolean =>
  name === 'default' ||
  (name === 'required' && Array.isArray(value)) ||
  (name === 'additionalProperties' && value === false)

type Answer = 'same' | 'unknown' | { readonly differs: string }

function readAgain(schema: Schema, sample: unknown): Answer {
  const made = accepted(schema, sample)
  if (made === undefined) return 'unknown'
  let text: string | undefined
  try {
    text = JSON.stringify(made.value)
  } catch {
    return 'unknown' // Another value may be written.
  }
  if (text === undefined) return 'unknown'
  const read = accepted(schema, JSON.parse(text))
  if (read === undefined) return { differs: `it writes ${text}, and does not accept that` }
  const difference = payloadDifference(made.value, read.value)
  return difference === undefined ? 'same' : { differs: difference }
}

/** Undefined: refused, or not known without waiting. */
function accepted(schema: Schema, value: unknown): { readonly value: unknown } | undefined {
  try {
    const result: unknown = schema['~standard'].validate(value)
    // Nobody waits for it, and it must not end the process.
    if (result instanceof Promise) result.catch(() => undefined)
    const isAccepted = typeof result === 'object' && result !== null && 'value' in result
    return isAccepted && fieldOf(result, 'issues') === undefined ? { value: result.value } : undefined
  } catch {
    return undefined
  }
}
