import {
  bulkhead,
  circuitBreaker,
  ExponentialBackoff,
  handleAll,
  retry,
  SamplingBreaker,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel'
import OpossumBreaker from 'opossum'
import { systemClock } from '../src/node/clock.ts'
import { systemEntropy } from '../src/node/entropy.ts'
import { policy } from '../src/policy/definition/policy.ts'
import type { LimitSpec } from '../src/policy/definition/policy-spec.ts'
import { Executor } from '../src/policy/executor.ts'
import { round2, versionsOf } from './common/settings.ts'
import { alternately, everyRound, type Goal, Rounds, type Suite } from './common/suite.ts'

const goals: readonly Goal[] = [
  { name: 'fullStackNs', text: '<= 500', holds: ({ fullStackNs }) => Number(fullStackNs) <= 500 },
  { name: 'toCockatiel', text: '<= 0.1', holds: ({ toCockatiel }) => Number(toCockatiel) <= 0.1 },
]

const work = (): Promise<number> => Promise.resolve(1)

// The same numbers for all three; opossum has no retry, no budget and no deadline.
const settings = { deadlineMs: 2000, attemptTimeoutMs: 500, attemptsMax: 3, slots: 64, windowMs: 10_000 }

/** What one call of a policy costs when the dependency answers at once: one call after the other, nothing fails. */
export const policySuite: Suite = {
  name: 'policy',
  goals,
  missing: () => undefined,
  run: async ({ rounds, share, say }) => {
    const seen = new Rounds()
    const calls = Math.round(1_000_000 * share)
    const ours = fullStack()
    const withLimit = fullStack({ kind: 'vegas', initial: 20, min: 1, max: 200 })
    const theirs = cockatielStack()
    const breaker = opossumStack()
    // Every contender once before the clock runs, so that all are compiled alike.
    for (const run of [work, ours, withLimit, theirs, breaker]) await nsPerCall(run, Math.round(50_000 * share))
    for (let round = 1; round <= rounds; round++) {
      say(`policy, round ${round} of ${rounds}`)
      await alternately(round, [
        seen.taking('bareNs', () => nsPerCall(work, calls)),
        seen.taking('fullStackNs', () => nsPerCall(ours, calls)),
        seen.taking('fullStackWithLimitNs', () => nsPerCall(withLimit, calls)),
        seen.taking('cockatielNs', () => nsPerCall(theirs, Math.round(calls / 5))),
        seen.taking('opossumNs', () => nsPerCall(breaker, Math.round(calls / 5))),
      ])
    }
    const names = ['bareNs', 'fullStackNs', 'fullStackWithLimitNs', 'cockatielNs', 'opossumNs'] as const
    const figures = Object.fromEntries(names.map((name) => [name, round2(seen.median(name))]))
    return {
      figures,
      ratios: seen.ratios('toCockatiel', 'fullStackNs', 'cockatielNs'),
      rounds: seen.all(),
      settings: {
        calls,
        ...settings,
        ratios: everyRound,
        versions: versionsOf('cockatiel', 'opossum'),
        cockatiel: 'retry, breaker, bulkhead, timeout',
        opossum: 'breaker, timeout, capacity',
      },
    }
  },
}

async function nsPerCall(run: () => Promise<unknown>, calls: number): Promise<number> {
  const startedAt = performance.now()
  for (let i = 0; i < calls; i++) await run()
  return ((performance.now() - startedAt) * 1e6) / calls
}

function fullStack(limit: LimitSpec | null = null): () => Promise<number> {
  const { deadlineMs, attemptTimeoutMs, attemptsMax, slots, windowMs } = settings
  const executor = new Executor(
    policy({ deadlineMs, attemptTimeoutMs, attemptsMax, bulkhead: { slots }, breaker: { windowMs }, limit }),
    { name: 'bench', clock: systemClock, random: systemEntropy.random },
  )
  return (): Promise<number> => executor.execute(work)
}

function cockatielStack(): () => Promise<number> {
  const { attemptTimeoutMs, attemptsMax, slots, windowMs, deadlineMs } = settings
  const stack = wrap(
    timeout(deadlineMs, TimeoutStrategy.Aggressive),
    retry(handleAll, {
      maxAttempts: attemptsMax - 1,
      backoff: new ExponentialBackoff({ initialDelay: 50, maxDelay: 200 }),
    }),
    circuitBreaker(handleAll, {
      halfOpenAfter: 5000,
      breaker: new SamplingBreaker({ threshold: 0.5, duration: windowMs, minimumRps: 2 }),
    }),
    bulkhead(slots, 0),
    timeout(attemptTimeoutMs, TimeoutStrategy.Aggressive),
  )
  return () => stack.execute(work)
}

function opossumStack(): () => Promise<number> {
  const { attemptTimeoutMs, slots, windowMs } = settings
  const breaker = new OpossumBreaker(work, {
    timeout: attemptTimeoutMs,
    capacity: slots,
    rollingCountTimeout: windowMs,
    errorThresholdPercentage: 50,
    volumeThreshold: 20,
    resetTimeout: 5000,
  })
  return () => breaker.fire()
}
