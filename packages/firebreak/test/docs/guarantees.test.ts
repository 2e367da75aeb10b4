import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { handle } from '../../src/define/handle.ts'
import { service } from '../../src/define/service.ts'
import { retryDefaults } from '../../src/policy/retry.ts'
import { limitDefaults } from '../../src/runtime/engine.ts'
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
    for (const one of tests.split('<br>')) {
      const [, path = '', name = ''] = /^`([\w/.-]+\.test\.ts)`: (.+)$/.exec(one) ?? assert.fail(`not a test: ${one}`)
      const file = `packages/firebreak/test/${path}`
      assert.ok(existsSync(join(repository, file)), `${file} does not exist`)
      assert.ok(namesTest(readDoc(file), name), `${file} has no test "${name}"`)
    }
  })
}

const namesTest = (text: string, name: string): boolean =>
  ["'", '"', '`'].some((quote) => text.includes(`test(${quote}${name}${quote}`))

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
