import { type Backoff, backoffMaxMs } from './backoff.ts'

/** How long delays last together, one after each failure. */
export interface BackoffTotal {
  readonly averageMs: number
  readonly maxMs: number
}

/**
 * The sum of the first `waits` delays of `backoffMs`.
 *
 * **Guarantee** `maxMs` is exact. So is `averageMs`, but for `decorrelated`: there it is integrated numerically, and right to
 * a thousandth. Delays are taken as they are before they are rounded to ms.
 */
export function backoffTotal(backoff: Backoff, waits: number): BackoffTotal {
  const maxMs = sumOfMaxMs(backoff, waits)
  switch (backoff.jitter) {
    case 'none':
      return { averageMs: maxMs, maxMs }
    case 'full':
      return { averageMs: maxMs / 2, maxMs }
    case 'equal':
      return { averageMs: maxMs * 0.75, maxMs }
    case 'decorrelated':
      return { averageMs: decorrelatedAverageMs(backoff, waits), maxMs }
  }
}

// From here on a delay does not grow any more, whatever its base.
const growsMax = 600

function sumOfMaxMs(backoff: Backoff, waits: number): number {
  let sum = 0
  for (let n = 1; n <= Math.min(waits, growsMax); n++) sum += backoffMaxMs(backoff, n)
  return sum + Math.max(0, waits - growsMax) * backoffMaxMs(backoff, growsMax)
}

// Points per factor 3: three times a point is a point again, so that nothing has to be interpolated between them.
const pointsPerStep = 64
// What the steps differ by when nothing changes any more from one to the next.
const precision = 1e-9

/**
 * The first delay is the base; what follows depends on the delay before. With V(0, x) = 0, what `n` delays after a delay of x
 * last on average is V(n, x) = the mean of min(cap, d) + V(n - 1, min(cap, d)) over all d between base and 3x.
 */
function decorrelatedAverageMs({ baseMs, capMs }: Backoff, waits: number): number {
  if (waits <= 0) return 0
  if (baseMs <= 0 || capMs <= baseMs) return waits * Math.min(baseMs, capMs)
  const delays = delaysBetween(baseMs, capMs)
  let rest: readonly number[] = delays.map(() => 0)
  let grownMs = 0
  for (let n = 1; n < waits; n++) {
    const next = averagedOnce(delays, rest)
    const growthMs = at(next, 0) - at(rest, 0)
    const lastMs = at(next, next.length - 1) - at(rest, rest.length - 1)
    const isSteady =
      Math.abs(growthMs - grownMs) <= precision * growthMs && Math.abs(lastMs - growthMs) <= precision * lastMs
    if (isSteady) return baseMs + at(rest, 0) + (waits - n) * growthMs
    grownMs = growthMs
    rest = next
  }
  return baseMs + at(rest, 0)
}

/** From base to cap, both included. */
function delaysBetween(baseMs: number, capMs: number): number[] {
  const found: number[] = []
  for (let i = 0; ; i++) {
    const delayMs = baseMs * 3 ** (i / pointsPerStep)
    if (delayMs >= capMs) return [...found, capMs]
    found.push(delayMs)
  }
}

function averagedOnce(delays: readonly number[], rest: readonly number[]): number[] {
  const last = delays.length - 1
  const value = (i: number): number => at(delays, i) + at(rest, i)
  // The integral from the base up to each point, by the trapezoidal rule.
  const integral = [0]
  for (let i = 1; i <= last; i++) {
    const width = at(delays, i) - at(delays, i - 1)
    integral.push(at(integral, i - 1) + (width * (value(i) + value(i - 1))) / 2)
  }
  const baseMs = at(delays, 0)
  return delays.map((delayMs, i) => {
    const highMs = 3 * delayMs
    const upTo = i + pointsPerStep
    const isBelowCap = upTo < last
    const above = isBelowCap ? 0 : Math.max(0, highMs - at(delays, last)) * value(last)
    return (at(integral, isBelowCap ? upTo : last) + above) / (highMs - baseMs)
  })
}

const at = (values: readonly number[], i: number): number => values[i] as number
