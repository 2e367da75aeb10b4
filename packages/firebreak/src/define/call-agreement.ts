import type { Policy } from '../policy/definition/policy-spec.ts'
import type { AnyCall } from './call.ts'

/** What all calls of one dependency share: they count its failures and its load together. */
const shared = ['breaker', 'budget', 'bulkhead', 'limit'] as const

/** Where calls contradict each other, in words with both values; empty when they agree. */
export function callDisagreements(calls: Iterable<AnyCall>): readonly string[] {
  const found: string[] = []
  const byName = new Map<string, AnyCall>()
  const byDependency = new Map<string, AnyCall>()
  for (const call of calls) {
    const twin = byName.get(call.name) ?? call
    if (twin !== call) found.push(`call ${call.name} is defined twice; export it from one module`)
    byName.set(call.name, call)
    const first = byDependency.get(call.to) ?? call
    byDependency.set(call.to, first)
    for (const part of shared) {
      const [one, other] = [first, call].map(({ policy }) => written(policy[part]))
      if (one !== other) {
        found.push(
          `calls of ${call.to} share one ${part}, and they disagree: ${first.name} says ${one}, ${call.name} says ${other}`,
        )
      }
    }
  }
  return found
}

// In an order of its own: equal values may have been written in different ones.
const written = (part: Policy[(typeof shared)[number]]): string =>
  part === null ? 'none' : JSON.stringify(Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))))
