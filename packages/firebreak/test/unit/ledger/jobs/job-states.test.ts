import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Attempt } from '../../../../src/contracts/disposition.ts'
import { cancelJob, runNow } from '../../../../src/ledger/jobs/change-job.ts'
import { lockClaims } from '../../../../src/ledger/jobs/claim-jobs.ts'
import { handBack, retryJob, writeProgress } from '../../../../src/ledger/jobs/end-jobs.ts'
import { enqueueUnique, replayJobs } from '../../../../src/ledger/jobs/enqueue-jobs.ts'
import { cancelledOf, holdersOf, releaseHolder } from '../../../../src/ledger/jobs/holders.ts'
import { missingJobs, readJobAccounts } from '../../../../src/ledger/jobs/job-accounts.ts'
import { forgetEnds } from '../../../../src/ledger/jobs/job-ends.ts'
import type { ClaimedJob, JobEndKind } from '../../../../src/ledger/jobs/job-rows.ts'
import { listJobs, readJob } from '../../../../src/ledger/jobs/read-jobs.ts'
import { sqliteDatabase } from '../../../../src/sqlite/database/sqlite-database.ts'
import { JobScene, jobId, newJob, newJobs } from '../../../job-scene.ts'

async function open(t: TestContext): Promise<JobScene> {
  const database = sqliteDatabase({ path: ':memory:' })
  t.after(() => database.close())
  return JobScene.open(database)
}

const attempt: Attempt = { number: 1, startedAtMs: 0, durationMs: 1, errorClass: 'E', message: 'm', stack: '' }
const viewOf = (jobs: JobScene, n = 0) => readJob(jobs.database, jobId(n), 100)

const cancel = (jobs: JobScene, n = 0) => jobs.within((ledger) => cancelJob(ledger, jobId(n), 50, 'one'))
const retry = (jobs: JobScene, [claim]: readonly ClaimedJob[], dueAtMs: number, attempts = [attempt]) => {
  assert.ok(claim)
  return jobs.within((ledger) => retryJob(ledger, claim, { dueAtMs, attempts, firstFailedAtMs: 7 }))
}

interface Transition {
  readonly from: string
  readonly to: string
  readonly by: string
  readonly run: (jobs: JobScene) => Promise<unknown>
}

const ends: readonly JobEndKind[] = ['done', 'failed', 'cancelled', 'expired', 'discarded']
const transitions: readonly Transition[] = [
  { from: 'none', to: 'ready', by: 'enqueue', run: (jobs) => jobs.add([newJob(0)]) },
  { from: 'none', to: 'waiting', by: 'enqueue for later', run: (jobs) => jobs.add([newJob(0, { dueAtMs: 101 })]) },
  {
    ...{ from: 'none', to: 'blocked', by: 'enqueue behind another one' },
    run: (jobs) => jobs.add([newJob(0, { lane: 'x' }), { ...newJob(1, { lane: 'x' }), id: ' first' }]),
  },
  {
    ...{ from: 'ready', to: 'running', by: 'claim' },
    run: async (jobs) => {
      await jobs.add([newJob(0)])
      await jobs.claim()
    },
  },
  ...ends.map(
    (how): Transition => ({
      ...{ from: 'running', to: how, by: 'end' },
      run: async (jobs) => {
        await jobs.add([newJob(0)])
        await jobs.end(await jobs.claim(), { how })
      },
    }),
  ),
  {
    ...{ from: 'running', to: 'waiting', by: 'retry' },
    run: async (jobs) => {
      await jobs.add([newJob(0)])
      assert.equal(await retry(jobs, await jobs.claim(), 101), true)
    },
  },
  {
    ...{ from: 'running', to: 'ready', by: 'hand back (24)' },
    run: async (jobs) => {
      await jobs.add([newJob(0)])
      const claimed = await jobs.claim()
      await jobs.within((ledger) => handBack(ledger, claimed))
    },
  },
  {
    ...{ from: 'running', to: 'ready', by: 'death of its holder (13)' },
    run: async (jobs) => {
      await jobs.add([newJob(0)])
      await jobs.claim()
      assert.equal(await jobs.within((ledger) => releaseHolder(ledger, 'one', 100)), 1)
    },
  },
  {
    ...{ from: 'running', to: 'cancelling', by: 'cancel (25)' },
    run: async (jobs) => {
      await jobs.add([newJob(0)])
      await jobs.claim()
      assert.equal(await cancel(jobs), 'cancelling')
      assert.equal(await cancel(jobs), 'cancelling')
      assert.deepEqual(await cancelledOf(jobs.database, 'one'), [{ id: jobId(0), claim: 1, cancelAtMs: 50 }])
    },
  },
  {
    ...{ from: 'cancelling', to: 'done', by: 'an end that came first (25)' },
    run: async (jobs) => {
      await jobs.add([newJob(0)])
      const claimed = await jobs.claim()
      await cancel(jobs)
      await jobs.end(claimed)
      assert.equal(await cancel(jobs), 'ended')
    },
  },
  {
    ...{ from: 'cancelling', to: 'cancelled', by: 'death of its holder' },
    run: async (jobs) => {
      await jobs.add([newJob(0)])
      await jobs.claim()
      await cancel(jobs)
      await jobs.within((ledger) => releaseHolder(ledger, 'one', 100))
    },
  },
  {
    ...{ from: 'cancelling', to: 'ready', by: 'retry, and the next holder is told' },
    run: async (jobs) => {
      await jobs.add([newJob(0)])
      const claimed = await jobs.claim()
      await cancel(jobs)
      await retry(jobs, claimed, 500)
      const [again] = await jobs.claim({ nowMs: 50 })
      assert.equal(again?.isCancelled, true)
      await jobs.within((ledger) => handBack(ledger, again ? [again] : []))
    },
  },
  {
    ...{ from: 'waiting', to: 'cancelled', by: 'cancel (25)' },
    run: async (jobs) => {
      await jobs.add([newJob(0, { dueAtMs: 101 })])
      assert.equal(await cancel(jobs), 'cancelled')
      assert.equal(await cancel(jobs), 'ended')
      assert.equal(await cancel(jobs, 9), 'unknown')
    },
  },
  {
    ...{ from: 'waiting', to: 'ready', by: 'a person' },
    run: async (jobs) => {
      await jobs.add([newJob(0, { dueAtMs: 1000 })])
      assert.equal(await jobs.within((ledger) => runNow(ledger, jobId(0), 100)), true)
      assert.equal(await jobs.within((ledger) => runNow(ledger, jobId(9), 100)), false)
    },
  },
  {
    ...{ from: 'failed', to: 'ready', by: 'replay' },
    run: async (jobs) => {
      await jobs.add([newJob(0)])
      await jobs.end(await jobs.claim(), { how: 'failed', letterId: 'letter' })
      await jobs.within((ledger) => replayJobs(ledger, [{ ...newJob(0), letterId: 'letter' }], 'one'))
    },
  },
]

for (const { from, to, by, run } of transitions) {
  test(`a job goes from ${from} to ${to} by ${by}`, async (t) => {
    const jobs = await open(t)
    await run(jobs)
    assert.equal((await viewOf(jobs))?.state, to)
    const accounts = (await readJobAccounts(jobs.database)).get('t')
    assert.ok(accounts)
    assert.equal(missingJobs(accounts), 0)
    if (accounts.live === 0) assert.equal(accounts[to as JobEndKind], 1)
  })
}

test('9: a retry keeps its lane: those behind it wait, in order, and others go on', async (t) => {
  const jobs = await open(t)
  await jobs.add([...newJobs(3, { lane: 'x' }), newJob(3, { lane: 'y' }), newJob(4)])
  const [first, ...others] = await jobs.claim()
  assert.deepEqual([first?.id, ...others.map(({ id }) => id)], [jobId(0), jobId(3), jobId(4)])
  await jobs.end(others)
  assert.ok(first)
  await retry(jobs, [first], 300_000)
  assert.deepEqual(await jobs.claim({ nowMs: 299_999 }), [])
  assert.deepEqual(await jobs.states(), { 0: 'ready', 1: 'blocked', 2: 'blocked' })
  for (const n of [0, 1, 2]) {
    const claimed = await jobs.claim({ nowMs: 300_000 })
    assert.deepEqual(
      claimed.map(({ id }) => id),
      [jobId(n)],
    )
    await jobs.end(claimed)
  }
})

test('21: throttled 50 times, a job has no attempts', async (t) => {
  const jobs = await open(t)
  await jobs.add([newJob(0)])
  for (let n = 1; n <= 50; n++) assert.equal(await retry(jobs, await jobs.claim({ nowMs: n }), n, []), true)
  const [claimed] = await jobs.claim({ nowMs: 50 })
  assert.deepEqual([claimed?.attempts, claimed?.claim, claimed?.firstFailedAtMs], [[], 51, 7])
})

test('14: of two claims of one job in one commit, the newer one counts alone', async (t) => {
  const jobs = await open(t)
  await jobs.add([newJob(0)])
  const older = await jobs.claim({ holder: 'one' })
  await jobs.within((ledger) => handBack(ledger, older))
  const newer = await jobs.claim({ holder: 'one' })
  const both = [...older, ...newer]
  assert.deepEqual([...(await jobs.within((ledger) => lockClaims(ledger, both)))], newer)
  await jobs.end(both)
  const [accounts] = (await readJobAccounts(jobs.database)).values()
  assert.deepEqual([accounts?.enqueued, accounts?.done, accounts?.live], [1, 1, 0])
})

test('13, 14: who lost a job can neither end, nor retry, nor report it, nor hand it back', async (t) => {
  const jobs = await open(t)
  await jobs.add([newJob(0)])
  const stale = await jobs.claim({ holder: 'frozen' })
  await jobs.within((ledger) => releaseHolder(ledger, 'frozen', 0))
  for (const holder of [null, 'other']) {
    if (holder !== null) await jobs.claim({ holder })
    assert.deepEqual(await jobs.within((ledger) => lockClaims(ledger, stale)), new Set())
    await jobs.end(stale)
    assert.equal(await retry(jobs, stale, 5), false)
    await jobs.within(async (ledger) => {
      await handBack(ledger, stale)
      assert.ok(stale[0])
      assert.equal(await writeProgress(ledger, stale[0], '1'), false)
    })
    const [row] = await jobs.rows()
    assert.deepEqual([row?.holder, row?.suspects, row?.claim], [holder, 1, holder === null ? 2 : 3])
  }
  assert.deepEqual(await holdersOf(jobs.database), ['other'])
})

test('from the second death on a job waits, 5 s longer each time; a retry clears it', async (t) => {
  const jobs = await open(t)
  await jobs.add([newJob(0)])
  const dates: unknown[] = []
  for (let n = 0; n < 4; n++) {
    await jobs.claim({ nowMs: 1e6 })
    await jobs.within((ledger) => releaseHolder(ledger, 'one', 1000))
    dates.push((await jobs.rows())[0]?.due_at_ms)
  }
  assert.deepEqual(dates, [0, 6000, 11_000, 16_000])
  await retry(jobs, await jobs.claim({ nowMs: 1e6 }), 5)
  assert.equal((await jobs.rows())[0]?.suspects, 0)
})

test('6, 7: a unique job is joined while one lives, also in the commit that ends it', async (t) => {
  const jobs = await open(t)
  const ask = (n: number, how: 'live' | { windowMs: number }, more = {}) =>
    jobs.within((ledger) => enqueueUnique(ledger, { ...newJob(n, more), uniqueKey: 'k\0' }, how, 'one'))
  assert.deepEqual(await ask(0, 'live', { lane: 'x' }), { id: jobId(0), joined: false })
  assert.deepEqual(await ask(1, 'live', { lane: 'x' }), { id: jobId(0), joined: true })
  await jobs.end(await jobs.claim())
  assert.deepEqual(await ask(2, 'live'), { id: jobId(2), joined: false })
  assert.deepEqual(await ask(3, { windowMs: 10 }), { id: jobId(3), joined: false })
  await jobs.end(await jobs.claim())
  assert.deepEqual(await ask(4, { windowMs: 10 }, { enqueuedAtMs: 9 }), { id: jobId(3), joined: true })
  assert.deepEqual(await ask(5, { windowMs: 10 }, { enqueuedAtMs: 10 }), { id: jobId(5), joined: false })
  const accounts = (await readJobAccounts(jobs.database)).get('t')
  assert.deepEqual([accounts?.enqueued, accounts?.joined], [4, 2])
})

test('an end is kept for its time and forgotten in steps, as is what was unique for a time', async (t) => {
  const jobs = await open(t)
  await jobs.add(newJobs(5))
  const claimed = await jobs.claim()
  await jobs.end(claimed.slice(0, 1), { keepMs: 0 })
  await jobs.end(claimed.slice(1), { keepMs: 10, endedAtMs: 1, result: '{}', error: 'e\0' })
  await jobs.within((ledger) => enqueueUnique(ledger, { ...newJob(9), uniqueKey: 'k' }, { windowMs: 11 }, 'one'))
  assert.equal(await viewOf(jobs, 0), undefined)
  const forget = (nowMs: number) => jobs.within((ledger) => forgetEnds(ledger, nowMs, 3))
  assert.equal(await forget(10), 0)
  assert.equal((await viewOf(jobs, 1))?.error, 'e\u2400')
  assert.deepEqual([await forget(11), await forget(11), await forget(11)], [4, 1, 0])
})

test('people see live and ended jobs, newest first, page by page', async (t) => {
  const jobs = await open(t)
  await jobs.add([...newJobs(4), newJob(4, { type: 'u' }), newJob(5, { dueAtMs: 101, headers: { a: 'b' } })])
  const [one, two, three] = await jobs.claim()
  assert.ok(one && two && three)
  await jobs.end([one], { result: '5' })
  await jobs.end([two], { how: 'failed', error: 'bad', letterId: 'l' })
  await jobs.within((ledger) => writeProgress(ledger, three, '{"done":1}'))
  const list = (more = {}) => listJobs(jobs.database, { limit: 3, nowMs: 100, ...more })
  const shown = (views: Awaited<ReturnType<typeof list>>) => views.map(({ id, state }) => [Number(id.slice(-2)), state])
  const first = await list()
  assert.deepEqual(shown(first), [
    [5, 'waiting'],
    [4, 'ready'],
    [3, 'running'],
  ])
  assert.deepEqual(shown(await list({ after: first.at(-1)?.id })), [
    [2, 'running'],
    [1, 'failed'],
    [0, 'done'],
  ])
  assert.deepEqual(shown(await list({ type: 'u' })), [[4, 'ready']])
  for (const [state, n] of [
    ['waiting', 5],
    ['failed', 1],
    ['done', 0],
  ]) {
    assert.deepEqual(shown(await list({ state })), [[n, state]])
  }
  const view = await viewOf(jobs, 2)
  assert.deepEqual([view?.progress, view?.holder, view?.input], ['{"done":1}', 'one', '{"n":2}'])
  assert.deepEqual((await viewOf(jobs, 5))?.headers, { a: 'b' })
  assert.equal((await viewOf(jobs, 1))?.letterId, 'l')
})
