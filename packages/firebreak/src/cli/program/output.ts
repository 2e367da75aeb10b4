import { visible, visibleJson, visibleLine } from '../../contracts/text/visible.ts'
import type { Io } from '../../node/process.ts'
import { type ListDocument, listDocument } from './list-document.ts'
import { type Part, type Style, styleOf, written } from './paint.ts'
import { type Column, tableLines } from './table.ts'

/**
 * The only way out of a command: data to `line`, `block`, `table` and `document`, messages for people to `note`.
 *
 * **Guarantee** Beside `bytes` into a pipe or a file, nothing of data reaches the outside as a control character.
 */
export interface Output {
  readonly json: boolean
  readonly style: Style
  /** One line, whatever is in its parts. */
  line(...parts: readonly Part[]): void
  /** Text of several lines. */
  block(...parts: readonly Part[]): void
  /** `isMore`: the rows go on from a table before. */
  table(columns: readonly Column[], rows: readonly (readonly string[])[], isMore?: boolean): void
  /** The one document of `--json`. */
  document(value: unknown): void
  /** A document of `--json` with a long list in it, written while it grows. */
  openList(head: Readonly<Record<string, unknown>>, name: string): ListDocument
  /** JSON text that fills a line. */
  jsonLine(json: string): void
  /** Bytes as they are; on a terminal, where they would be commands, as text that is safe to show. */
  bytes(value: Uint8Array): void
  note(text: string): void
  /** Replaces the last line of the terminal that messages go to; '' removes it. Nothing where there is no terminal. */
  progress(text: string): void
  /** Asks, and resolves to the line typed. */
  ask(question: string): Promise<string>
}

export function outputOf(io: Io, options: { readonly json: boolean; readonly color: boolean }): Output {
  const { env } = io
  const isForced = !['', '0', 'false'].includes(env['FORCE_COLOR'] ?? '')
  const allowed = (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb' && options.color && !options.json
  const style = styleOf((io.isTty || isForced) && allowed)
  const line = (...parts: readonly Part[]): void => io.out(`${written(parts, visibleLine)}\n`)
  return {
    json: options.json,
    style,
    line,
    block: (...parts) => io.out(`${written(parts, visible)}\n`),
    table: (columns, rows, isMore = false) => {
      const clean = rows.map((row) => row.map((cell) => visibleLine(cell.replace(/\s*[\r\n]+\s*/g, ' '))))
      const { head, body } = tableLines(columns, clean, { width: io.columns, style })
      for (const parts of [...(isMore ? [] : head), ...body]) io.out(`${written(parts, visibleLine).trimEnd()}\n`)
    },
    document: (value) => io.out(`${visibleJson(JSON.stringify(value, null, 2))}\n`),
    openList: (head, name) => listDocument((json) => io.out(visibleJson(json)), head, name),
    jsonLine: (json) => io.out(`${visibleJson(json)}\n`),
    bytes: (value) => io.out(io.isTty ? visible(decoder.decode(value)) : value),
    note: (text) => io.err(`${visible(text)}\n`),
    progress: (text) => {
      if (io.canAsk) io.err(`${clearLine}${visibleLine(text)}`)
    },
    ask: (question) => io.ask(visible(question)),
  }
}

const decoder = new TextDecoder()
const clearLine = '\r\u001b[2K'

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

/** What went wrong, in the order in which people read it: the message says more than the class. */
export const failureText = ({ message, errorClass }: { message: string; errorClass: string }): string =>
  `${message} (${errorClass})`

/** As a shell takes it. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
