/** Reads policies, and tells in the words of the file what does not add up in them. */

import type { Policy, PolicySpec } from 'firebreak'
import { policyProblems, withDefaults } from 'firebreak/internal'
import type { Entry } from './read-arms.ts'
import { type Judging, reportOn, shaped } from './read-entry.ts'
import { durationMs } from './schema/read-duration.ts'
import type {
  RawBackoff,
  RawBreaker,
  RawBudget,
  RawBulkhead,
  RawLimit,
  RawPolicy,
} from './schema/scenario-policy-schema.ts'
import { policySchema } from './schema/scenario-policy-schema.ts'

type Backoff = Policy['backoff']

/** A policy of an arm; undefined, and reported, where it cannot be read or does not add up. */
export function policyOf(judging: Judging, name: string, entry: Entry): Policy | undefined {
  const report = reportOn(judging, entry)
  if (name === 'none') report([], { message: 'none means no policy at all: choose another name' })
  const raw = shaped(judging, policySchema, entry)
  if (raw === undefined) return undefined
  const policy = withDefaults(specOf(raw))
  const problems = policyProblems(policy)
  for (const problem of problems) report(fieldOf(problem, raw), { message: inFileWords(problem) })
  return problems.length === 0 ? policy : undefined
}

function specOf(raw: RawPolicy): PolicySpec {
  const { deadline, attemptTimeout, maxAttempts, backoff, budget, breaker, bulkhead, limit, hedge } = raw
  return {
    ...(deadline !== undefined && { deadlineMs: durationMs(deadline) }),
    ...(attemptTimeout !== undefined && { attemptTimeoutMs: durationMs(attemptTimeout) }),
    ...(maxAttempts !== undefined && { attemptsMax: maxAttempts }),
    ...(backoff !== undefined && { backoff: backoffOf(backoff) }),
    ...(budget !== undefined && { budget: budget === 'none' ? null : budgetOf(budget) }),
    ...(breaker !== undefined && { breaker: breaker === 'none' ? null : breakerOf(breaker) }),
    ...(bulkhead !== undefined && { bulkhead: bulkheadOf(bulkhead) }),
    ...(limit !== undefined && { limit: limit === 'none' ? null : limitOf(limit) }),
    ...(hedge !== undefined && {
      hedge:
        hedge === 'none' ? null : { after: hedge.after === 'p95' ? 'p95' : durationMs(hedge.after), max: hedge.max },
    }),
  }
}

/** What a backoff says; what it leaves out depends on where it stands. */
export function backoffOf({ kind, base, cap }: RawBackoff): Partial<Backoff> {
  return {
    ...(kind !== undefined && { jitter: kind }),
    ...(base !== undefined && { baseMs: durationMs(base) }),
    ...(cap !== undefined && { capMs: durationMs(cap) }),
  }
}

function budgetOf(raw: RawBudget): NonNullable<PolicySpec['budget']> {
  if (raw.kind === 'tokens') return { kind: 'tokens', tokensMax: raw.maxTokens, tokenRatio: raw.tokenRatio }
  const { ratio, minPerSec, ttl } = raw
  return {
    ...(ratio !== undefined && { ratio }),
    ...(minPerSec !== undefined && { minPerSec }),
    ...(ttl !== undefined && { ttlMs: durationMs(ttl) }),
  }
}

function breakerOf({ threshold, min, window, open, probes, slow }: RawBreaker): NonNullable<PolicySpec['breaker']> {
  return {
    ...(threshold !== undefined && { failureRatio: threshold }),
    ...(min !== undefined && { callsMin: min }),
    ...(window !== undefined && { windowMs: durationMs(window) }),
    ...(open !== undefined && { openMs: durationMs(open) }),
    ...(probes !== undefined && { probesMax: probes }),
    ...(slow !== undefined && { slowMs: slow === 'none' ? null : durationMs(slow) }),
  }
}

function bulkheadOf(raw: 'none' | number | RawBulkhead): NonNullable<PolicySpec['bulkhead']> | null {
  if (raw === 'none') return null
  if (typeof raw === 'number') return { slots: raw }
  const { slots, queue, queueWait } = raw
  return {
    ...(slots !== undefined && { slots }),
    ...(queue !== undefined && { queueMax: queue }),
    ...(queueWait !== undefined && { queueWaitMaxMs: durationMs(queueWait) }),
  }
}

function limitOf(raw: RawLimit): NonNullable<PolicySpec['limit']> {
  const { initial, min, max } = raw
  if (raw.kind !== 'aimd') return { kind: raw.kind, initial, min, max }
  return { kind: 'aimd', initial, min, max, backoff: raw.backoff, timeoutMs: durationMs(raw.timeout) }
}

// Names of a policy in code, and in a file.
const words: readonly (readonly [string, string])[] = [
  ['deadlineMs', 'deadline'],
  ['attemptTimeoutMs', 'attemptTimeout'],
  ['attemptsMax', 'maxAttempts'],
  ['backoff.baseMs', 'backoff.base'],
  ['backoff.capMs', 'backoff.cap'],
  ['baseMs', 'base'],
  ['budget.ttlMs', 'budget.ttl'],
  ['budget.tokensMax', 'budget.maxTokens'],
  ['breaker.failureRatio', 'breaker.threshold'],
  ['breaker.callsMin', 'breaker.min'],
  ['breaker.windowMs', 'breaker.window'],
  ['breaker.openMs', 'breaker.open'],
  ['breaker.probesMax', 'breaker.probes'],
  ['breaker.slowMs', 'breaker.slow'],
  ['bulkhead.queueMax', 'bulkhead.queue'],
  ['bulkhead.queueWaitMaxMs', 'bulkhead.queueWait'],
  ['limit.timeoutMs', 'limit.timeout'],
]

const inFileWords = (problem: string): string =>
  words.reduce(
    (text, [code, file]) => text.replaceAll(new RegExp(`\\b${code.replace('.', '\\.')}\\b`, 'g'), file),
    problem,
  )

// The member that the problem begins with, as far as the file has it.
function fieldOf(problem: string, raw: RawPolicy): readonly string[] {
  const [, first = '', second] = /^([A-Za-z]+)(?:\.([A-Za-z0-9]+))?\b/.exec(inFileWords(problem)) ?? []
  if (!Object.hasOwn(raw, first)) return []
  const part = (raw as Readonly<Record<string, unknown>>)[first]
  const hasSecond = second !== undefined && typeof part === 'object' && part !== null && Object.hasOwn(part, second)
  return hasSecond ? [first, second] : [first]
}
