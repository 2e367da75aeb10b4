import type { Paint, Part, Style } from './paint.ts'
import { cut, widthOf } from './text-width.ts'

export interface Column {
  readonly title: string
  readonly align?: 'right'
  /** Gives way first when the terminal is too narrow. */
  readonly flexible?: boolean
  /** Is left out when the terminal is too narrow. */
  readonly optional?: boolean
  /** Stands on a line of its own under each row when the terminal leaves it little room. */
  readonly below?: boolean
  readonly paint?: Paint
}

interface Screen {
  readonly width: number
  readonly style: Style
}

interface Table {
  readonly head: readonly (readonly Part[])[]
  readonly body: readonly (readonly Part[])[]
}

type Rows = readonly (readonly string[])[]

const gap = '  '
const flexibleMin = 12
// Once nothing else can give way.
const flexibleLeast = 6
const belowMin = 30

/** The lines of a table; none is wider than the screen. */
export function tableLines(columns: readonly Column[], rows: Rows, { width, style }: Screen): Table {
  const natural = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => widthOf(row[i] ?? ''))))
  const all = columns.map((_, i) => i)
  const needed = all.filter((i) => columns[i]?.optional !== true)
  const above = needed.filter((i) => columns[i]?.below !== true)
  for (const [shown, least] of [
    [all, flexibleMin],
    [needed, flexibleMin],
    [above, flexibleLeast],
  ] as const) {
    const widths = fitted({ columns, natural, shown, least }, width)
    if (widths !== undefined) return grid({ columns, rows, shown, widths }, { width, style })
  }
  return { head: [], body: rows.flatMap((row, n) => record(columns, row, { width, style }, n)) }
}

interface Fit {
  readonly columns: readonly Column[]
  readonly natural: readonly number[]
  readonly shown: readonly number[]
  /** What is left of a flexible column. */
  readonly least: number
}

/** The widths with which the columns fit; undefined where they do not. */
function fitted({ columns, natural, shown, least }: Fit, width: number): readonly number[] | undefined {
  const widths = shown.map((i) => natural[i] ?? 0)
  const leastOf = ({ flexible, below }: Column = { title: '' }): number =>
    flexible !== true ? Number.POSITIVE_INFINITY : below === true ? belowMin : least
  let excess = widths.reduce((sum, each) => sum + each, 0) + gap.length * (shown.length - 1) - width
  for (; excess > 0; excess--) {
    let widest = -1
    for (const [n, each] of widths.entries())
      if (each > leastOf(columns[shown[n] ?? 0]) && each > (widths[widest] ?? 0)) widest = n
    if (widest < 0) return undefined
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

interface Grid {
  readonly columns: readonly Column[]
  readonly rows: Rows
  /** Positions of the columns that stand beside each other, and how wide each is. */
  readonly shown: readonly number[]
  readonly widths: readonly number[]
}

function grid({ columns, rows, shown, widths }: Grid, { width, style }: Screen): Table {
  const cells = (row: readonly string[], paint: (column: Column, cell: string) => Part): Part[] =>
    shown.flatMap((i, n) => {
      const [column, room] = [columns[i] ?? { title: '' }, widths[n] ?? 0]
      const text = cut(row[i] ?? '', room)
      const blank = ' '.repeat(room - widthOf(text))
      const cell = column.align === 'right' ? [blank, paint(column, text)] : [paint(column, text), blank]
      return n === 0 ? cell : [gap, ...cell]
    })
  const painted = (column: Column, cell: string): Part => column.paint?.(cell) ?? cell
  const beneath = columns.flatMap((column, i) => (column.below === true && !shown.includes(i) ? [i] : []))
  return {
    head: [
      cells(
        columns.map(({ title }) => title),
        (_, cell) => style.dim(cell),
      ),
    ],
    body: rows.flatMap((row) => [
      cells(row, painted),
      ...beneath
        .filter((i) => (row[i] ?? '') !== '')
        .map((i) => [gap, painted(columns[i] ?? { title: '' }, cut(row[i] ?? '', width - gap.length))]),
    ]),
  }
}

/** One row as lines of its own, where the columns do not fit beside each other. */
function record(columns: readonly Column[], row: readonly string[], { width, style }: Screen, n: number): Part[][] {
  const names = columns.map(({ title }) => title.trim())
  const nameWidth = Math.min(Math.max(...names.map(widthOf)), Math.floor(width / 2))
  const lines = columns.flatMap((column, i): Part[][] => {
    if (column.optional === true) return []
    const name = cut(names[i] ?? '', nameWidth)
    const cell = cut((row[i] ?? '').trim(), Math.max(1, width - nameWidth - gap.length))
    return [[style.dim(name), ' '.repeat(nameWidth - widthOf(name)), gap, column.paint?.(cell) ?? cell]]
  })
  return n === 0 ? lines : [[], ...lines]
}
