import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { catalogue } from '../../src/contracts/error-catalogue.ts'
import { readDoc, repository } from './markdown.ts'

const sections = new Map(
  readDoc('docs/errors.md')
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section]),
)

test('every code of the catalogue is explained, in the order of the alphabet', () =>
  assert.deepEqual([...sections.keys()], Object.keys(catalogue).toSorted()))

for (const [code, { kind, message, remedy }] of Object.entries(catalogue)) {
  test(`${code}: kind, message and remedy are those of the catalogue, and the rest is there`, () => {
    const section = sections.get(code) ?? ''
    assert.ok(section.includes(`\n\`${message}\`\n`), `message: ${message}`)
    assert.ok(section.includes(`\n* **Kind:** ${kind}\n`), `kind: ${kind}`)
    assert.ok(section.includes(`\n* **Do:** ${remedy}\n`), `remedy: ${remedy}`)
    assert.match(section, /\n\* \*\*When:\*\* \S.{15,}\n/)
    assert.match(section, /\n\* \*\*Meaning:\*\* \S.{10,}\n/)
  })
}

test('every code is raised somewhere', () => {
  const sources = join(repository, 'packages/firebreak/src')
  const files = globSync('**/*.ts', { cwd: sources }).filter((path) => !path.endsWith('error-catalogue.ts'))
  const text = files.map((path) => readDoc(`packages/firebreak/src/${path}`)).join('\n')
  const silent = Object.keys(catalogue).filter((code) => !text.includes(`'${code}'`))
  assert.deepEqual(silent, [])
})
