import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { tableLines } from '../../src/cli/program/table.ts'
import { cut, widthOf, wrap } from '../../src/cli/program/text-width.ts'
import { hostileScene } from './hostile-text.ts'
import { filledScene, run, type Scene, scratch } from './scene.ts'

let scenes: readonly Scene[]
before(async () => {
  scenes = [await filledScene(scratch()), (await hostileScene(scratch(), 200)).scene]
})

const lines = [
  ...['dlq list --max 200', 'dlq list --group', 'verify', 'verify --partitions', 'describe'],
  ...['topics', 'topics orders', 'topics --plan', 'tail orders --from earliest --no-follow', 'help', 'dlq', 'lab'],
  ...[
    'dlq list --help',
    'verify --help',
    'outbox edit --help',
    'schedules list --help',
    'tail --help',
    'topics --help',
    'lab list --help',
  ],
  ...['lab run --help', 'lab sweep --help'],
]

for (const columns of [80, 120])
  for (const line of lines)
    test(`${line} holds ${columns} columns`, async () => {
      for (const scene of scenes) {
        const { out } = await run(scene, line.split(' '), { isTty: true, columns })
        assert.notEqual(out, '')
        const tooWide = stripVTControlCharacters(out)
          .split('\n')
          .filter((text) => widthOf(text) > columns)
        assert.deepEqual(tooWide, [])
      }
    })

test('text is as wide as a terminal draws it, and is cut and wrapped at that', () => {
  assert.deepEqual(['abc', 'Köln', 'Ko\u0308ln', '東京', '🚚'].map(widthOf), [3, 4, 4, 4, 2])
  assert.deepEqual([cut('abcdef', 4), cut('abcd', 4), cut('東京都', 4), cut('ab', 0)], ['abc…', 'abcd', '東…', ''])
  assert.deepEqual(wrap('one two three', 7), ['one two', 'three'])
  assert.deepEqual(wrap('a-word-that-is-long b', 5), ['a-word-that-is-long', 'b'])
})

test('a table gives up optional columns, then puts one below, then puts a row on lines of its own', () => {
  const style = { bold: String, dim: String, red: String, green: String, yellow: String, cyan: String }
  const columns = [
    { title: 'ID' },
    { title: '+', optional: true },
    { title: 'KEY', flexible: true },
    { title: 'ERROR', flexible: true, below: true },
  ]
  const rows = [['abcdefgh', '+', 'k'.repeat(20), 'm'.repeat(40)]]
  const rest = [['abcdefgh', '+', 'k'.repeat(20), '']]
  const at = (width: number, shown = rows): readonly string[] => {
    const { head, body } = tableLines(columns, shown, { width, style })
    return [...head, ...body].map((parts) => parts.join('').trimEnd())
  }
  assert.deepEqual(at(Number.POSITIVE_INFINITY), [
    'ID        +  KEY                   ERROR',
    `abcdefgh  +  ${'k'.repeat(20)}  ${'m'.repeat(40)}`,
  ])
  assert.deepEqual(at(54), ['ID        KEY           ERROR', `abcdefgh  ${'k'.repeat(11)}…  ${'m'.repeat(29)}…`])
  assert.deepEqual(at(40), ['ID        KEY', `abcdefgh  ${'k'.repeat(20)}`, `  ${'m'.repeat(37)}…`])
  assert.deepEqual(at(40, [...rows, ...rest]).slice(3), [`abcdefgh  ${'k'.repeat(20)}`])
  assert.deepEqual(at(15), ['ID     abcdefgh', `KEY    ${'k'.repeat(7)}…`, `ERROR  ${'m'.repeat(7)}…`])
})
