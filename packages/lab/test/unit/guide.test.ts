import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { blocksOf, readDoc } from '../../../firebreak/test/docs/markdown.ts'
import { readScenario } from '../../src/file/read-scenario.ts'
import { runScenario } from '../../src/run/run.ts'

const linesMax = 25
const scenarios = blocksOf(readDoc('docs/guides/06-lab.md')).filter(({ language }) => language === 'yaml')

test('the guide has scenarios', () => assert.ok(scenarios.length > 5))

describe('a scenario of the guide is short, sound, and says what holds', () => {
  for (const { text } of scenarios) {
    const title = /^description: (.*)$/m.exec(text)?.[1] ?? text
    test(title, async () => {
      assert.ok(text.trimEnd().split('\n').length < linesMax)
      const { scenario, problems } = await readScenario(text, { format: 'yaml' })
      assert.deepEqual(problems, [])
      assert.ok(scenario !== undefined && scenario.expect.length > 0)
      const { expect, checks } = await runScenario(scenario)
      assert.deepEqual(
        expect.filter(({ holds }) => !holds),
        [],
      )
      for (const [name, { ok, where }] of Object.entries(checks)) assert.ok(ok, `${name}: ${where}`)
    })
  }
})
