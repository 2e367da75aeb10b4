/** One claim about a port, as a value: any test runner can run it. */
export interface ConformanceCase<Capabilities, Harness> {
  /** The claim. */
  readonly name: string
  /** `true`, or the reason why this backend, or this harness, cannot be asked. Absent: every backend. */
  readonly needs?: (capabilities: Capabilities, harness: Harness) => true | string
  /** Rejects where the claim does not hold. Wants a harness of its own: cases share nothing. */
  run(harness: Harness): Promise<void>
}

export interface ConformanceReport<Case> {
  readonly runs: readonly Case[]
  readonly skipped: readonly { readonly name: string; readonly reason: string }[]
}

/**
 * What a backend is asked, and what not and why: by what it declares, and by what its harness can do to it. Assert `skipped.length`: a backend that learns
 * to do less must not turn green in silence.
 */
export function conformanceReport<C, H>(
  cases: readonly ConformanceCase<C, H>[],
  capabilities: C,
  harness: H,
): ConformanceReport<ConformanceCase<C, H>> {
  const runs: ConformanceCase<C, H>[] = []
  const skipped: { name: string; reason: string }[] = []
  for (const one of cases) {
    const answer = one.needs?.(capabilities, harness) ?? true
    if (answer === true) runs.push(one)
    else skipped.push({ name: one.name, reason: answer })
  }
  return { runs, skipped }
}
