import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import test from 'node:test'
import { kafkaJarsFolder } from '../../../../../scripts/infra/kafka-jars.ts'
import { findJava, findPostgres } from '../../../../../scripts/infra/tools.ts'
import { torture } from '../../../torture/torture.ts'

// The torture breaks its servers, so it starts its own; nothing is installed or fetched for it here.
const isPossible = findJava() !== undefined && findPostgres() !== undefined && existsSync(kafkaJarsFolder)
const skip = !isPossible && 'needs Java, PostgreSQL and the jars of Kafka: npm run infra -- up'

test('killed, frozen, cut off and rebalanced, services on Kafka and PostgreSQL lose nothing and do nothing twice', {
  skip,
}, async () => {
  const report = await torture({ engine: 'kafka-postgres', seed: 3, kills: 8 })
  assert.ok(report !== undefined)
  const { lost, doubleEffects, keyInversions, ledgerImbalance, anomalies, problems, folder } = report
  assert.deepEqual(
    { lost, doubleEffects, keyInversions, ledgerImbalance, anomalies, problems, folder },
    { lost: 0, doubleEffects: 0, keyInversions: 0, ledgerImbalance: 0, anomalies: 0, problems: [], folder: null },
  )
  assert.ok(report.kills >= 8, `${report.kills} kills`)
  const { freezes, brokerKills, brokerFreezes, partitions, databaseRestarts, storms } = report
  for (const [fault, times] of Object.entries({ freezes, brokerKills, brokerFreezes, partitions, databaseRestarts }))
    assert.ok(times >= 1, `no ${fault}`)
  // Members that join and leave for seconds on end move partitions in both groups.
  assert.ok(storms >= 2, `${storms} storms`)
  assert.ok(report.rebalances >= 6, `only ${report.rebalances} rebalances`)
  assert.ok(report.produced > 200 && report.handled > 200, `only ${report.handled} of ${report.produced} handled`)
  assert.ok(report.operations > report.produced * 3, `only ${report.operations} operations were noted`)
})
