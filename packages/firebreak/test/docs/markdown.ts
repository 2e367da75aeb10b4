import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const repository: string = join(import.meta.dirname, '../../../..')

export const readDoc = (path: string): string => readFileSync(join(repository, path), 'utf8')

interface Block {
  readonly language: string
  /** What stands behind the language: the file that the block belongs to. */
  readonly file: string
  /** The word behind the file: what it needs to run. */
  readonly needs: string
  readonly text: string
}

/** The fenced blocks of a page, in order. */
export function blocksOf(markdown: string): readonly Block[] {
  return [...markdown.matchAll(/^```(\w+)(?: (\S+))?(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', file = '', needs = '', text = '']) => ({ language, file, needs, text }),
  )
}

/** The rows of the table behind a heading, cells trimmed, without its head. */
export function tableOf(markdown: string, heading: string): readonly (readonly string[])[] {
  const from = markdown.indexOf(`\n${heading}\n`)
  if (from < 0) throw new Error(`there is no heading "${heading}"`)
  const lines = markdown.slice(from + 1).split('\n')
  const start = lines.findIndex((line) => line.startsWith('|'))
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'))
  return lines.slice(start + 2, end < 0 ? undefined : end).map(cellsOf)
}

// A bar inside a code span is written `\|`.
const cellsOf = (line: string): readonly string[] =>
  line
    .slice(1, line.lastIndexOf('|'))
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'))
