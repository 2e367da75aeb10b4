import { meanAndCi } from '../math/confidence.ts'
import type { ArmResult, PairedDifference } from '../model/result.ts'

const metrics: readonly { readonly name: string; readonly of: (result: ArmResult) => number }[] = [
  { name: 'successRatio', of: ({ successRatio }) => successRatio },
  { name: 'latencyMs.p50', of: ({ latencyMs }) => latencyMs.p50 },
  { name: 'latencyMs.p99', of: ({ latencyMs }) => latencyMs.p99 },
  { name: 'amplification', of: ({ amplification }) => amplification },
]

/** Every arm against every one before it, replication by replication: both saw the same arrivals. Empty for one replication. */
export function differencesOf(
  arms: readonly { readonly name: string; readonly results: readonly ArmResult[] }[],
): readonly PairedDifference[] {
  return arms.flatMap((arm, index) =>
    arms.slice(0, index).flatMap((against) => {
      if (arm.results.length < 2) return []
      return metrics.map(({ name, of }) => {
        const pairs = arm.results.map((result, replication) => {
          return of(result) - of(against.results[replication] as ArmResult)
        })
        return { arm: arm.name, against: against.name, metric: name, ...meanAndCi(pairs) }
      })
    }),
  )
}
