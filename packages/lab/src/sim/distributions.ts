import type { Distribution } from '../model/scenario.ts'

/**
 * Draws one value. **Units** ms
 *
 * As many uniforms as it needs come from `uniform`. Only `Math.log`, `exp` and `sqrt`: equal on every engine tested.
 */
export function sample(distribution: Distribution, uniform: () => number): number {
  switch (distribution.kind) {
    case 'constant':
      return distribution.ms
    case 'uniform':
      return distribution.minMs + uniform() * (distribution.maxMs - distribution.minMs)
    case 'exponential':
      return -Math.log(uniform()) * distribution.meanMs
    case 'lognormal':
      return distribution.medianMs * Math.exp(distribution.sigma * normal(uniform))
    case 'pareto':
      return distribution.minMs * Math.exp(-Math.log(uniform()) / distribution.shape)
    case 'empirical': {
      const { valuesMs } = distribution
      return valuesMs[Math.floor(uniform() * valuesMs.length)] as number
    }
    case 'mixture':
      return sample(partAt(distribution.parts, uniform()), uniform)
  }
}

/** First and second moment in closed form; Infinity where there is none. **Units** ms, ms² */
export function moments(distribution: Distribution): { readonly mean: number; readonly second: number } {
  switch (distribution.kind) {
    case 'constant':
      return { mean: distribution.ms, second: distribution.ms * distribution.ms }
    case 'uniform': {
      const { minMs: a, maxMs: b } = distribution
      return { mean: (a + b) / 2, second: (a * a + a * b + b * b) / 3 }
    }
    case 'exponential':
      return { mean: distribution.meanMs, second: 2 * distribution.meanMs * distribution.meanMs }
    case 'lognormal': {
      const { medianMs: m, sigma } = distribution
      return { mean: m * Math.exp((sigma * sigma) / 2), second: m * m * Math.exp(2 * sigma * sigma) }
    }
    case 'pareto': {
      const { minMs: m, shape } = distribution
      const mean = shape > 1 ? (shape * m) / (shape - 1) : Number.POSITIVE_INFINITY
      return { mean, second: shape > 2 ? (shape * m * m) / (shape - 2) : Number.POSITIVE_INFINITY }
    }
    case 'empirical': {
      const { valuesMs } = distribution
      const mean = valuesMs.reduce((sum, ms) => sum + ms, 0) / valuesMs.length
      return { mean, second: valuesMs.reduce((sum, ms) => sum + ms * ms, 0) / valuesMs.length }
    }
    case 'mixture':
      return ofMixture(distribution.parts)
  }
}

type Parts = Extract<Distribution, { kind: 'mixture' }>['parts']

function partAt(parts: Parts, u: number): Distribution {
  let left = u * parts.reduce((sum, { weight }) => sum + weight, 0)
  for (const { weight, of } of parts) {
    left -= weight
    if (left < 0) return of
  }
  return (parts.at(-1) as Parts[number]).of
}

function ofMixture(parts: Parts): { mean: number; second: number } {
  const all = parts.reduce((sum, { weight }) => sum + weight, 0)
  let mean = 0
  let second = 0
  for (const { weight, of } of parts) {
    const part = moments(of)
    mean += (weight / all) * part.mean
    second += (weight / all) * part.second
  }
  return { mean, second }
}

/** Standard normal, by the polar method. **Source** G. Marsaglia and T. A. Bray, SIAM Review 6, 1964 */
function normal(uniform: () => number): number {
  for (;;) {
    const x = 2 * uniform() - 1
    const y = 2 * uniform() - 1
    const r = x * x + y * y
    if (r < 1 && r > 0) return x * Math.sqrt((-2 * Math.log(r)) / r)
  }
}
