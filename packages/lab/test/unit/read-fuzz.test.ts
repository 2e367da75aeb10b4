import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readScenarioSync } from '../../src/file/read-scenario-sync.ts'
import { validTexts } from '../texts.ts'

const seed = Number(process.env['FIREBREAK_SEED'] ?? 1)

test('texts that are meant to be right are right, in YAML and in JSON', () => {
  fc.assert(
    fc.property(validTexts, ({ text, format }) => assert.deepEqual(readScenarioSync(text, { format }).problems, [])),
    { numRuns: 1000, seed },
  )
})

test('a text says the same in YAML as in JSON', () => {
  fc.assert(
    fc.property(validTexts, ({ text, format }) => {
      fc.pre(format === 'json')
      const [json, yaml] = (['json', 'yaml'] as const).map((how) => readScenarioSync(text, { format: how }).scenario)
      assert.deepEqual(yaml, json)
    }),
    { numRuns: 300, seed },
  )
})
