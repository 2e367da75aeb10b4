/** Shape of durations that may vary in a scenario file. */
import { z } from 'zod'
import { duration, map, numeric, type RawDuration } from './scenario-leaves.ts'

const kind = <K extends string>(name: K, what: string) => z.literal(name).describe(what)

const base = duration().describe('The middle, or the value itself where there is no jitter')
const jitter = duration().describe('Uniform within base minus and plus this').optional()

const plain = {
  kind: kind('constant', 'Always the same, or uniform around `base` with `jitter`').optional(),
  base,
  jitter,
}
const uniform = {
  kind: kind('uniform', 'Every value between two is equally likely'),
  min: duration().describe('The shortest').optional(),
  max: duration().describe('The longest').optional(),
  base: base.optional(),
  jitter,
}
const exponential = {
  kind: kind('exponential', 'Memoryless: what has lasted long is as far from its end as what has just begun'),
  mean: duration().describe('The mean'),
}
const lognormal = {
  kind: kind('lognormal', 'A body and a long tail, as latencies of services have'),
  median: duration().describe('Half are below; the same as p50').optional(),
  p50: duration().describe('Half are below; the same as median').optional(),
  sigma: numeric({ min: 0, max: 10 }).describe('Standard deviation of the logarithm; or p99').optional(),
  p99: duration().describe('99 of 100 are below; or sigma').optional(),
}
const pareto = {
  kind: kind('pareto', 'A heavy tail: most are near `min`, few are very long'),
  min: duration().describe('The shortest; above 0'),
  shape: numeric({ min: 1, max: 1000, above: true }).describe(
    'The tail; the smaller the heavier. Above 1: at 1 the mean is infinite',
  ),
}
const empirical = {
  kind: kind('empirical', 'Drawn evenly from what was measured'),
  values: z.array(duration()).min(1).describe('What was measured'),
}

const weight = {
  weight: numeric({ min: 0, max: 1e9, above: true }).describe('Its share is this over the sum of all weights'),
}
const part = z.discriminatedUnion('kind', [
  map({ ...plain, ...weight }),
  map({ ...uniform, ...weight }),
  map({ ...exponential, ...weight }),
  map({ ...lognormal, ...weight }),
  map({ ...pareto, ...weight }),
  map({ ...empirical, ...weight }),
])

const mixture = map({
  kind: kind('mixture', 'One of several distributions, chosen anew each time'),
  parts: z.array(part).min(1).max(50).describe('Distributions with their weights'),
})

/** A time that may differ each time: a duration, or a distribution. */
export const time = z
  .union([
    duration(),
    z.discriminatedUnion('kind', [
      map(plain),
      map(uniform),
      map(exponential),
      map(lognormal),
      map(pareto),
      map(empirical),
      mixture,
    ]),
  ])
  .meta({ id: 'Time' })

/** A duration that may vary, as it was written. */
export type RawTime = z.infer<typeof time>

/** A distribution that is no mixture of others. */
export type RawSimple = Exclude<RawTime, RawDuration | { readonly kind: 'mixture' }>
