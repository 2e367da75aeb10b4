import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import test from 'node:test'
import { torture } from '../../torture/torture.ts'

test('processes that are killed lose nothing, do nothing twice, keep every key in order, and their ledgers balance', async () => {
  const report = await torture({ seed: 7, kills: 15 })
  assert.ok(report !== undefined)
  const { lost, doubleEffects, keyInversions, ledgerImbalance, anomalies, problems } = report
  assert.deepEqual(
    { lost, doubleEffects, keyInversions, ledgerImbalance, anomalies, problems },
    { lost: 0, doubleEffects: 0, keyInversions: 0, ledgerImbalance: 0, anomalies: 0, problems: [] },
  )
  assert.ok(report.operations > report.produced * 3, `only ${report.operations} operations were noted`)
  assert.ok(report.kills >= 15, `${report.kills} kills`)
  assert.ok(report.ownerKills >= 1, 'the owner of the log was never hit')
  assert.ok(report.produced > 300 && report.handled > 300, `only ${report.handled} of ${report.produced} handled`)
  assert.ok(report.deadLettered >= 1, 'no bad record was met')
})

test('a torture that is interrupted ends its processes and takes its folder with it', async () => {
  const interrupted = new AbortController()
  const folders: string[] = []
  const pids: number[] = []
  const onStart = (at: { folder: string; pids: readonly number[] }): void => {
    folders.push(at.folder)
    pids.push(...at.pids)
    interrupted.abort()
  }
  const report = await torture({ seed: 1, kills: 1000, signal: interrupted.signal, onStart })
  assert.equal(report, undefined)
  assert.equal(pids.length, 5)
  for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  assert.deepEqual(folders.map(existsSync), [false])
})
