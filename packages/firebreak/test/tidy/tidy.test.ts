import assert from 'node:assert/strict'
import { test } from 'node:test'
import { floorRules } from './floors.ts'
import { cycleRule, deadExportRule, deadFileRule } from './graph.ts'
import { largestFolder, roomRules } from './rooms.ts'
import { shapeRules, sizes } from './shape.ts'
import { tokenRules } from './tokens.ts'
import { readTree, type Tree, type Violation } from './tree.ts'
import { wordRules } from './words.ts'

const tree = readTree()

const holds = (name: string, rule: (tree: Tree) => readonly Violation[]): void =>
  test(name, () => {
    const found = rule(tree).map(({ rule, at, says }) => `${at}  ${rule}: ${says}`)
    assert.ok(found.length === 0, `\n${found.join('\n')}\n`)
  }) as unknown as void

test('there is something to check', (t) => {
  assert.ok(tree.sources.size > 100, `${tree.sources.size} sources`)
  for (const line of [...sizes(tree), largestFolder(tree)]) t.diagnostic(line)
})

holds('a file imports its own folder and lower floors only', floorRules)
holds('a folder holds few files, and folders import each other in one direction', roomRules)
holds('imports never go round, types included', cycleRule)
holds('every file can be reached from something that starts', deadFileRule)
holds('every export is imported somewhere', deadExportRule)
holds('files, functions, parameter lists and ports stay small', shapeRules)
holds('time, chance and the machine are reached through their replacements', tokenRules)
holds('terms are those of the field', wordRules)
