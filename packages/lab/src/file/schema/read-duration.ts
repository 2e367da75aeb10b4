/** Reads durations, and says what was meant where one is none. */
import type { Finding } from './read-problems.ts'
import { shown } from './read-problems.ts'

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Of text: `50ms`, `1.5s`, `2m`, `1h`. */
export const durationPattern: string = '^\\d+(\\.\\d+)?(ms|s|m|h)$'

const wellFormed = new RegExp(durationPattern)

/** The longest duration of a scenario. **Units** ms. */
const durationMaxMs = 24 * 3_600_000

/** In ms; NaN for what is no duration. A number is one of ms. */
export function durationMs(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || !wellFormed.test(value)) return Number.NaN
  // Rounded to the microsecond: 0.07 s is 70 ms and not a little more.
  return Math.round(Number.parseFloat(value) * (units[value.replace(/^[\d.]+/, '')] ?? Number.NaN) * 1000) / 1000
}

/** What is wrong with a value that should be a duration of at least `leastMs`. */
export function durationFinding(value: unknown, leastMs: number): Finding | undefined {
  const ms = durationMs(value)
  if (Number.isNaN(ms))
    return {
      message: `must be a duration like 50ms, 2s, 1m or 1h, not ${shown(value)}`,
      suggestion: meantDuration(value),
    }
  if (ms < 0) return { message: `must not be negative, and is ${shown(value)}` }
  if (ms > durationMaxMs) return { message: `must be at most 24h, not ${shown(value)}` }
  if (ms < leastMs) return { message: `must be at least ${leastMs}ms, not ${shown(value)}` }
  return undefined
}

// How people also write units, in ms.
const spellings: readonly (readonly [RegExp, number, string])[] = [
  [/^(ns|nanos?|nanoseconds?)$/, 1e-6, 'ms'],
  [/^(us|µs|μs|micros?|microseconds?)$/, 1e-3, 'ms'],
  [/^(ms|msecs?|millis?|milliseconds?)$/, 1, 'ms'],
  [/^(s|secs?|seconds?)$/, 1, 's'],
  [/^(m|mins?|minutes?)$/, 1, 'm'],
  [/^(h|hrs?|hours?)$/, 1, 'h'],
  [/^(d|days?)$/, 24, 'h'],
]

function meantDuration(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const parts = [
    ...value
      .trim()
      .toLowerCase()
      .matchAll(/(\d+(?:[.,]\d+)?|[.,]\d+)\s*([a-zµμ]*)/g),
  ]
  const [first, ...others] = parts.map(([, digits = '', unit = '']) =>
    writtenAs(Number(digits.replace(',', '.')), unit),
  )
  if (first === undefined) return 'Write a number and its unit: 50ms, 2s, 1m, 1h'
  if (others.length === 0) return `Write ${first}`
  const sum = [first, ...others].reduce((ms, part) => ms + durationMs(part ?? ''), 0)
  return Number.isNaN(sum)
    ? 'Write one number and its unit'
    : `Write ${sum % 1000 === 0 ? `${sum / 1000}s` : `${sum}ms`}`
}

function writtenAs(count: number, unit: string): string | undefined {
  if (unit === '') return `${count}ms, or ${count}s`
  const [, factor = Number.NaN, name] = spellings.find(([spelling]) => spelling.test(unit)) ?? []
  return name === undefined ? undefined : `${count * factor}${name}`
}
