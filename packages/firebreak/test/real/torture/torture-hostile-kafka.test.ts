import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import test from 'node:test'
import { kafkaJarsFolder } from '../../../../../scripts/infra/kafka-jars.ts'
import { findJava, findPostgres } from '../../../../../scripts/infra/tools.ts'
import { torture } from '../../../torture/torture.ts'

// The torture breaks its servers, so it starts its own; nothing is installed or fetched for it here.
const isPossible = findJava() !== undefined && findPostgres() !== undefined && existsSync(kafkaJarsFolder)
const skip = !isPossible && 'needs Java, PostgreSQL and the jars of Kafka: npm run infra -- up'

test('on Kafka and PostgreSQL too, orders that make the service behave badly cost no other anything', {
  skip,
}, async (t) => {
  const report = await torture({ engine: 'kafka-postgres', seed: 5, kills: 2, hostile: true })
  assert.ok(report !== undefined)
  const { lost, doubleEffects, ghostEvents, keyInversions, ledgerImbalance, problems } = report
  const { halts, innocentLetters, unsettled, anomalies } = report
  assert.deepEqual(
    { lost, doubleEffects, ghostEvents, keyInversions, ledgerImbalance, problems },
    { lost: 0, doubleEffects: 0, ghostEvents: 0, keyInversions: 0, ledgerImbalance: 0, problems: [] },
  )
  assert.deepEqual(
    { halts, innocentLetters, unsettled, anomalies },
    { halts: 0, innocentLetters: 0, unsettled: 0, anomalies: 0 },
  )
  t.diagnostic(`${report.hostileActs} acts of ${report.hostileKinds} kinds, ${report.kills} kills`)
  assert.ok(report.hostileActs >= 10, `only ${report.hostileActs} acts`)
})
