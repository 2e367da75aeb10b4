import assert from 'node:assert/strict'
import test from 'node:test'
import { torture } from '../../../torture/torture.ts'

test('orders that make the service behave badly cost no other anything, while processes are killed', async (t) => {
  const report = await torture({ seed: 11, kills: 6, hostile: true })
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
  assert.ok(report.hostileActs >= 40 && report.hostileKinds >= 20, `only ${report.hostileActs} acts`)
})
