import { type Clock, sleep } from '../contracts/clock.ts'
import type { Entropy } from '../contracts/entropy.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { LogEntry } from '../contracts/log.ts'
import { partitionId } from '../contracts/log.ts'
import { ms, type NumberOption, type OptionTable, optionProblems, ratio } from '../contracts/option.ts'
import type { Around, PortCall } from './around.ts'

/** Share of the calls that suffer each fault, ratio 0..1; 0 or absent: this fault does not exist. */
export interface FaultRates {
  /** The call fails and had no effect. */
  readonly failBefore?: number
  /** The call had its effect, and fails. */
  readonly failAfter?: number
  /** A commit of the database runs, and is undone. */
  readonly failInside?: number
  /** The call takes up to `delayMaxMs` longer. */
  readonly delay?: number
  readonly delayMaxMs?: number
  /** An append is stored twice. */
  readonly duplicateAppend?: number
  /** Polled records come with their partitions in another order; the order within a partition stays. */
  readonly reorderPoll?: number
  /** The connection is away for up to `outageMaxMs`: every call fails without effect. */
  readonly outage?: number
  readonly outageMaxMs?: number
}

const share = (meaning: string): NumberOption => ratio({ least: 0, most: 1, default: 0, meaning })

export const faultOptions: OptionTable<FaultRates> = {
  failBefore: share('share of the calls that fail and had no effect'),
  failAfter: share('share of the calls that had their effect, and fail'),
  failInside: share('share of the commits that run, and are undone'),
  delay: share('share of the calls that take longer'),
  delayMaxMs: ms({ least: 1, default: 100, meaning: 'how much longer at most' }),
  duplicateAppend: share('share of the appends that are stored twice'),
  reorderPoll: share('share of the polls whose partitions come in another order'),
  outage: share('share of the calls at which an outage begins'),
  outageMaxMs: ms({ least: 1, default: 10_000, meaning: 'how long an outage lasts at most' }),
}

export interface FaultCounts {
  [fault: string]: number
}

/**
 * Draws which faults exist at all (a swarm) and how frequent they are: runs with few kinds of faults reach states that
 * runs with all kinds never reach.
 *
 * **Source** A. Groce et al., "Swarm Testing", ISSTA 2012
 */
export function drawFaultRates(entropy: Pick<Entropy, 'random'>, rateMax: number = 0.05): FaultRates {
  const drawn = (most: number): number => (entropy.random() < 0.5 ? entropy.random() * most : 0)
  return {
    failBefore: drawn(rateMax),
    failAfter: drawn(rateMax),
    failInside: drawn(rateMax),
    delay: drawn(rateMax * 4),
    delayMaxMs: 1 + Math.floor(entropy.random() * 200),
    duplicateAppend: drawn(rateMax),
    reorderPoll: drawn(1),
    outage: drawn(rateMax / 20),
    outageMaxMs: 1 + Math.floor(entropy.random() * 20_000),
  }
}

/**
 * Faults on every port call, drawn from `entropy`; put it between an instance and its ports with `aroundLog` and
 * `aroundDatabase`. `counts` says which struck, so that a test can assert that they did.
 */
export class Faults implements Around {
  readonly counts: FaultCounts = {}
  readonly #rates: FaultRates
  readonly #clock: Clock
  readonly #entropy: Pick<Entropy, 'random'>
  readonly #awayUntilMs: Record<'log' | 'database', number> = { log: 0, database: 0 }
  #off = false

  constructor(rates: FaultRates, deps: { clock: Clock; entropy: Pick<Entropy, 'random'> }) {
    const problems = optionProblems(faultOptions, rates, 'faults.')
    if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
    this.#rates = rates
    this.#clock = deps.clock
    this.#entropy = deps.entropy
  }

  /** From here on everything works: a run can end. */
  stop(): void {
    this.#off = true
  }

  async call<T>(call: PortCall, run: () => Promise<T>): Promise<T> {
    if (this.#off || call.method === 'close') return run()
    const { failBefore, failAfter, failInside, delay, delayMaxMs = 100, duplicateAppend } = this.#rates
    if (this.#strikes('delay', delay)) await sleep(this.#clock, 1 + this.#entropy.random() * delayMaxMs)
    if (this.#isAway(call) || this.#strikes('failBefore', failBefore)) throw connectionLost(call)
    if (call.method === 'append' && this.#strikes('duplicateAppend', duplicateAppend)) await run()
    if (call.failInside !== undefined && this.#strikes('failInside', failInside)) call.failInside(connectionLost(call))
    const result = await run()
    // What no adapter may do: lose records that a poll handed out, or reject a commit of the database that has happened.
    const isBinding =
      call.method === 'poll' || call.method === 'open' || (call.port === 'database' && call.method === 'commit')
    if (!isBinding && this.#strikes('failAfter', failAfter)) throw connectionLost(call)
    return call.method === 'poll' ? (this.#reordered(result as readonly LogEntry[]) as T) : result
  }

  #isAway({ port }: PortCall): boolean {
    const side = port === 'database' ? 'database' : 'log'
    const nowMs = this.#clock.monotonic()
    const { outage, outageMaxMs = 10_000 } = this.#rates
    if (nowMs < this.#awayUntilMs[side]) return true
    if (!this.#strikes('outage', outage)) return false
    this.#awayUntilMs[side] = nowMs + this.#entropy.random() * outageMaxMs
    return true
  }

  #reordered(entries: readonly LogEntry[]): readonly LogEntry[] {
    if (entries.length < 2 || !this.#strikes('reorderPoll', this.#rates.reorderPoll)) return entries
    const byPartition = Map.groupBy(entries, partitionId)
    const ranked = [...byPartition.values()].map((list) => ({ rank: this.#entropy.random(), list }))
    return ranked.sort((a, b) => a.rank - b.rank).flatMap(({ list }) => list)
  }

  #strikes(fault: string, rate = 0): boolean {
    if (this.#off || rate === 0 || this.#entropy.random() >= rate) return false
    this.counts[fault] = (this.counts[fault] ?? 0) + 1
    return true
  }
}

function connectionLost({ port, method }: PortCall): FirebreakError {
  const reason = `planted fault in ${method}`
  if (port === 'database') return new FirebreakError('FB_DATABASE_UNAVAILABLE', { path: 'test', reason })
  return new FirebreakError('FB_LOG_UNAVAILABLE', { path: 'test', reason })
}
