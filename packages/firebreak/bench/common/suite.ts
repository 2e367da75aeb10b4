import { median, round3 } from './settings.ts'

/** Named figures in the order in which they are shown. */
export type Figures = Readonly<Record<string, number | string | boolean>>

export interface Goal {
  readonly name: string
  readonly text: string
  readonly holds: (figures: Figures) => boolean
}

export interface SuiteOptions {
  /** Rounds of the short measurements; the median counts. */
  readonly rounds: number
  /** Rows or records in the large backlog. */
  readonly backlog: number
  /** Share of the usual number of events: 1, or less for a quick look. */
  readonly share: number
  readonly say: (line: string) => void
}

export interface SuiteResult {
  readonly figures: Figures
  readonly ratios: Figures
  /** Every round's values of what figures are medians of. */
  readonly rounds: Readonly<Record<string, readonly number[]>>
  readonly settings: Readonly<Record<string, unknown>>
}

export interface Suite {
  readonly name: string
  readonly goals: readonly Goal[]
  /** What it needs and does not find; undefined when it can run. */
  missing(): string | undefined
  run(options: SuiteOptions): Promise<SuiteResult>
}

/** Every figure of every round, so that a run shows how far apart they were. */
export class Rounds {
  readonly #seen = new Map<string, number[]>()

  add(name: string, value: number): void {
    const values = this.#seen.get(name)
    if (values === undefined) this.#seen.set(name, [value])
    else values.push(value)
  }

  /** A measurement, to be taken when it is called. */
  taking(name: string, measure: () => Promise<number> | number): () => Promise<void> {
    return async () => this.add(name, await measure())
  }

  median(name: string): number {
    return median(this.#seen.get(name) ?? [])
  }

  /** The median, and between what it lies. */
  spread(name: string): Figures {
    const values = this.#seen.get(name) ?? []
    return {
      [name]: round3(this.median(name)),
      [`${name}Min`]: round3(Math.min(...values)),
      [`${name}Max`]: round3(Math.max(...values)),
    }
  }

  /**
   * The spread of the ratio of two figures, taken in each round: what slows the machine down for a while slows both down, and
   * the ratio of their medians may be one of two different moments.
   */
  ratios(name: string, over: string, under: string): Figures {
    const unders = this.#seen.get(under) ?? []
    for (const [i, value] of (this.#seen.get(over) ?? []).entries()) this.add(name, value / (unders[i] ?? Number.NaN))
    return this.spread(name)
  }

  all(): Readonly<Record<string, readonly number[]>> {
    return Object.fromEntries(this.#seen)
  }
}

/** How ratios come about, for the settings of a suite. */
export const everyRound =
  'of each round; the median counts, and each pair is measured in the other order every other round'

/**
 * Takes the measurements that are compared, every other round from the last one to the first: who is always first meets
 * caches, files and a machine in another state.
 */
export async function alternately(round: number, measurements: readonly (() => Promise<void>)[]): Promise<void> {
  for (const measure of round % 2 === 1 ? measurements : measurements.toReversed()) await measure()
}
