import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conformanceReport } from '../../src/testing/conformance/conformance.ts'
import { logConformance } from '../../src/testing/conformance/log-conformance.ts'
import type { LogHarness } from '../../src/testing/conformance/log-scene.ts'
import { memoryLog } from '../../src/testing/memory-log/memory-log.ts'
import { memoryLogStore } from '../../src/testing/memory-log/memory-log-store.ts'
import { passingClock } from './passing-clock.ts'

function harness(): LogHarness {
  const clock = passingClock()
  let store = memoryLogStore()
  const restart = async (): Promise<void> => {
    store = memoryLogStore()
  }
  return { clock, prefix: '', create: async () => memoryLog({ clock, store }), restart }
}

const { runs, skipped } = conformanceReport(logConformance, memoryLog().capabilities, harness())

for (const { name, run } of runs) test(`memory log: ${name}`, { timeout: 10_000 }, () => run(harness()))

test('memory log: every case is run', () => assert.deepEqual(skipped, []))

test('memory log: ten of every case at the same time on one log', async () => {
  const shared = harness()
  const { restart: _, ...alive } = shared
  const isolated = runs.filter(({ name }) => !name.includes('restart'))
  const all = Array.from({ length: 10 }, (_, round) =>
    isolated.map(({ run }, index) => run({ ...alive, prefix: `${round}-${index}-` })),
  )
  await Promise.all(all.flat())
})
