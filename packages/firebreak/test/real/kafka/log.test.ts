import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conformanceReport } from '../../../src/testing/conformance/conformance.ts'
import { logConformance } from '../../../src/testing/conformance/log-conformance.ts'
import { kafkaHarness, noKafka, retentionCheckMs, smallSegments } from './scene.ts'

const byRetention = [
  'records go by age exactly where the log declares it',
  'records go by size exactly where the log declares it, and the newest stay',
  'a reader that retention has overtaken goes on at the oldest record kept',
]
const rarely = noKafka === false && (await retentionCheckMs()) > 5000
const harness = kafkaHarness()
const log = await harness.create()
const { runs, skipped } = conformanceReport(logConformance, log.capabilities, harness)
await log.close()

for (const { name, run } of runs) {
  const skip = noKafka || (rarely && byRetention.includes(name) && 'this broker looks for old records too rarely')
  const options = byRetention.includes(name) ? { topicConfigs: smallSegments } : {}
  test(`kafka log: ${name}`, { skip, timeout: 90_000 }, () => run(kafkaHarness(options)))
}

test('kafka log: no case is left out by what it declares', () => {
  assert.deepEqual(skipped, [])
  for (const name of byRetention)
    assert.ok(
      logConformance.some((one) => one.name === name),
      name,
    )
})
