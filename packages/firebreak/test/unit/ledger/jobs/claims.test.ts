import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { SqlParam } from '../../../../src/contracts/database.ts'
import { claimJobs, nextDueOf } from '../../../../src/ledger/jobs/claim-jobs.ts'
import { releaseHolder } from '../../../../src/ledger/jobs/holders.ts'
import { sqliteDatabase } from '../../../../src/sqlite/database/sqlite-database.ts'
import { JobScene, newJob, newJobs, numberOfJob, wish } from '../../../job-scene.ts'

async function open(t: TestContext): Promise<JobScene> {
  const database = sqliteDatabase({ path: ':memory:' })
  t.after(() => database.close())
  return JobScene.open(database)
}

/** The numbers of those that are claimed. */
const claim = async (jobs: JobScene, more: Parameters<JobScene['claim']>[0]): Promise<readonly number[]> =>
  (await jobs.claim(more)).map(({ id }) => numberOfJob(id))

test('12: what is more urgent starts first, until the others have waited for long enough', async (t) => {
  const jobs = await open(t)
  await jobs.add([
    ...newJobs(1000),
    newJob(2000, { priority: 0, dueAtMs: 500 }),
    newJob(2001, { priority: 2 }),
    newJob(2002, { priority: 0, dueAtMs: 1500 }),
  ])
  assert.deepEqual(await claim(jobs, { max: 2, nowMs: 500 }), [2000, 0])
  // Those of 0 have waited for 1,000 ms and more.
  assert.deepEqual(await claim(jobs, { max: 1, nowMs: 1500 }), [1])
  await jobs.claim({ max: 998, nowMs: 1500 })
  assert.deepEqual(await claim(jobs, { nowMs: 1500 }), [2002, 2001])
})

test('13: a suspect is claimed alone, and left out where others come before it', async (t) => {
  const jobs = await open(t)
  await jobs.add([newJob(0), newJob(1)])
  await jobs.claim()
  await jobs.within((ledger) => releaseHolder(ledger, 'one', 0))
  await jobs.add([newJob(2, { priority: 0 }), newJob(3)])
  assert.deepEqual(await claim(jobs, {}), [2, 3])
  assert.deepEqual(await claim(jobs, {}), [0])
  assert.deepEqual(await claim(jobs, {}), [1])
})

test('a job whose deadline has passed is claimed like others, and one that is not due is not', async (t) => {
  const jobs = await open(t)
  await jobs.add([newJob(0, { deadlineAtMs: 5 }), newJob(1, { dueAtMs: 11 }), newJob(2, { type: 'u' })])
  const [late, ...others] = await jobs.claim({ nowMs: 10 })
  assert.deepEqual([late?.deadlineAtMs, others], [5, []])
  assert.deepEqual(
    await nextDueOf(jobs.database, ['t', 'u', 'v']),
    new Map([
      ['t', 11],
      ['u', 0],
    ]),
  )
})

test('no more jobs of a type are held than its concurrency allows', async (t) => {
  const jobs = await open(t)
  await jobs.add(newJobs(10))
  const claimed = await jobs.claim({ concurrency: 3 })
  assert.equal(claimed.length, 3)
  assert.deepEqual(await claim(jobs, { concurrency: 3 }), [])
  await jobs.end(claimed.slice(1))
  assert.equal((await claim(jobs, { concurrency: 3 })).length, 2)
  assert.equal((await jobs.claim()).length, 5)
})

test('a rate lets a burst go, and then one at a time', async (t) => {
  const jobs = await open(t)
  await jobs.add(newJobs(1000))
  const rate = { max: 5, perMs: 1000 }
  const started = async (nowMs: number, max = 10): Promise<number> => (await claim(jobs, { rate, nowMs, max })).length
  assert.deepEqual([await started(0, 2), await started(0), await started(199)], [2, 3, 0])
  assert.deepEqual([await started(200), await started(399), await started(800)], [1, 0, 3])
  // After a rest the whole burst, and no more than that.
  assert.deepEqual([await started(100_000, 20), await started(100_000)], [5, 0])
  // A clock that goes far back holds nobody up for longer than a burst.
  assert.deepEqual([await started(50_000), await started(50_200)], [0, 1])
})

test('a rate of many in a short time loses none to rounding', async (t) => {
  const jobs = await open(t)
  await jobs.add(newJobs(1000))
  const rate = { max: 300, perMs: 100 }
  let started = (await claim(jobs, { rate, max: 1000 })).length
  for (let nowMs = 1; nowMs <= 100; nowMs++) {
    for (let left = 3; left > 0; left--) started += (await claim(jobs, { rate, nowMs, max: 1 })).length
  }
  assert.equal(started, 600)
  assert.deepEqual(await claim(jobs, { rate, nowMs: 100 }), [])
})

test('11: the claim goes by the index of ready jobs, and so does the look for the next date', async (t) => {
  const jobs = await open(t)
  await jobs.add([...newJobs(10), newJob(10, { lane: 'x' }), newJob(11, { lane: 'x' })])
  const asked = new Map<string, readonly SqlParam[]>()
  const query = async (text: string, params: readonly SqlParam[] = []): Promise<readonly never[]> => {
    asked.set(text, params)
    return []
  }
  await claimJobs({ query, batch: async () => 0 }, wish())
  await nextDueOf({ query }, ['t'])
  for (const [text, params] of asked) {
    const plan = await jobs.database.query<{ detail: string }>(`EXPLAIN QUERY PLAN ${text}`, params)
    const looks = plan.map(({ detail }) => detail).filter((detail) => /fb_jobs\b/.test(detail))
    const ready = looks.filter((detail) => detail.includes('fb_jobs_ready'))
    assert.equal(ready.length, 3, looks.join('\n'))
    assert.ok(
      ready.every((detail) => /^SEARCH .*\(type=\? AND prio=\?/.test(detail)),
      looks.join('\n'),
    )
    assert.ok(!looks.some((detail) => detail.startsWith('SCAN')), looks.join('\n'))
  }
  assert.equal(asked.size, 2)
})
