/**
 * Writes docs/options.md: every option that has a range, from the tables that also check them.
 *
 *     node scripts/options-page.ts            writes it
 *     node scripts/options-page.ts --check    fails when it is out of date
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Option } from '../packages/firebreak/src/contracts/option.ts'
import { type OptionArea, optionAreas } from './option-tables.ts'

const page = join(import.meta.dirname, '../docs/options.md')
const marks = ['<!-- options: node scripts/options-page.ts -->\n', '<!-- end of options -->'] as const

const before = readFileSync(page, 'utf8')
const [head, rest] = before.split(marks[0])
const tail = rest?.slice(rest.indexOf(marks[1]))
if (head === undefined || tail === undefined) throw new Error('docs/options.md has no place for the options')
const after = `${head}${marks[0]}\n${optionAreas.map(section).join('')}${tail}`
if (!process.argv.includes('--check')) writeFileSync(page, after)
else if (before !== after) {
  console.error('docs/options.md is out of date. Run: npm run docs')
  process.exit(1)
}

function section({ place, table }: OptionArea): string {
  const rows = Object.entries(table).flatMap(([name, option]) => rowOf(name, option))
  if (rows.length === 0) return ''
  return `## \`${place}\`\n\n| option | unit | least | most | default | what it is |\n|---|---|---|---|---|---|\n${rows.join('')}\n`
}

function rowOf(name: string, option: Option): readonly string[] {
  if (option.kind === 'other') return []
  const cells = option.kind === 'number' ? numberCells(option) : wordCells(option)
  return [`| \`${name}\` | ${[...cells, option.meaning].join(' | ')} |\n`]
}

function numberCells(option: Extract<Option, { kind: 'number' }>): readonly string[] {
  const { unit, least, most, or = [], hasFractions } = option
  const besides = or.map((value) => ` or \`${value}\``).join('')
  const given = 'default' in option ? `${option.default}` : 'has to be given'
  return [
    `${unit}${hasFractions ? `${unit === '' ? '' : ', '}fractions too` : ''}`,
    `${least}`,
    `${most}${besides}`,
    given,
  ]
}

function wordCells(option: Extract<Option, { kind: 'choice' | 'flag' }>): readonly string[] {
  const values = option.kind === 'choice' ? option.choices : ['true', 'false']
  return [values.map((value) => `\`${value}\``).join(', '), '', '', `\`${option.default}\``]
}
