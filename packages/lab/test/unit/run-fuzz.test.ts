import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isFirebreakError } from 'firebreak'
import { readScenarioSync } from '../../src/file/read-scenario-sync.ts'
import { runScenario } from '../../src/run/run.ts'
import { brokenTexts, type LabText, validTexts } from '../texts.ts'

const seed = Number(process.env['FIREBREAK_SEED'] ?? 1)
// Small, so that a run that would go on forever is one that ends soon.
const eventsMax = 500

/** Paths of values that no result may hold. */
function odd(value: unknown, path = ''): readonly string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [`${path} = ${value}`]
  if (typeof value !== 'object' || value === null) return value === undefined ? [`${path} = undefined`] : []
  return Object.entries(value).flatMap(([key, member]) => odd(member, `${path}.${key}`))
}

/** Paths of numbers that are none; a scenario may hold Infinity. */
const notNumbers = (scenario: unknown): readonly string[] =>
  odd(scenario).filter((found) => !/ = -?Infinity$/.test(found))

test('10,000 drawn texts: each has clear problems, or runs to a result without NaN within its event budget, or says that it needs more', async (t) => {
  t.diagnostic(`FIREBREAK_SEED=${seed}`)
  const seen = { refused: 0, done: 0, stopped: 0 }
  const claim = async ({ text, format }: LabText): Promise<void> => {
    const { scenario, problems } = readScenarioSync(text, { format })
    if (scenario === undefined) {
      seen.refused++
      assert.ok(problems.length > 0)
      const lines = text.split('\n').length
      for (const { line, message } of problems) {
        assert.ok(Number.isInteger(line) && line >= 1 && line <= lines, `line ${line} of ${lines}: ${message}`)
        assert.ok(message.length > 0 && message.length < 500, message)
      }
      return
    }
    assert.deepEqual(notNumbers(scenario), [])
    try {
      const result = await runScenario({ ...scenario, eventsMax })
      assert.deepEqual(odd(result), [])
      assert.ok(result.checks.conservation.ok, result.checks.conservation.where)
      assert.ok(result.checks.little.ok, result.checks.little.where)
      seen.done++
    } catch (error) {
      if (!isFirebreakError(error, 'FB_CONFIG')) throw error
      assert.match(error.message, /stopped after 500 events/)
      seen.stopped++
    }
  }
  await fc.assert(fc.asyncProperty(brokenTexts, claim), { numRuns: 8000, seed })
  await fc.assert(fc.asyncProperty(validTexts, claim), { numRuns: 2000, seed })
  t.diagnostic(JSON.stringify(seen))
  assert.ok(seen.refused > 1000 && seen.done > 500 && seen.stopped > 10, JSON.stringify(seen))
})
