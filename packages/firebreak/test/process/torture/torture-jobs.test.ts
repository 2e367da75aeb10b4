import assert from 'node:assert/strict'
import test from 'node:test'
import { errorsOf, tortureJobs } from '../../../torture/jobs/torture-jobs.ts'

test('jobs of processes that are killed are done once, in order per key, and their accounts balance', async (t) => {
  const report = await tortureJobs({ engine: 'embedded', seed: 3, kills: 8 })
  assert.ok(report !== undefined)
  assert.deepEqual(report.problems, [])
  assert.equal(errorsOf(report), 0, JSON.stringify(report))
  assert.ok(report.done > 100, `only ${report.done} jobs were done`)
  assert.ok(report.failed > 0, 'no job has failed')
  assert.ok(report.cancelled > 0, 'no job was cancelled')
  assert.ok(report.freezes >= 1, 'nobody was frozen')
  t.diagnostic(`${report.done} jobs done, ${report.kills} kills`)
})
