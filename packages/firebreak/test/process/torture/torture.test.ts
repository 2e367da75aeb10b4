import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { torture } from '../../../torture/torture.ts'

test('processes that are killed lose nothing, do nothing twice, keep every key in order, and their ledgers balance', async () => {
  const report = await torture({ seed: 7, kills: 15 })
  assert.ok(report !== undefined)
  const { lost, doubleEffects, keyInversions, ledgerImbalance, anomalies, problems, folder } = report
  assert.deepEqual(
    { lost, doubleEffects, keyInversions, ledgerImbalance, anomalies, problems, folder },
    { lost: 0, doubleEffects: 0, keyInversions: 0, ledgerImbalance: 0, anomalies: 0, problems: [], folder: null },
  )
  assert.ok(report.operations > report.produced * 3, `only ${report.operations} operations were noted`)
  assert.ok(report.kills >= 15, `${report.kills} kills`)
  assert.ok(report.ownerKills >= 1, 'the owner of the log was never hit')
  assert.ok(report.freezes >= 1, 'nobody was frozen')
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

interface Start {
  readonly folder: string
  readonly pids: readonly number[]
}

/** The folder of a run, as it starts; whatever of it is kept goes with the test. */
function startOf(t: TestContext): { start: Start; onStart: (at: Start) => void } {
  const start = { folder: '', pids: [] as readonly number[] }
  t.after(() => start.folder !== '' && rmSync(start.folder, { recursive: true, force: true }))
  return { start, onStart: (at) => void Object.assign(start, at) }
}

test('what a torture has found is kept where the report says', async (t) => {
  const { start, onStart } = startOf(t)
  const report = await torture({
    seed: 1,
    kills: 1,
    onStart: (at) => {
      onStart(at)
      process.kill(at.pids[0] ?? 0, 'SIGKILL')
    },
  })
  assert.match(report?.problems.join() ?? '', /producer-1 ended unasked with SIGKILL/)
  assert.equal(report?.folder, start.folder)
  assert.ok(existsSync(join(start.folder, 'history')))
})

test('a torture that fails keeps what there is and names it', async (t) => {
  const { start, onStart } = startOf(t)
  const failing = torture({
    seed: 1,
    kills: 1,
    onStart: (at) => {
      onStart(at)
      throw new Error('planted')
    },
  })
  await assert.rejects(failing, (error: Error) => error.message.includes(start.folder) && /planted/.test(error.message))
  assert.ok(existsSync(start.folder))
  for (const pid of start.pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})
