/** **Units** ms. Usual are 5 and 100. */
export interface CodelSpec {
  /** How long an item may wait while the queue stands. */
  readonly targetMs: number
  /** How long an item may wait otherwise, and how long a queue must not have been empty to count as standing. */
  readonly intervalMs: number
}

/** A queue that has not been empty for longer than `intervalMs` is no burst any more: it stands. */
export function isStanding(notEmptyForMs: number, intervalMs: number): boolean {
  return notEmptyForMs > intervalMs
}

/**
 * How long an item that is queued now may wait.
 *
 * **Source** B. Maurer, "Fail at Scale", ACM Queue 13(8), 2015; after K. Nichols and V. Jacobson, RFC 8289
 */
export function codelTimeoutMs(spec: CodelSpec, notEmptyForMs: number): number {
  return isStanding(notEmptyForMs, spec.intervalMs) ? spec.targetMs : spec.intervalMs
}
