import type { Io } from '../node/process.ts'

type Paint = (text: string) => string

/** Colours of the terminal, or nothing where they do not belong. */
export interface Style {
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly green: Paint
  readonly yellow: Paint
  readonly cyan: Paint
}

export interface Column {
  readonly title: string
  readonly align?: 'right'
  /** Gives way first when the terminal is too narrow. */
  readonly flexible?: boolean
  readonly paint?: (text: string) => string
}

/** Where a command writes: data to `line`, `table` and `document`, messages for people to `note`. */
export interface Output {
  readonly json: boolean
  readonly style: Style
  line(text?: string): void
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void
  /** The one document of `--json`. */
  document(value: unknown): void
  note(text: string): void
  /** Text from elsewhere, safe to show: on a terminal it must not move the cursor or set colours. */
  safe(text: string): string
}

export function outputOf(io: Io, options: { readonly json: boolean; readonly color: boolean }): Output {
  const { env } = io
  const allowed = (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb' && options.color && !options.json
  const style = styleOf(io.isTty && allowed)
  const safe = (text: string): string => (io.isTty ? text.replace(controls, visible) : text)
  const line = (text = ''): void => io.out(`${text}\n`)
  return {
    json: options.json,
    style,
    line,
    table: (columns, rows) => {
      const clean = rows.map((row) => row.map((cell) => safe(cell.replace(/\s*[\r\n]+\s*/g, ' '))))
      for (const text of tableLines(columns, clean, { width: io.columns, style })) line(text)
    },
    document: (value) => line(JSON.stringify(value, null, 2)),
    note: (text) => io.err(`${io.canAsk ? text.replace(controls, visible) : text}\n`),
    safe,
  }
}

// Everything of C0 and C1 but tab, line feed and carriage return before it, and the marks that turn text around.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
const controls = /\r(?!\n)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g
const visible = (found: string): string => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`

function styleOf(colored: boolean): Style {
  const paint = (open: number, close: number): Paint =>
    colored ? (text) => `\u001b[${open}m${text}\u001b[${close}m` : (text) => text
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
  }
}

const gap = '  '
const flexibleMin = 12

function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  screen: { readonly width: number; readonly style: Style },
): string[] {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => lengthOf(row[i] ?? ''))))
  shrink(columns, widths, screen.width)
  const cells = (row: readonly string[], paint: (column: Column, cell: string) => string): string =>
    columns
      .map((column, i) => {
        const text = cut(row[i] ?? '', widths[i] ?? 0)
        const blank = ' '.repeat((widths[i] ?? 0) - lengthOf(text))
        return column.align === 'right' ? blank + paint(column, text) : paint(column, text) + blank
      })
      .join(gap)
      .trimEnd()
  const head = cells(
    columns.map(({ title }) => title),
    (_, cell) => screen.style.dim(cell),
  )
  return [head, ...rows.map((row) => cells(row, (column, cell) => column.paint?.(cell) ?? cell))]
}

function shrink(columns: readonly Column[], widths: number[], width: number): void {
  const total = (): number => widths.reduce((sum, each) => sum + each, 0) + gap.length * (columns.length - 1)
  while (total() > width) {
    let widest = -1
    for (const [i, each] of widths.entries()) {
      if (columns[i]?.flexible === true && each > flexibleMin && each > (widths[widest] ?? 0)) widest = i
    }
    if (widest < 0) return
    widths[widest] = (widths[widest] ?? 0) - 1
  }
}

const lengthOf = (text: string): number => [...text].length

/** At most `width` characters, the last one an ellipsis where something was cut off. */
export function cut(text: string, width: number): string {
  if (lengthOf(text) <= width) return text
  return `${[...text].slice(0, Math.max(0, width - 1)).join('')}…`
}

/** 1 234 567 */
export const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ' ')

/** `1 letter`, `2 letters`. */
export const counted = (n: number, noun: string): string => `${grouped(n)} ${noun}${n === 1 ? '' : 's'}`

/** The largest unit that fits: `45 s`, `3 min`, `2 h`, `5 d`. */
export function duration(ms: number): string {
  const units: readonly [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ]
  const [size, name] = units.find(([unit]) => ms >= unit) ?? [1, 'ms']
  return `${Math.floor(Math.max(0, ms) / size)} ${name}`
}

/** As a shell takes it. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
