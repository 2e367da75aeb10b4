/** What a run of the lab says; `--json` prints it. */

/** Why a request, or one attempt of it, came to nothing. */
export type FailureReason =
  | 'timeout'
  | 'deadline'
  | 'open'
  | 'bulkhead'
  | 'limit'
  | 'error'
  | 'refused'
  | 'full'
  | 'shed'
  | 'crash'
  | 'dead-letter'
  | 'dropped'
  | 'broker'
  | 'unfinished'

/**
 * Half the width of the 95 % confidence interval of the numbers beside it, under the same names. Only with more than one
 * replication; the numbers themselves are then means over the replications.
 */
export type Ci95 = Readonly<Record<string, number>>

export interface LatencySummary {
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p95: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  readonly ci95?: Ci95
}

export interface WaitSummary {
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly ci95?: Ci95
}

export interface WindowResult {
  readonly fromMs: number
  readonly toMs: number
  /** Arrived in it. */
  readonly offered: number
  /** Succeeded in it, whenever it arrived. */
  readonly succeeded: number
  readonly failed: number
  /** Calls over sync edges and deliveries of queue edges that started in it. */
  readonly attempts: number
  /** Messages that wait or are being handled, and the age of the oldest, at its end. */
  readonly backlog: number
  readonly oldestAgeMs: number
  /** Breakers that are open at its end. */
  readonly open: number
  /** Busy workers and waiting requests per service at its end. */
  readonly services: Readonly<Record<string, { readonly busy: number; readonly queued: number }>>
}

export interface ServiceResult {
  readonly arrivals: number
  readonly started: number
  readonly completed: number
  /** Refused before any work: queue full, shed, down. */
  readonly rejected: number
  readonly failed: number
  /** Stopped, or taken out of the queue, because the caller had given up. arrivals = completed + failed + rejected + abandoned + still there. */
  readonly abandoned: number
  /** Busy workers over all workers, over the measured time; for unbounded concurrency the mean number of busy ones. */
  readonly utilization: number
  readonly waitMs: WaitSummary
  readonly serviceMs: { readonly mean: number }
  readonly sojournMs: WaitSummary
  /** Share of the started ones that had to wait. */
  readonly waitProbability: number
  readonly queueMax: number
  /** Completed after the caller had given up. */
  readonly wastedWork: number
  readonly ci95?: Ci95
}

export interface ArmResult {
  readonly offered: number
  readonly succeeded: number
  readonly failed: Readonly<Partial<Record<FailureReason, number>>>
  /** Calls over sync edges and deliveries of queue edges, over the whole run. */
  readonly attempts: number
  /** Attempts over what the same requests would need if nothing failed; where services differ, at the one with the most. */
  readonly amplification: number
  readonly successRatio: number
  /** From arrival until success as the arm defines it; only what succeeded. */
  readonly latencyMs: LatencySummary
  /** From arrival until the entry has answered well, whatever is still being processed. */
  readonly answerMs: LatencySummary
  readonly answered: number
  /** From the end of the last fault, or of the highest rate, until goodput stays at 0.9 of what is offered for 5 s; null: never. */
  readonly timeToRecoverMs: number | null
  readonly breakerOpens: number
  readonly deadLetters: number
  readonly backlogPeak: number
  readonly oldestAgeMaxMs: number
  readonly windows: readonly WindowResult[]
  readonly services: Readonly<Record<string, ServiceResult>>
  /** Latency at rising shares of the requests that succeeded, for plots: [share, ms]. */
  readonly ecdf: readonly (readonly [number, number])[]
  readonly ci95?: Ci95
}

/** What arithmetic says about an arm, beside the simulation. */
export interface FluidResult {
  /** No synchronous arm can do more: requests that the capacity of the services lets through, and the service that bounds them. */
  readonly bound: {
    readonly service: string
    readonly perSec: number
    readonly succeeded: number
    readonly ratio: number
  } | null
  /** Backlog of the queue edges if everything flowed evenly. */
  readonly backlogPeak: number | null
  readonly drainMs: number | null
  /** Closed forms where the arm has one. */
  readonly forms: readonly {
    readonly name: string
    readonly metric: string
    readonly predicted: number
    readonly simulated: number
  }[]
}

export interface Check {
  readonly ok: boolean
  /** The largest deviation found, and where. */
  readonly worst: number
  readonly where: string
}

export interface ExpectationResult {
  readonly claim: string
  readonly holds: boolean
  readonly seen: number
}

export interface PairedDifference {
  readonly arm: string
  readonly against: string
  readonly metric: string
  readonly mean: number
  readonly ci95: number
}

export interface LabResult {
  readonly scenario: string
  readonly description: string
  readonly mode: 'sim' | 'real'
  readonly seed: number
  readonly replications: number
  readonly arms: Readonly<Record<string, ArmResult>>
  readonly fluid: Readonly<Record<string, FluidResult>>
  readonly differences: readonly PairedDifference[]
  readonly expect: readonly ExpectationResult[]
  /** Sentences in plain words. */
  readonly verdict: readonly string[]
  readonly checks: { readonly conservation: Check; readonly little: Check; readonly capacity: Check }
  /** SHA-256 over all that is above, in canonical form; equal for equal scenario, seed and version. */
  readonly digest: string
}
