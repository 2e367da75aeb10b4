import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { widthOf } from '../../src/cli/program/text-width.ts'
import type { Database } from '../../src/contracts/database.ts'
import { claimJobs } from '../../src/ledger/jobs/claim-jobs.ts'
import { endJobs, writeProgress } from '../../src/ledger/jobs/end-jobs.ts'
import { enqueueJobs } from '../../src/ledger/jobs/enqueue-jobs.ts'
import { inLedger } from '../../src/ledger/ledger-place.ts'
import { openLedger } from '../../src/ledger/schema.ts'
import { defineConfig } from '../../src/runtime/system/config.ts'
import { sqliteDatabase } from '../../src/sqlite/database/sqlite-database.ts'
import { memoryLog } from '../../src/testing/memory-log/memory-log.ts'
import { endOf, jobId, newJob, newJobs, wish } from '../job-scene.ts'
import { commandsOfTerminals, obeyed } from './hostile-text.ts'
import { type FilledJobs, filledJobs, jobsScene, jsonOf, receipts, whileRunning } from './jobs-scene.ts'
import { run, type Scene, scratch } from './scene.ts'

let filled: FilledJobs
before(async () => {
  filled = await filledJobs(scratch())
})

test('jobs list: the newest first, with state, attempts, key and error; what is done too', async () => {
  const { scene, done, failed, waiting, blocked } = filled
  const { exit, out, err } = await run(scene, ['jobs', 'list'])
  assert.equal(exit, 0)
  const [, ...rows] = out.trim().split('\n')
  const begins = [blocked, waiting, failed, done].map((id) => id.slice(0, 18))
  assert.deepEqual(
    rows.map((row) => row.slice(0, 18)),
    begins,
  )
  assert.match(rows[1] ?? '', /waiting, in 59 min +receipts +receipt\.send +0 +bob/)
  assert.match(rows[2] ?? '', /failed +receipts +receipt\.send +1 +- +no such order: bad-2/)
  assert.equal(err, `4 jobs. Next: firebreak jobs show ${begins[0]}\n`)
})

test('jobs list: by state, type and service; 2 for a state that is none, 3 for such a service', async () => {
  const { scene, done, blocked } = filled
  const idsOf = async (...options: string[]): Promise<unknown> =>
    (await jsonOf(scene, ['jobs', 'list', ...options])).jobs.map(({ id }: { id: string }) => id)
  assert.deepEqual(await idsOf('--state', 'done'), [done])
  assert.deepEqual(await idsOf('--state', 'blocked', '--service', 'receipts', '--type', 'receipt.send'), [blocked])
  assert.deepEqual(await idsOf('--type', 'nothing'), [])
  const none = await run(scene, ['jobs', 'list', '--state', 'running'])
  assert.deepEqual([none.exit, none.out, none.err], [0, '', 'There are no jobs that are running.\n'])
  const typo = await run(scene, ['jobs', 'list', '--state', 'runing'])
  assert.equal(typo.exit, 2)
  assert.match(typo.err, /Did you mean "running"\?/)
  assert.equal((await run(scene, ['jobs', 'list', '--service', 'nobody'])).exit, 3)
})

test('jobs list: pages by --after have every job once, and "next" is null at the end', async () => {
  const { scene } = filled
  const seen: string[] = []
  for (let after: string | null = '~'; after !== null; ) {
    const page = await jsonOf(scene, ['jobs', 'list', '--max', '3', '--after', after])
    seen.push(...page.jobs.map(({ id }: { id: string }) => id))
    after = page.next
  }
  assert.deepEqual(seen, [filled.blocked, filled.waiting, filled.failed, filled.done])
  const { err } = await run(scene, ['jobs', 'list', '--max', '3'])
  assert.match(err, new RegExp(`^3 jobs; the next with --after ${filled.failed}\\. Next: `))
})

/** A service over this database, which no command closes; `rowsMax` is the largest answer that a query had. */
function sceneOver(database: Database): { readonly scene: Scene; readonly asked: { rowsMax: number } } {
  const asked = { rowsMax: 0 }
  const open: Database = {
    capabilities: database.capabilities,
    commit: (units, options) => database.commit(units, options),
    transaction: (body) => database.transaction(body),
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
    async query(text, params) {
      const rows = await database.query(text, params)
      asked.rowsMax = Math.max(asked.rowsMax, rows.length)
      return rows as never
    },
  }
  const services = [{ service: receipts, database: () => open }]
  return { scene: { folder: '/none', config: defineConfig({ log: () => memoryLog(), services }) }, asked }
}

test('jobs list: however many jobs are listed, a hundred of each table are read at a time', async () => {
  await using database = sqliteDatabase({ path: ':memory:' })
  await openLedger(database, 'receipts', 0)
  await inLedger(database).transaction((ledger) => enqueueJobs(ledger, newJobs(1500), 'one'))
  const { scene, asked } = sceneOver(database)
  const { jobs, next } = await jsonOf(scene, ['jobs', 'list', '--max', '100000'])
  assert.deepEqual([jobs.length, next], [1500, null])
  assert.equal((await run(scene, ['jobs', 'list', '--max', '100000'])).out.match(/^ID/gm)?.length, 1)
  assert.ok(asked.rowsMax <= 100, `${asked.rowsMax} rows at once`)
})

test('jobs show: what waits has its input, its date and what to do; by the beginning of its id too', async () => {
  const { scene, waiting, blocked } = filled
  const { exit, out } = await run(scene, ['jobs', 'show', waiting])
  assert.equal(exit, 0)
  assert.match(out, /waiting[\s\S]*key +bob[\s\S]*due +\S+ \(in 59 min\)[\s\S]*correlation[\s\S]*"orderId":"R-3"/)
  assert.match(out, new RegExp(`firebreak jobs run-now ${waiting}[\\s\\S]*firebreak jobs cancel ${waiting}`))
  assert.match((await run(scene, ['jobs', 'show', blocked])).out, /what is before it in its key/)
  const detail = await jsonOf(scene, ['jobs', 'show', waiting])
  assert.deepEqual(
    [detail.state, detail.inputText, detail.attempts, detail.holder, detail.correlationId],
    ['waiting', '{"orderId":"R-3","customer":"bob"}', [], null, waiting],
  )
})

test('jobs show: what is done has its result; what failed names its letter and how to run it again', async () => {
  const { scene, done, failed } = filled
  assert.match(
    (await run(scene, ['jobs', 'show', done])).out,
    /done[\s\S]*Result\n\{"mails":1\}[\s\S]*Nothing: it is done/,
  )
  assert.equal((await jsonOf(scene, ['jobs', 'show', done])).resultText, '{"mails":1}')
  const { letterId } = await jsonOf(scene, ['jobs', 'show', failed])
  const shown = await run(scene, ['jobs', 'show', failed])
  assert.ok(shown.out.includes(`firebreak dlq show ${letterId}`))
  assert.ok(shown.out.includes(`firebreak jobs retry ${failed}`))
})

test('jobs show: what is tried again has its attempts, each with its error and the frames of it', async (t) => {
  const scene = jobsScene(t)
  const id = await whileRunning(scene, async ({ enqueue, told }) => {
    const poor = await enqueue('poor-1')
    await told('parked')
    return poor
  })
  const { out } = await run(scene, ['jobs', 'show', id])
  assert.match(out, /Attempts \(1, newest first\)\n {2}#1 [\s\S]*the mail server is away \(Error\)\n +at .*jobs-scene/)
  assert.match(out, /failing +for /)
  const { attempts, attemptsCount } = await jsonOf(scene, ['jobs', 'show', id])
  assert.deepEqual([attempts[0].message, attemptsCount], ['the mail server is away', 1])
})

test('jobs show: what runs has its holder and its progress', async (t) => {
  const scene = jobsScene(t)
  await whileRunning(scene, async ({ enqueue, runtime }) => {
    const id = await enqueue('slow-1')
    while ((await runtime.jobs.get(id)).progress === null) await new Promise((resolve) => setImmediate(resolve))
    assert.match((await run(scene, ['jobs', 'list', '--state', 'running'])).out, /running +receipts .*\{"sent":3\}/)
    const { out } = await run(scene, ['jobs', 'show', id])
    assert.match(out, /running[\s\S]*holder +receipts-\S+ \S+\n[\s\S]*Progress\n\{"sent":3\}/)
  })
})

test('jobs show: 3 for an id that is none, 2 for an empty one and with the candidates for one of several', async () => {
  const { scene } = filled
  const none = await run(scene, ['jobs', 'show', 'ffff'])
  assert.equal(none.exit, 3)
  assert.match(none.err, /There is no job ffff\.\nList them with: firebreak jobs list/)
  assert.equal((await run(scene, ['jobs', 'show', ''])).exit, 2)
  const { exit, err } = await run(scene, ['jobs', 'show', filled.done.slice(0, 3), '--json'])
  const { error } = JSON.parse(err)
  assert.equal(exit, 2)
  assert.equal(error.candidates.length, 4)
  assert.deepEqual(error.candidates[0], { id: filled.done, service: 'receipts' })
})

test('jobs show: of a job that failed, and whose end is not kept any more, it names the letter', async (t) => {
  const { scene, failed } = await filledJobs(t)
  const { letterId } = await jsonOf(scene, ['jobs', 'show', failed])
  const database = scene.config.services[0]!.database!()
  await database.query('DELETE FROM fb_job_ends')
  await database.close()
  const { exit, err } = await run(scene, ['jobs', 'show', failed.slice(0, 30)])
  assert.equal(exit, 3)
  assert.match(
    err,
    new RegExp(`The end of the job ${failed} is not kept.*\\nIt failed: firebreak dlq show ${letterId}`),
  )
})

/** Jobs of which everything that can be text is what terminals obey. */
async function addHostileJobs(database: Database): Promise<void> {
  await openLedger(database, 'receipts', 0)
  const marks = commandsOfTerminals.filter((mark) => mark !== '\0')
  const hostile = (n: number, word: string): string => `${marks[n % marks.length]}${word}${'x'.repeat(n % 50)}`
  await inLedger(database).transaction(async (ledger) => {
    const jobs = marks.map((_, n) =>
      newJob(n, { lane: hostile(n, 'k'), input: hostile(n, 'i'), headers: { [hostile(n, 'h')]: hostile(n, 'v') } }),
    )
    await enqueueJobs(ledger, jobs, 'one')
    const claimed = await claimJobs(ledger, wish({ max: marks.length, holder: hostile(3, 'holder') }))
    for (const [n, job] of claimed.entries()) await writeProgress(ledger, job, hostile(n, 'p'))
    const ends = claimed
      .filter((_, n) => n % 2 === 0)
      .map((job, n) => endOf(job, { how: 'failed', error: hostile(n, 'e'), result: hostile(n, 'r'), keepMs: 8.64e15 }))
    await endJobs(ledger, ends, 'one')
  })
}

test('jobs: no control character of data reaches a terminal, and no line is wider than it', async () => {
  await using database = sqliteDatabase({ path: ':memory:' })
  await addHostileJobs(database)
  const { scene } = sceneOver(database)
  for (const columns of [80, 120])
    for (const line of ['list', 'list --json', `show ${jobId(0)}`, `show ${jobId(1)}`, `show ${jobId(39)}`]) {
      const { exit, out, err } = await run(scene, ['jobs', ...line.split(' ')], { isTty: true, columns })
      assert.equal(exit, 0, err)
      const shown = stripVTControlCharacters(out)
      assert.equal(shown.search(obeyed), -1, `${line}: ${JSON.stringify(shown)}`)
      if (line !== 'list') continue
      assert.deepEqual(
        shown.split('\n').filter((text) => widthOf(text) > columns),
        [],
      )
    }
})

for (const line of ['jobs', 'jobs list --help', 'jobs show --help', 'jobs cancel --help', 'jobs retry --help'])
  test(`${line} holds 80 columns`, async () => {
    const { out } = await run(filled.scene, line.split(' '), { isTty: true, columns: 80 })
    assert.notEqual(out, '')
    const lines = stripVTControlCharacters(out).split('\n')
    assert.deepEqual(
      lines.filter((text) => widthOf(text) > 80),
      [],
    )
  })
