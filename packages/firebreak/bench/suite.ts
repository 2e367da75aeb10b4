import { median } from './settings.ts'

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

  median(name: string): number {
    return median(this.#seen.get(name) ?? [])
  }

  all(): Readonly<Record<string, readonly number[]>> {
    return Object.fromEntries(this.#seen)
  }
}

export const ratio = (a: number, b: number): number => Math.round((a / b) * 1000) / 1000
