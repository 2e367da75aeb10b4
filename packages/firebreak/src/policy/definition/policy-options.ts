import { choice, count, ms, type NumberOption, type OptionTable, other, ratio } from '../../contracts/option.ts'
import { type Backoff, jitters } from './backoff.ts'
import type { BreakerSpec, BudgetSpec, BulkheadSpec, HedgeSpec, LimitSpec, PolicySpec } from './policy-spec.ts'

type Of<Spec extends { readonly kind: string }, Kind extends Spec['kind']> = Extract<Spec, { readonly kind: Kind }>

const many = 1_000_000_000

/** Calls are timed with the fractions of the monotonic clock, and so are those of a simulation. */
const time = (shape: Parameters<typeof ms>[0]): NumberOption => ms({ hasFractions: true, ...shape })

export const policyOptions: OptionTable<PolicySpec> = {
  deadlineMs: time({ least: 1, default: 2000, meaning: 'time for a call with its waits and retries' }),
  attemptTimeoutMs: time({ least: 1, default: 500, meaning: 'time for one attempt' }),
  attemptsMax: count('attempts', { least: 1, most: 100, default: 3, meaning: 'attempts in all, the first included' }),
  backoff: other,
  budget: other,
  breaker: other,
  bulkhead: other,
  limit: other,
  hedge: other,
}

export const backoffOptions: OptionTable<Backoff> = {
  baseMs: time({ least: 0, default: 50, meaning: 'the first wait is at most this' }),
  capMs: time({ least: 0, default: 200, meaning: 'no wait is longer' }),
  jitter: choice({ choices: jitters, default: 'full', meaning: 'how much of a wait is left to chance' }),
}

export const ratioBudgetOptions: OptionTable<Of<BudgetSpec, 'ratio'>> = {
  kind: choice({ choices: ['ratio', 'tokens'], default: 'ratio', meaning: 'which of the two forms' }),
  ratio: ratio({ least: 0, most: 1000, default: 0.05, meaning: 'retries that each call pays in' }),
  minPerSec: ratio({ least: 0, most: many, default: 1, meaning: 'retries that each second pays in' }),
  ttlMs: time({ least: 1, default: 10_000, meaning: 'what was paid in expires after this' }),
}

export const tokenBudgetOptions: OptionTable<Of<BudgetSpec, 'tokens'>> = {
  kind: choice({ choices: ['ratio', 'tokens'], default: 'ratio', meaning: 'which of the two forms' }),
  tokensMax: ratio({ least: 1, most: many, meaning: 'tokens at most; a failure takes one' }),
  // Thousandths are what it counts in: less would never bring a token.
  tokenRatio: ratio({ least: 0.001, most: many, meaning: 'what a success brings' }),
}

export const budgetOptions = ({ kind }: BudgetSpec): OptionTable<BudgetSpec> =>
  kind === 'tokens' ? tokenBudgetOptions : ratioBudgetOptions

export const breakerOptions: OptionTable<BreakerSpec> = {
  failureRatio: ratio({ least: 0.0001, most: 1, default: 0.5, meaning: 'share of failed or slow calls that opens it' }),
  callsMin: count('calls', { least: 1, default: 20, meaning: 'calls that the window holds before it can open' }),
  windowMs: time({ least: 1, default: 10_000, meaning: 'how far back calls count' }),
  openMs: time({ least: 1, default: 5000, meaning: 'how long it stays open before it lets probes through' }),
  // It keeps a place for each.
  probesMax: count('probes', { least: 1, most: 1000, default: 3, meaning: 'successes that close it again' }),
  slowMs: time({ least: 0.001, or: [null], default: null, meaning: 'a call that takes longer counts as failed' }),
}

export const bulkheadOptions: OptionTable<BulkheadSpec> = {
  slots: count('attempts', { least: 1, default: 64, meaning: 'attempts at the same time, per process' }),
  queueMax: count('calls', { least: 0, default: 0, meaning: 'calls that may wait for a slot' }),
  queueWaitMaxMs: time({ least: 0.001, default: 100, meaning: 'how long they may wait' }),
}

type PlainLimit = Of<LimitSpec, 'vegas'> | Of<LimitSpec, 'gradient2'>

export const plainLimitOptions: OptionTable<PlainLimit> = {
  kind: choice({ choices: ['aimd', 'vegas', 'gradient2'], default: 'none', meaning: 'how it finds its limit' }),
  initial: count('attempts', { least: 1, meaning: 'attempts at the same time to begin with' }),
  min: count('attempts', { least: 1, meaning: 'never less' }),
  max: count('attempts', { least: 1, meaning: 'never more' }),
}

export const aimdOptions: OptionTable<Of<LimitSpec, 'aimd'>> = {
  ...plainLimitOptions,
  backoff: ratio({ least: 0.01, most: 0.99, meaning: 'what is left of the limit after a failure' }),
  timeoutMs: time({ least: 0.001, meaning: 'an attempt that takes longer counts as failed' }),
}

export const limitOptions = ({ kind }: LimitSpec): OptionTable<LimitSpec> =>
  kind === 'aimd' ? aimdOptions : plainLimitOptions

export const hedgeOptions: OptionTable<HedgeSpec> = {
  after: time({ least: 0, or: ['p95'], meaning: 'how long an attempt takes before another one starts' }),
  max: count('attempts', { least: 1, most: 100, meaning: 'further attempts per call' }),
}
