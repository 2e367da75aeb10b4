import type { Json } from './json-schema.ts'

/** A description asks for something that no sample is known of. */
class Unknown extends Error {}

const depthMax = 16
const texts = ['7', '2026-01-02T03:04:05.000Z', 'some text']
// None that squaring, doubling or a sign leave as they are.
const numbers = [7, 12, 31]
const byFormat: Readonly<Record<string, string>> = {
  date: '2026-01-02',
  'date-time': '2026-01-02T03:04:05.000Z',
  time: '03:04:05',
  email: 'ann@example.org',
  uri: 'https://example.org/a',
  uuid: '0198c2f4-7b1a-7c3e-9d2f-3a4b5c6d7e8f',
}

/** Values that a JSON Schema (draft 07) describes; none where it asks for something that is not known. */
export function samplesOf(schema: Json): readonly unknown[] {
  const samples: unknown[] = []
  for (let n = 0; n < texts.length; n++) {
    try {
      samples.push(sampleOf(schema, n, 0))
    } catch (error) {
      if (!(error instanceof Unknown)) throw error
    }
  }
  return samples
}

function sampleOf(schema: Json, n: number, depth: number): unknown {
  if (depth > depthMax) throw new Unknown()
  if ('const' in schema) return schema['const']
  if (Array.isArray(schema['enum'])) return schema['enum'][n % schema['enum'].length]
  const choice = schema['anyOf'] ?? schema['oneOf']
  if (Array.isArray(choice)) return sampleOf(choice[0] as Json, n, depth + 1)
  switch (schema['type']) {
    case 'string':
      return textOf(schema, n)
    case 'number':
    case 'integer':
      return numberOf(schema, n)
    case 'boolean':
      return n % 2 === 0
    case 'null':
      return null
    case 'array':
      return Array.isArray(schema['items']) || schema['items'] === undefined
        ? notKnown()
        : Array.from({ length: Math.max(1, Number(schema['minItems'] ?? 1)) }, () =>
            sampleOf(schema['items'] as Json, n, depth + 1),
          )
    case 'object':
      return objectOf(schema, n, depth)
    default:
      return notKnown()
  }
}

const notKnown = (): never => {
  throw new Unknown()
}

function textOf({ format, pattern, minLength, maxLength }: Json, n: number): string {
  const known = typeof format === 'string' ? byFormat[format] : undefined
  if (known !== undefined) return known
  if (pattern !== undefined || format !== undefined) throw new Unknown()
  const text = (texts[n] as string).padEnd(Math.min(Number(minLength ?? 0), 1000), '7')
  return text.slice(0, Number(maxLength ?? text.length))
}

function numberOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }: Json, n: number): number {
  if (multipleOf !== undefined) throw new Unknown()
  const least = Math.max(
    Number(minimum ?? Number.NEGATIVE_INFINITY),
    Number(exclusiveMinimum ?? Number.NEGATIVE_INFINITY) + 1,
  )
  const most = Math.min(
    Number(maximum ?? Number.POSITIVE_INFINITY),
    Number(exclusiveMaximum ?? Number.POSITIVE_INFINITY) - 1,
  )
  return Math.min(Math.max(numbers[n] as number, least), most)
}

function objectOf(schema: Json, n: number, depth: number): Json {
  const fields = Object.entries((schema['properties'] ?? {}) as Json)
  const made = fields.map(([name, field]): [string, unknown] => [name, sampleOf(field as Json, n, depth + 1)])
  const { additionalProperties: more } = schema
  if (fields.length === 0 && typeof more === 'object' && more !== null)
    made.push(['some', sampleOf(more as Json, n, depth + 1)])
  return Object.fromEntries(made)
}
