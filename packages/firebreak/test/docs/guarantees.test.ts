import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { handle } from '../../src/define/handle.ts'
import { service } from '../../src/define/service.ts'
import { retryDefaults } from '../../src/policy/definition/retry.ts'
import { limitDefaults } from '../../src/runtime/instance/limits.ts'
import { databaseConformance } from '../../src/testing/conformance/database-conformance.ts'
import { readDoc, repository, tableOf } from './markdown.ts'

const page = readDoc('docs/guarantees.md')
const rows = tableOf(page, '## What is guaranteed')

test('guarantees are numbered without a gap', () =>
  assert.deepEqual(
    rows.map(([id]) => id),
    rows.map((_, index) => `G${index + 1}`),
  ))

for (const [id, claim = '', , tests = ''] of rows) {
  test(`${id}: the tests that it names exist`, () => {
    assert.ok(claim.length > 20, claim)
    assertTestsExist(tests)
  })
}

for (const [does = '', what = '', tests = ''] of tableOf(page, '## What user code may do')) {
  test(`user code ${does}: the tests that are named exist`, () => {
    assert.ok(what.length > 20, what)
    assertTestsExist(tests)
  })
}

function assertTestsExist(tests: string): void {
  for (const one of tests.split('<br>')) {
    const [, path = '', name = ''] =
      /^`([\w/.-]+\.test\.ts|database conformance)`: (.+)$/.exec(one) ?? assert.fail(`not a test: ${one}`)
    if (path === 'database conformance') {
      assert.ok(
        databaseConformance.some((it) => it.name === name),
        `no case of the conformance suite is "${name}"`,
      )
      continue
    }
    const file = `packages/firebreak/test/${path}`
    assert.ok(existsSync(join(repository, file)), `${file} does not exist`)
    assert.ok(namesTest(readDoc(file), name), `${file} has no test "${name}"`)
  }
}

const named = /\btest\(\s*(?:'((?:[^'\\]|\\.)+)'|"([^"]+)"|`([^`]+)`)/g

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** A name that is made for each of many tests stands for all of them: where it has a value, any text may be. */
function namesTest(text: string, name: string): boolean {
  return [...text.matchAll(named)].some(([, single, double, template]) => {
    if (template === undefined || template === name) return (single ?? double ?? template) === name
    const parts = template.split(/\$\{(?:[^{}]|\{[^}]*\})*\}/)
    // A name of values alone would stand for everything.
    if (Math.max(...parts.map((part) => part.length)) < 10) return false
    return new RegExp(`^${parts.map(literal).join('.+')}$`).test(name)
  })
}

test('a name of a test that does not exist is noticed', () => {
  const text = `test('one', () => {})\nfor (const it of all) test(\`of many tests this is \${it.name}\`, () => {})`
  assert.ok(namesTest(text, 'one') && namesTest(text, 'of many tests this is the second'))
  assert.ok(!namesTest(text, 'two') && !namesTest(text, 'of many tests this is '))
  assert.throws(() => assertTestsExist('`database conformance`: no such case'), /no case of the conformance suite/)
  assert.throws(() => assertTestsExist('`unit/none.test.ts`: no such file'), /does not exist/)
})

test('the code refers to guarantees that exist', () => {
  const referred = readDoc('packages/firebreak/src/contracts/context.ts').match(/\bG\d+\b/g) ?? []
  for (const id of referred)
    assert.ok(
      rows.some(([own]) => own === id),
      id,
    )
})

test('the defaults are those of the code', () => {
  const event = { type: 'a.b' } as never
  const own = {
    ...prefixed('limits', limitDefaults),
    ...prefixed('retry', retryDefaults),
    deadlineMs: handle(event, () => {}).deadlineMs,
    handlersMax: service({ name: 'a' }).handlersMax,
  }
  const told = tableOf(page, '## Bounds and their defaults').map(([name = '', value]) => [
    name.replaceAll('`', ''),
    value,
  ])
  assert.deepEqual(
    Object.fromEntries(told),
    Object.fromEntries(Object.entries(own).map(([name, value]) => [name, String(value)])),
  )
})

function prefixed(prefix: string, values: object): Readonly<Record<string, number>> {
  const numbers = Object.entries(values).filter((entry): entry is [string, number] => typeof entry[1] === 'number')
  return Object.fromEntries(numbers.map(([name, value]) => [`${prefix}.${name}`, value]))
}
