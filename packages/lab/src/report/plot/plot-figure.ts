import type { ReportTable } from '../parts/report-table.ts'

/** A plot with everything that belongs to it. */
export interface Figure {
  readonly title: string
  /** What it shows and how to read it. */
  readonly caption: string
  readonly legend: readonly LegendEntry[]
  /** One drawing below the other. */
  readonly panels: readonly Panel[]
  /** What is drawn, as text. */
  readonly table: ReportTable
}

export interface Panel {
  /** null: the figure's title says it all. */
  readonly title: string | null
  /** Markup. null: there is nothing to draw, and `note` says why. */
  readonly svg: string | null
  readonly note?: string
}

export interface LegendEntry {
  readonly label: string
  readonly sample: 'line' | 'area' | 'dot' | 'triangle' | 'band' | 'bar' | 'shades' | 'cross'
  /** A custom property of the page. */
  readonly color: string
  readonly dash?: string
}

// Lines differ by their dashes too, so that nothing depends on colour alone.
const dashes = ['', '7 3', '2 3', '9 3 2 3', '14 4', '5 2 1 2', '1 5', '12 3 2 3 2 3'] as const

/** The line of an arm, by its place in the scenario; from the ninth arm on they repeat. */
export function armLine(index: number): { readonly color: string; readonly dash: string } {
  return { color: `var(--arm${index % dashes.length})`, dash: dashes[index % dashes.length] ?? '' }
}

/** As much of a name as fits beside an axis; the tables have it all. */
export function short(name: string, max: number): string {
  // Names of one system often begin alike and differ at the end.
  const tail = Math.ceil((max - 1) / 2)
  return name.length <= max ? name : `${name.slice(0, max - 1 - tail)}…${name.slice(-tail)}`
}
