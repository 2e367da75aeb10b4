import { count } from '../analysis/report-figures.ts'
import type { LabResult } from '../model/result.ts'
import type { ReportTable } from './parts/report-table.ts'
import { armsTable, checksTable, expectationsTable, failuresTable, formsTable } from './parts/report-tables.ts'

const widthMin = 60
const gap = '  '
// Names and claims give way to figures where there is no room for both.
const nameMax = 30

/**
 * A result for a terminal, in plain text.
 *
 * **Units** `width` in characters; below 60 counts as 60. No line is longer.
 */
export function reportLines(result: LabResult, givenWidth: number): readonly string[] {
  const width = Math.max(widthMin, Math.floor(Number.isFinite(givenWidth) ? givenWidth : widthMin))
  const { scenario, description, mode, seed, replications, verdict } = result
  const runs = replications === 1 ? '1 replication' : `mean of ${count(replications)} replications ± 95 % confidence`
  const section = (lines: readonly string[]): readonly string[] => (lines.length === 0 ? [] : ['', ...lines])
  const table = (one: ReportTable | undefined): readonly string[] =>
    one === undefined ? [] : section([one.title, ...tableLines(one, width)])
  return [
    ...wrapped(scenario, width),
    ...(description === '' ? [] : wrapped(description, width)),
    ...wrapped(`${mode}, seed ${seed}, ${runs}`, width),
    ...table(armsTable(result)),
    ...table(failuresTable(result)),
    ...table(formsTable(result)),
    ...table(expectationsTable(result)),
    ...table(checksTable(result)),
    ...section(verdict.length === 0 ? [] : ['Verdict', ...verdict.flatMap((one) => wrapped(one, width, '* '))]),
    '',
    ...wrapped(`digest ${result.digest}`, width),
  ]
}

function tableLines(table: ReportTable, width: number): readonly string[] {
  const shown = { ...table, rows: table.rows.map((row) => row.map(clean)) }
  const wide = laidOut(shown)
  if (fits(wide, width)) return wide
  // The last column of words may be wrapped, if that leaves it enough to be read.
  const narrow = wrappedColumn(shown, width)
  if (narrow !== undefined) return narrow
  return turned(shown, width)
}

const fits = (lines: readonly string[], width: number): boolean => lines.every((line) => line.length <= width)

function widthsOf({ columns, rows }: ReportTable): readonly number[] {
  return columns.map(({ title }, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)))
}

function laidOut(table: ReportTable): readonly string[] {
  const widths = widthsOf(table)
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => padded(cell, widths[at] ?? 0, table.columns[at]?.align))
      .join(gap)
      .trimEnd()
  return [line(table.columns.map(({ title }) => title)), ...table.rows.map(line)]
}

const padded = (text: string, width: number, align: string | undefined): string =>
  align === 'right' ? text.padStart(width) : text.padEnd(width)

// Only tables of sentences: with figures in most columns a turned table reads better.
function wrappedColumn(table: ReportTable, width: number): readonly string[] | undefined {
  const widths = widthsOf(table)
  const at = widths.indexOf(Math.max(...widths))
  const others = widths.reduce((sum, one, index) => sum + (index === at ? 0 : one + gap.length), 0)
  const left = width - others
  if (left < nameMax || table.columns[at]?.align === 'right' || table.columns.length > 4) return undefined
  const rows = table.rows.flatMap((row) => {
    const parts = wrapped(row[at] ?? '', left)
    return parts.map((part, index) => row.map((cell, column) => (column === at ? part : index === 0 ? cell : '')))
  })
  return laidOut({ ...table, rows })
}

/** Rows become columns; as many beside each other as fit, the rest below. */
function turned({ title, columns, rows }: ReportTable, width: number): readonly string[] {
  const names = columns.map((column) => column.title)
  const first = Math.max(...names.map((name) => name.length))
  const room = width - first - gap.length
  const lines: string[] = []
  for (let at = 0; at < rows.length; ) {
    const cells: (readonly string[])[] = []
    let used = 0
    for (; at < rows.length; at++) {
      const next = (rows[at] ?? []).map((cell) => cell)
      const size = Math.min(room, nameMax, Math.max(...next.map((cell) => cell.length)))
      if (cells.length > 0 && used + size + gap.length > room) break
      cells.push(next)
      used += size + (cells.length > 1 ? gap.length : 0)
    }
    if (lines.length > 0) lines.push('')
    lines.push(...block(names, cells, { title, first, columnMax: Math.min(room, nameMax) }))
  }
  return lines
}

function block(
  names: readonly string[],
  columns: readonly (readonly string[])[],
  sizes: { readonly title: string; readonly first: number; readonly columnMax: number },
): readonly string[] {
  const { first, columnMax } = sizes
  const widths = columns.map((cells) => Math.min(columnMax, Math.max(...cells.map((cell) => cell.length))))
  return names.flatMap((name, row) => {
    const parts = columns.map((cells, at) => wrapped(cells[row] ?? '', widths[at] ?? columnMax))
    const height = Math.max(...parts.map(({ length }) => length))
    return Array.from({ length: height }, (_, line) => {
      const cells = parts.map((part, at) => (part[line] ?? '').padStart(widths[at] ?? 0))
      return [(line === 0 ? name : '').padEnd(first), ...cells].join(gap).trimEnd()
    })
  })
}

/** Lines of at most `width`; a word that is longer is cut into pieces. */
function wrapped(text: string, width: number, bullet = ''): readonly string[] {
  const room = width - bullet.length
  const lines: string[] = []
  let line = ''
  for (const word of clean(text).split(' ')) {
    let rest = word
    if (line !== '' && line.length + 1 + rest.length > room) {
      lines.push(line)
      line = ''
    }
    for (; rest.length > room; rest = rest.slice(room)) lines.push(rest.slice(0, room))
    line = line === '' ? rest : `${line} ${rest}`
  }
  lines.push(line)
  return lines.map((one, at) => `${at === 0 ? bullet : ' '.repeat(bullet.length)}${one}`)
}

// What would move the cursor or turn text around becomes visible or a blank.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
const controls = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g
const clean = (text: string): string => text.replace(controls, ' ').trim()
