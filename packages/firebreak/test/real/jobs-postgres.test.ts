import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { Sql, SqlParam } from '../../src/contracts/database.ts'
import { isFirebreakError } from '../../src/contracts/errors.ts'
import { cancelJob } from '../../src/ledger/jobs/change-job.ts'
import { claimJobs, lockClaims, nextDueOf } from '../../src/ledger/jobs/claim-jobs.ts'
import { endJobs, handBack, writeProgress } from '../../src/ledger/jobs/end-jobs.ts'
import { enqueueJobs, enqueueUnique } from '../../src/ledger/jobs/enqueue-jobs.ts'
import { cancelledOf, releaseHolder } from '../../src/ledger/jobs/holders.ts'
import { missingJobs, readJobAccounts } from '../../src/ledger/jobs/job-accounts.ts'
import { forgetEnds } from '../../src/ledger/jobs/job-ends.ts'
import type { ClaimedJob } from '../../src/ledger/jobs/job-rows.ts'
import { listJobs, readJob } from '../../src/ledger/jobs/read-jobs.ts'
import { JobModel, jobActions } from '../job-model.ts'
import { endOf, JobScene, jobId, newJob, newJobs, wish } from '../job-scene.ts'
import { needsPostgres, PostgresScene } from './postgres/scene.ts'

const options = { skip: needsPostgres, timeout: 120_000 }
let scene: PostgresScene
before(async () => {
  if (needsPostgres === false) scene = await PostgresScene.start()
})
after(() => scene?.end())

interface Instances {
  readonly one: JobScene
  readonly two: JobScene
  readonly three: JobScene
  readonly all: readonly JobScene[]
}

let ledgers = 0
/** Four instances of one ledger. */
async function instances(): Promise<Instances> {
  const schema = `jobs_${++ledgers}`
  const open = (): Promise<JobScene> => JobScene.open(scene.open({ schema }))
  const [one, two, three] = [await open(), await open(), await open()]
  return { one, two, three, all: [one, two, three, await open()] }
}

const close = ({ all }: Instances): Promise<unknown> => Promise.all(all.map(({ database }) => database.close()))

/** A deadlock ends one of those that wait for each other; it comes again. */
async function insist<T>(run: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await run()
    } catch (error) {
      if (!isFirebreakError(error, 'FB_DATABASE_BUSY')) throw error
    }
  }
}

async function assertSound({ database }: JobScene): Promise<void> {
  for (const accounts of (await readJobAccounts(database)).values()) assert.equal(missingJobs(accounts), 0)
  const headless = await database.query(`SELECT id FROM fb_jobs AS one WHERE state = 1 AND NOT EXISTS (
    SELECT 1 FROM fb_jobs AS head WHERE head.type = one.type AND head.lane = one.lane AND head.state <> 1)`)
  assert.deepEqual(headless, [])
}

test('whatever is done to jobs, the ledger has what a plain model has (6-13, 21, 25)', options, async () => {
  const scenes = await instances()
  const { one: jobs } = scenes
  const tables = ['fb_jobs', 'fb_job_ends', 'fb_job_uniques', 'fb_job_limits', 'fb_job_accounts']
  const each = fc.asyncProperty(jobActions, async (actions) => {
    for (const table of tables) await jobs.database.query(`DELETE FROM ${table}`)
    const model = new JobModel(jobs)
    for (const action of actions) await model.do(action)
  })
  await fc.assert(each, { numRuns: 15 })
  await close(scenes)
})

test('8: four instances that claim at once share 10,000 jobs: each comes once', options, async () => {
  const scenes = await instances()
  const { one: first, all } = scenes
  await first.add(newJobs(10_000))
  const claimed = await Promise.all(
    all.map(async (one, i) => {
      const mine: string[] = []
      for (;;) {
        const jobs = await one.claim({ holder: `holder ${i}`, max: 100 })
        if (jobs.length === 0) return mine
        mine.push(...jobs.map(({ id }) => id))
        await one.within(async (ledger) => {
          assert.equal((await lockClaims(ledger, jobs)).size, jobs.length)
          const ends = jobs.map((job) => endOf(job, { keepMs: 0 }))
          await endJobs(ledger, ends, `instance ${i}`)
        })
      }
    }),
  )
  assert.ok(claimed.every(({ length }) => length > 0))
  assert.deepEqual(
    claimed.flat().sort(),
    newJobs(10_000).map(({ id }) => id),
  )
  const accounts = (await readJobAccounts(first.database)).get('t')
  assert.deepEqual([accounts?.enqueued, accounts?.done, accounts?.live], [10_000, 10_000, 0])
  await close(scenes)
})

test('10: however the second job of a lane races the end of the first, it becomes the head', options, async () => {
  const scenes = await instances()
  const { one, two } = scenes
  for (let n = 0; n < 200; n += 2) {
    const lane = 'x'
    await one.add([newJob(n, { lane })])
    const claimed = await one.claim()
    assert.deepEqual(
      claimed.map(({ id }) => id),
      [jobId(n)],
    )
    await Promise.all([one.end(claimed), two.add([newJob(n + 1, { lane })])])
    assert.deepEqual(Object.values(await one.states()), ['ready'])
    await one.end(await one.claim())
  }
  await assertSound(one)
  await close(scenes)
})

test('10: an insert that waits for the end of the head finds none behind it, or the next one', options, async () => {
  const scenes = await instances()
  const { one, two } = scenes
  for (const followers of [0, 1]) {
    const [from, lane] = [10 * followers, `lane ${followers}`]
    await one.add([0, 1].slice(0, 1 + followers).map((n) => newJob(from + n, { lane })))
    const claimed = await one.claim()
    const [locked, unlock] = gate()
    const adding = locked.then(() => two.add([newJob(from + 5, { lane })]))
    await one.within(async (ledger) => {
      await lockClaims(ledger, claimed)
      unlock()
      await somebodyWaits()
      const ends = claimed.map((job) => endOf(job))
      await endJobs(ledger, ends, 'one')
    })
    await adding
    const states = Object.values(await one.states())
    assert.deepEqual(states, followers === 0 ? ['ready'] : ['ready', 'blocked'])
    for (let left = await one.claim(); left.length > 0; left = await one.claim()) await one.end(left)
  }
  await assertSound(one)
  await close(scenes)
})

test('10: two first jobs of one lane at once: one is the head, the other waits behind it', options, async () => {
  const scenes = await instances()
  const { one, two } = scenes
  for (let n = 0; n < 100; n += 2) {
    const lane = `lane ${n}`
    await Promise.all([one.add([newJob(n, { lane })]), two.add([newJob(n + 1, { lane })])])
    const states = await one.states()
    assert.deepEqual([states[n], states[n + 1]].sort(), ['blocked', 'ready'])
  }
  await assertSound(one)
  await close(scenes)
})

test('10, 25: the follower that is cancelled while it is let go does not stop its lane', options, async () => {
  const scenes = await instances()
  const { one, two } = scenes
  const lane = 'x'
  await one.add(newJobs(3, { lane }))
  const claimed = await one.claim()
  const [locked, unlock] = gate()
  const ending = locked.then(() => two.end(claimed))
  await one.within(async (ledger) => {
    assert.equal(await cancelJob(ledger, jobId(1), 1, 'one'), 'cancelled')
    unlock()
    await somebodyWaits()
  })
  await ending
  assert.deepEqual(await one.states(), { 2: 'ready' })
  await assertSound(one)
  await close(scenes)
})

test('many lanes that end and grow at once from four instances keep their order and their heads', options, async () => {
  const scenes = await instances()
  const { one: first, all } = scenes
  const ran: ClaimedJob[] = []
  await Promise.all(
    all.map(async (one, i) => {
      for (let round = 0; round < 12; round++) {
        const from = 100_000 * round + 1000 * i
        const added = Array.from({ length: 8 }, (_, n) => newJob(from + n, { lane: `lane ${(n * 3 + round) % 5}` }))
        for (const job of added.slice(2)) await insist(() => one.add([job]))
        // Several lanes at once, in one order; those that lost a head lock the next one out of it.
        await insist(() => one.add(added.slice(0, 2)))
        const jobs = await insist(() => one.claim({ holder: `holder ${i}`, max: 4 }))
        ran.push(...jobs)
        await insist(() => one.end(jobs))
      }
    }),
  )
  await assertSound(first)
  for (let left = await first.claim(); left.length > 0; left = await first.claim()) {
    ran.push(...left)
    await first.end(left)
  }
  assert.equal(new Set(ran.map(({ id }) => id)).size, 384)
  assert.equal(ran.length, 384)
  assert.deepEqual(await first.rows(), [])
  await close(scenes)
})

test(
  '6, 7: of two that enqueue one unique key at once one joins, also while the one before it ends',
  options,
  async () => {
    const scenes = await instances()
    const { one, two, three } = scenes
    const unique = (n: number) => (ledger: Sql) =>
      enqueueUnique(ledger, { ...newJob(n), uniqueKey: 'key' }, 'live', 'one')
    for (let n = 0; n < 100; n += 2) {
      const before = await one.claim()
      const [told, other] = await Promise.all([one.within(unique(n)), two.within(unique(n + 1)), three.end(before)])
      const ids = (await one.rows()).map(({ id }) => id)
      // Those that joined the one that ended have its id.
      for (const { id, joined } of [told, other]) {
        const isThere = ids.includes(id) || (joined && before[0]?.id === id)
        assert.ok(isThere, `${id} is neither live nor the one that ended`)
      }
      assert.ok(ids.length <= 1)
      assert.equal([told, other].filter(({ joined }) => !joined).length, ids.length)
    }
    const windows = await Promise.all(
      [one, two, three].map(({ database }, n) =>
        database.transaction((ledger) =>
          enqueueUnique(ledger, { ...newJob(1000 + n), uniqueKey: 'k' }, { windowMs: 10 }, 'one'),
        ),
      ),
    )
    assert.equal(new Set(windows.map(({ id }) => id)).size, 1)
    assert.equal(windows.filter(({ joined }) => joined).length, 2)
    await assertSound(one)
    await close(scenes)
  },
)

test('a concurrency that four instances claim under at once is kept', options, async () => {
  const scenes = await instances()
  const { one: first, all } = scenes
  await first.add(newJobs(200))
  let most = 0
  await Promise.all(
    all.map(async (one, i) => {
      for (let round = 0; round < 20; round++) {
        const jobs = await one.claim({ holder: `holder ${i}`, max: 5, concurrency: 3 })
        const [held] = await one.database.query<{ n: number }>('SELECT COUNT(*) AS n FROM fb_jobs WHERE state >= 2')
        most = Math.max(most, held?.n ?? 0)
        await one.end(jobs)
      }
    }),
  )
  assert.ok(most > 0 && most <= 3, `${most} ran at once`)
  await close(scenes)
})

test('13, 14: a holder whose jobs were released cannot end them, in either order', options, async () => {
  const scenes = await instances()
  const { one, two } = scenes
  for (let n = 0; n < 40; n++) {
    await one.add([newJob(n)])
    const claimed = await one.claim({ holder: 'dying' })
    const [, released] = await Promise.all([
      one.end(claimed),
      two.within((ledger) => releaseHolder(ledger, 'dying', 0)),
    ])
    const rows = await one.rows()
    // Where the end had its lock first, nothing was released.
    assert.deepEqual([rows.length, rows[0]?.state], released === 1 ? [1, 0] : [0, undefined])
    await one.end(await one.claim({ nowMs: 1e9 }))
  }
  await assertSound(one)
  await close(scenes)
})

/** Until a statement waits for a lock. */
async function somebodyWaits(): Promise<void> {
  const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  while ((await scene.rows(waiting)).length === 0);
}

function gate(): readonly [opened: Promise<void>, open: () => void] {
  const { promise, resolve } = Promise.withResolvers<void>()
  return [promise, resolve]
}

test('11: the claim reads due rows in the order of the ready index, and no other ones', options, async () => {
  const scenes = await instances()
  const { one: jobs } = scenes
  const schema = jobs.database.capabilities.schema
  await scene.rows(`INSERT INTO ${schema}.fb_jobs (id, type, prio, state, due_at_ms, input, headers, enqueued_at_ms)
    SELECT 'later ' || n, 't', 1, 0, 1000000 + n, '{}', '{}', 0 FROM generate_series(1, 100000) AS n`)
  await scene.rows(`INSERT INTO ${schema}.fb_jobs (id, type, prio, state, due_at_ms, lane, input, headers, enqueued_at_ms)
    SELECT 'blocked ' || n, 't', 1, 1, 0, 'x', '{}', '{}', 0 FROM generate_series(1, 20000) AS n`)
  await jobs.add(newJobs(300))
  for (const analyzed of [false, true]) {
    if (analyzed) await scene.rows(`ANALYZE ${schema}.fb_jobs`)
    let text = ''
    const query = async (asked: string): Promise<readonly never[]> => {
      text = asked
      return []
    }
    await claimJobs({ query, batch: async () => 0 }, wish())
    const plan = await jobs.database.query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE, TIMING OFF) ${text}`, [
      't',
      500,
      100,
      1000,
      'one',
    ])
    const lines = plan.map((row) => row['QUERY PLAN'])
    const looks = lines.flatMap((line, i) => (line.includes('fb_jobs_ready') ? [lines.slice(i, i + 4).join('\n')] : []))
    assert.equal(looks.length, 3, lines.join('\n'))
    assert.ok(!looks.some((look) => look.includes('Removed')), looks.join('\n'))
    assert.ok(!lines.some((line) => line.includes('Seq Scan')), lines.join('\n'))
  }
  await close(scenes)
})

test('whatever was there when a plan was made, jobs are found by an index', options, async () => {
  const scenes = await instances()
  const { one: jobs } = scenes
  const asked = new Map<string, readonly SqlParam[]>()
  const recorded = <T>(run: (ledger: Sql) => Promise<T>): Promise<T> => {
    return jobs.within((ledger) =>
      run({
        query: (text, params = []) => {
          asked.set(text, params)
          return ledger.query(text, params)
        },
        batch: (text, rows) => ledger.batch(text, rows),
      }),
    )
  }
  const added = Array.from({ length: 60 }, (_, n) => newJob(n, { lane: `lane ${n % 50}` }))
  await recorded((ledger) => enqueueJobs(ledger, added, 'one'))
  const claimed = await recorded((ledger) => claimJobs(ledger, wish({ max: 50 })))
  await recorded(async (ledger) => {
    await lockClaims(ledger, claimed)
    await endJobs(
      ledger,
      claimed.slice(30).map((job) => endOf(job)),
      'one',
    )
    await handBack(ledger, claimed.slice(20))
    await releaseHolder(ledger, 'one', 0)
    await nextDueOf(ledger, ['t', 'u'])
  })
  // As it begins, and as it is when everything has ended.
  for (const clear of [false, true]) {
    if (clear) await jobs.database.query('DELETE FROM fb_jobs')
    if (clear) await scene.rows(`VACUUM ANALYZE ${jobs.database.capabilities.schema}.fb_jobs`)
    for (const [text, params] of asked) {
      if (!text.includes('fb_jobs')) continue
      const plan = await jobs.database.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, params)
      const lines = plan.map((row) => row['QUERY PLAN']).join('\n')
      assert.doesNotMatch(lines, /Seq Scan on fb_jobs/, `${text}\n${lines}`)
    }
  }
  assert.ok(asked.size >= 8)
  await close(scenes)
})

test('rates, progress, cancellation, views and what is forgotten are the same here', options, async () => {
  const scenes = await instances()
  const { one: jobs } = scenes
  await jobs.add(newJobs(10))
  const rate = { max: 3, perMs: 1000 }
  const claimed = await jobs.claim({ rate })
  assert.equal(claimed.length, 3)
  assert.deepEqual(await jobs.claim({ rate, nowMs: 333 }), [])
  assert.equal((await jobs.claim({ rate, nowMs: 334 })).length, 1)
  const [one, two, three] = claimed
  assert.ok(one && two && three)
  await jobs.end([one], { result: '5', keepMs: 10, endedAtMs: 0 })
  assert.equal(await jobs.within((ledger) => writeProgress(ledger, two, '1')), true)
  assert.equal(await jobs.within((ledger) => cancelJob(ledger, three.id, 7, 'one')), 'cancelling')
  assert.deepEqual(await cancelledOf(jobs.database, 'one'), [{ id: three.id, claim: 1, cancelAtMs: 7 }])
  const views = await listJobs(jobs.database, { limit: 3, after: jobId(3), nowMs: 0 })
  assert.deepEqual(
    views.map(({ state }) => state),
    ['cancelling', 'running', 'done'],
  )
  assert.equal((await readJob(jobs.database, one.id))?.result, '5')
  assert.equal((await readJob(jobs.database, two.id))?.progress, '1')
  await jobs.within((ledger) => enqueueUnique(ledger, { ...newJob(99), uniqueKey: 'k' }, { windowMs: 10 }, 'one'))
  assert.equal(await jobs.within((ledger) => forgetEnds(ledger, 10, 100)), 2)
  assert.equal(await readJob(jobs.database, one.id), undefined)
  await close(scenes)
})
