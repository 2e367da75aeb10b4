import assert from 'node:assert/strict'
import test from 'node:test'
import { findPostgres } from '../../../../../scripts/infra/tools.ts'
import { errorsOf, tortureJobs } from '../../../torture/jobs/torture-jobs.ts'

// The torture has a server of its own; nothing is installed for it here.
const skip = findPostgres() === undefined && 'needs PostgreSQL: npm run infra -- up'

test('on PostgreSQL too, jobs of processes that are killed are done once, in order per key, and their accounts balance', {
  skip,
}, async (t) => {
  const report = await tortureJobs({ engine: 'postgres', seed: 3, kills: 6 })
  assert.ok(report !== undefined)
  assert.deepEqual(report.problems, [])
  assert.equal(errorsOf(report), 0, JSON.stringify(report))
  assert.ok(report.done > 50, `only ${report.done} jobs were done`)
  t.diagnostic(`${report.done} jobs done, ${report.kills} kills`)
})
