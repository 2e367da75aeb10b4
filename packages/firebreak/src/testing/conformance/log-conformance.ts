import { appendCases } from './log-conformance-append.ts'
import { exactCases } from './log-conformance-exact.ts'
import { groupCases } from './log-conformance-groups.ts'
import { keepingCases } from './log-conformance-keeping.ts'
import { readCases } from './log-conformance-read.ts'
import type { LogCase } from './log-scene.ts'

/**
 * What every `Log` promises, as data: run each case with a harness of its own under any test runner. A capability that
 * is declared false turns a case into its negative, or leaves it out with a reason (`conformanceReport`).
 *
 * **Source** scenarios restated from Watermill's universal pub/sub suite and Jepsen's Kafka anomalies
 */
export const logConformance: readonly LogCase[] = [
  ...appendCases,
  ...exactCases,
  ...readCases,
  ...groupCases,
  ...keepingCases,
]
