/** Values without parts in a scenario file: numbers, words, durations, names. */
import { nearestName } from 'firebreak/internal'
import { z } from 'zod'
import { durationFinding, durationPattern } from './read-duration.ts'
import { type Finding, meantOf, shown } from './read-problems.ts'

/** `50ms`, or a number of ms. */
export type RawDuration = number | string

/** A name of a service, policy or arm. */
export const namePattern = '^[A-Za-z][\\w-]{0,63}$'

/** The id of an edge: `web->profile` unless it says otherwise. */
export const edgeIdPattern = '^[A-Za-z][\\w>-]{0,131}$'

type Meta = Readonly<Record<string, unknown>>

/** A value without parts: judged by a function, described to editors by `meta`. */
export function leaf<T>(meta: Meta, judge: (value: unknown) => Finding | undefined): z.ZodType<T> {
  const schema = z.unknown().superRefine((value, context) => {
    // The object around it reports what is missing.
    const found = value === undefined ? undefined : judge(value)
    if (found === undefined) return
    const { message, suggestion } = found
    // `continue: false`: in a union, a leaf that does not fit must not win over the map beside it.
    context.addIssue({ code: 'custom', message, params: { suggestion }, continue: false })
  })
  // What the judge lets through is a T.
  const judged: z.ZodType = schema.meta(meta)
  return judged as z.ZodType<T>
}

interface Bounds<Word> {
  readonly min: number
  readonly max: number
  readonly whole?: boolean
  /** `min` itself is too little. */
  readonly above?: boolean
  /** Words that stand for a number. */
  readonly words?: readonly Word[]
  /** What the message calls for, instead of the bounds. */
  readonly what?: string
}

/** A number within bounds, or one of some words. */
export function numeric<const Word extends string = never>({
  min,
  max,
  whole = false,
  above = false,
  words = [],
  what,
}: Bounds<Word>): z.ZodType<number | Word> {
  const type = whole ? 'integer' : 'number'
  const number = { type, [above ? 'exclusiveMinimum' : 'minimum']: min, maximum: max }
  const meta = words.length === 0 ? number : { anyOf: [number, { enum: words }] }
  const kind = whole ? 'a whole number' : 'a number'
  const range = above ? `above ${min} and at most ${max}` : `from ${min} to ${max}`
  const expected = [what ?? `${kind} ${range}`, ...words].join(' or ')
  return leaf<number | Word>(meta, (value) => {
    if ((words as readonly unknown[]).includes(value)) return undefined
    const isNumber = typeof value === 'number' && (!whole || Number.isSafeInteger(value))
    if (isNumber && value <= max && (above ? value > min : value >= min)) return undefined
    return { message: `must be ${expected}, not ${shown(value)}`, suggestion: meantNumber(value, words, max) }
  })
}

function meantNumber(value: unknown, words: readonly string[], max: number): string | undefined {
  if (typeof value === 'number')
    return max === 1 && value > 1 && value <= 100 ? `${value} % is ${value / 100}` : undefined
  if (typeof value !== 'string') return undefined
  const near = nearestName(value, words)
  if (near !== undefined) return `Did you mean "${near}"?`
  const [, digits, unit] = /^\s*(\d+(?:\.\d+)?)\s*(%|\/s|)\s*$/.exec(value) ?? []
  if (digits === undefined) return undefined
  return `Write ${unit === '%' ? Number(digits) / 100 : digits}${unit === '' ? ' without quotes' : ''}`
}

/** One of a few words. */
export function choice<const T extends string>(words: readonly T[]): z.ZodType<T> {
  return leaf<T>({ enum: words }, (value) => {
    if ((words as readonly unknown[]).includes(value)) return undefined
    return { message: `must be ${listed(words)}, not ${shown(value)}`, suggestion: meantWord(value, words) }
  })
}

const listed = (words: readonly string[]): string =>
  words.length === 1 ? `${words[0]}` : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`

function meantWord(value: unknown, words: readonly string[]): string | undefined {
  const near = typeof value === 'string' ? nearestName(value, words) : undefined
  return near === undefined ? undefined : meantOf(near, [])
}

/** A map, or `none` to do without. */
export function orNone<T>(schema: z.ZodType<T>): z.ZodType<'none' | T> {
  const none = leaf<'none'>({ enum: ['none'] }, (value) => {
    if (value === 'none') return undefined
    return { message: `must be none or a map with fields, not ${shown(value)}` }
  })
  return z.union([none, schema])
}

/** `true` or `false`. */
export const yesNo: z.ZodType<boolean> = leaf({ type: 'boolean' }, (value) => {
  if (typeof value === 'boolean') return undefined
  const meant = typeof value === 'string' && /^(y|yes|on|n|no|off)$/i.test(value)
  const suggestion = meant ? `Write ${/^(y|yes|on)$/i.test(String(value))}` : undefined
  return { message: `must be true or false, not ${shown(value)}`, suggestion }
})

/** A duration of at least `leastMs`, or one of some words. */
export function duration(leastMs = 0, words: readonly string[] = []): z.ZodType<RawDuration> {
  const either = { type: ['string', 'number'], pattern: durationPattern, minimum: leastMs }
  const meta = words.length === 0 ? either : { anyOf: [{ enum: words }, either] }
  return leaf(meta, (value) => {
    if (typeof value === 'string' && words.includes(value)) return undefined
    return durationFinding(value, leastMs)
  })
}

/** Text that fits a pattern; `what` names it in the message. */
export function text(pattern: string, what: string): z.ZodType<string> {
  const wellFormed = new RegExp(pattern, 'u')
  return leaf({ type: 'string', pattern }, (value) => {
    if (typeof value === 'string' && wellFormed.test(value)) return undefined
    const isUnquoted = typeof value !== 'object' && typeof value !== 'string' && wellFormed.test(String(value))
    return { message: `must be ${what}, not ${shown(value)}`, suggestion: isUnquoted ? 'Put it in quotes' : undefined }
  })
}

/** A map with these members and no other. */
export function map<S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  // What reads the issues suggests one of the names; there is no other way to hand them over.
  return z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? Object.keys(shape).join(' ') : undefined),
  })
}
