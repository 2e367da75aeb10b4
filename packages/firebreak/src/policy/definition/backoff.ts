/**
 * How long to wait before the next attempt.
 *
 * **Units** ms. With v = min(cap, base * 2^(n-1)): `full` is uniform in [0, v], `equal` in [v/2, v], `none` is v itself, for
 * tests and for callers that must be punctual. `decorrelated`: uniform in [base, 3 * previous], capped.
 * **Source** M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015
 */
export interface Backoff {
  readonly baseMs: number
  readonly capMs: number
  readonly jitter: 'full' | 'equal' | 'decorrelated' | 'none'
}

export const jitters: readonly Backoff['jitter'][] = ['full', 'equal', 'decorrelated', 'none']

/** `failures` counts the attempts that failed so far, from 1; `previousMs` is the delay that this returned last time. */
export function backoffMs(backoff: Backoff, failures: number, previousMs: number, random: () => number): number {
  const { baseMs, capMs } = backoff
  const exponential = exponentialMs(backoff, failures)
  switch (backoff.jitter) {
    case 'none':
      return exponential
    case 'full':
      return Math.round(random() * exponential)
    case 'equal':
      return Math.round(exponential / 2 + (random() * exponential) / 2)
    case 'decorrelated': {
      const high = Math.max(baseMs, previousMs * 3)
      return Math.round(Math.min(capMs, baseMs + random() * (high - baseMs)))
    }
  }
}

// 2^1023 is the last power that a double holds; the cap makes anything above 2^40 equal.
const exponentialMs = ({ baseMs, capMs }: Backoff, failures: number): number =>
  Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 40))

/** The longest delay that `backoffMs` gives after so many failures. */
export function backoffMaxMs(backoff: Backoff, failures: number): number {
  if (backoff.jitter !== 'decorrelated') return exponentialMs(backoff, failures)
  // 3^600 is far above any cap, and still a number, of which base 0 makes 0.
  return Math.min(backoff.capMs, backoff.baseMs * 3 ** Math.min(failures - 1, 600))
}
