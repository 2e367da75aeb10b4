import assert from 'node:assert/strict'
import { test } from 'node:test'
import { filledJobs, jobsScene, jsonOf, whileRunning } from './jobs-scene.ts'
import { run } from './scene.ts'

const reason = ['--reason', 'wrong month']

test('jobs cancel: what waits ends at once, says who and why, and lets the next of its key go', async (t) => {
  const { scene, waiting, blocked } = await filledJobs(t)
  const { exit, out } = await run(scene, ['jobs', 'cancel', waiting.slice(0, 30), ...reason])
  assert.deepEqual([exit, out], [0, `cancelled ${waiting}\n`])
  assert.match((await run(scene, ['jobs', 'show', waiting])).out, /cancelled\ncancelled by ada: wrong month/)
  assert.equal((await jsonOf(scene, ['jobs', 'show', blocked])).state, 'ready')
  const again = await run(scene, ['jobs', 'cancel', waiting, ...reason])
  assert.equal(again.exit, 4)
  assert.match(again.err, new RegExp(`is cancelled, so it cannot be cancelled\nShow it with: .* jobs show ${waiting}`))
})

test('jobs cancel: scenario 25: the handler of what runs is told by another process, and the job ends', async (t) => {
  const scene = jobsScene(t)
  await whileRunning(scene, async ({ enqueue, told, runtime }) => {
    const id = await enqueue('slow-1')
    while ((await runtime.jobs.get(id)).state !== 'running') await new Promise((resolve) => setImmediate(resolve))
    const { exit, out, err } = await run(scene, ['jobs', 'cancel', id, '--by', 'bob', ...reason])
    assert.deepEqual([exit, out], [0, `cancelling ${id}\n`])
    assert.match(err, new RegExp(`Its outcome: firebreak jobs show ${id}`))
    await told('cancelled')
    const { state, error } = await jsonOf(scene, ['jobs', 'show', id])
    assert.deepEqual([state, error], ['cancelled', 'cancelled by bob: wrong month'])
  })
})

test('jobs cancel: needs a reason; --dry-run changes nothing; 4 with the state for what has ended', async (t) => {
  const { scene, done, waiting } = await filledJobs(t)
  assert.equal((await run(scene, ['jobs', 'cancel', waiting])).exit, 2)
  assert.equal((await run(scene, ['jobs', 'cancel', waiting, '--reason', ' '])).exit, 2)
  const dry = await run(scene, ['jobs', 'cancel', waiting, ...reason, '--dry-run'])
  assert.deepEqual([dry.exit, dry.out], [0, ''])
  assert.match(dry.err, /Would cancel .*, which is waiting; nothing was changed\./)
  assert.equal((await jsonOf(scene, ['jobs', 'show', waiting])).state, 'waiting')
  for (const options of [[], ['--dry-run']]) {
    const { exit, err } = await run(scene, ['jobs', 'cancel', done, ...reason, ...options, '--json'])
    const { error } = JSON.parse(err)
    assert.deepEqual([exit, error.exit, error.code], [4, 4, 'FB_JOB_STATE'])
    assert.match(error.message, /is done, so it cannot be cancelled/)
  }
  assert.equal((await run(scene, ['jobs', 'cancel', 'ffff', ...reason])).exit, 3)
  const document = await jsonOf(scene, ['jobs', 'cancel', waiting, ...reason])
  const expected = { action: 'cancel', dryRun: false, id: waiting, service: 'receipts', state: 'cancelled' }
  assert.deepEqual(document, expected)
})

test('jobs run-now: what waits starts in a service that runs beside it', async (t) => {
  const { scene, waiting, blocked } = await filledJobs(t)
  const refused = await run(scene, ['jobs', 'run-now', blocked])
  assert.equal(refused.exit, 4)
  assert.match(refused.err, /is blocked, so it cannot be started now/)
  const dry = await run(scene, ['jobs', 'run-now', waiting, '--dry-run'])
  assert.match(dry.err, /Would start .*, which is waiting; nothing was changed\./)
  assert.equal((await jsonOf(scene, ['jobs', 'show', waiting])).decision, null)
  await whileRunning(scene, async ({ told }) => {
    const { exit, out } = await run(scene, ['jobs', 'run-now', waiting, '--reason', 'the customer waits'])
    assert.deepEqual([exit, out], [0, `due ${waiting}\n`])
    await told('done', 2)
  })
  for (const id of [waiting, blocked]) assert.equal((await jsonOf(scene, ['jobs', 'show', id])).state, 'done')
})

test('jobs run-now: who wanted it is kept while the job lives', async (t) => {
  const { scene, waiting } = await filledJobs(t)
  const document = await jsonOf(scene, ['jobs', 'run-now', waiting, '--reason', 'it is urgent'])
  assert.deepEqual(document, { action: 'run-now', dryRun: false, id: waiting, service: 'receipts' })
  assert.match((await run(scene, ['jobs', 'show', waiting])).out, /decision +run-now by ada, .*: it is urgent/)
})

test('jobs retry: by the id of the job or of its letter, or a beginning; what fails again is the same letter', async (t) => {
  const { scene, failed } = await filledJobs(t)
  const { letterId } = await jsonOf(scene, ['jobs', 'show', failed])
  for (const [n, id] of [failed, failed.slice(0, 30), letterId].entries()) {
    await whileRunning(scene, async ({ told }) => {
      const { exit, out, err } = await run(scene, ['jobs', 'retry', id, '--reason', 'once more'])
      assert.deepEqual([exit, out, err], [0, `retried ${failed}\n`, `Its outcome: firebreak jobs show ${failed}\n`])
      await told('dead-lettered')
    })
    const { state, replays, history } = await jsonOf(scene, ['dlq', 'show', letterId])
    assert.deepEqual([state, replays, history.at(-2).note], ['open', n + 1, 'once more'])
  }
})

test('jobs retry: --dry-run changes nothing; 4 for what has no letter, or is on its way; 3 for nobody', async (t) => {
  const { scene, failed, done } = await filledJobs(t)
  const dry = await run(scene, ['jobs', 'retry', failed, '--dry-run'])
  assert.deepEqual([dry.exit, dry.err], [0, `Would run ${failed} again; nothing was changed.\n`])
  assert.equal((await jsonOf(scene, ['jobs', 'show', failed])).state, 'failed')
  const never = await run(scene, ['jobs', 'retry', done])
  assert.equal(never.exit, 4)
  assert.match(never.err, /is done, so it cannot be retried/)
  assert.equal((await run(scene, ['jobs', 'retry', 'ffff'])).exit, 3)
  assert.equal((await run(scene, ['jobs', 'retry', failed.slice(0, 3)])).exit, 0)
  for (const options of [[], ['--dry-run']]) {
    const again = await run(scene, ['jobs', 'retry', failed, ...options])
    assert.equal(again.exit, 4)
    assert.match(again.err, /is replaying, so it cannot be replayed/)
  }
})

test('dlq: the letter of a job is shown as that, and no topic with it', async (t) => {
  const { scene, failed } = await filledJobs(t)
  const list = await run(scene, ['dlq', 'list'])
  assert.match(list.out, /open +receipts +job receipt\.send +ann +no such order: bad-2/)
  const [letter] = (await jsonOf(scene, ['dlq', 'list'])).letters
  assert.deepEqual([letter.of, letter.eventId, letter.position], ['job', failed, null])
  const { out } = await run(scene, ['dlq', 'show', letter.id])
  assert.match(out, new RegExp(`job +receipt\\.send {2}${failed}\n`))
  assert.doesNotMatch(out, /position|jobs\/receipt/)
  assert.match(out, /Payload\n\{"orderId":"bad-2","customer":"ann"\}/)
  const traced = await run(scene, ['trace', failed])
  assert.match(traced.out, /a job, enqueued by receipts, [\s\S]*receipts: dead letter, open, after 1 attempt/)
})

test('dlq replay: the job of a letter comes back, nobody calls it stranded, and its success resolves it', async (t) => {
  const { scene, failed } = await filledJobs(t)
  const [{ id }] = (await jsonOf(scene, ['dlq', 'list'])).letters
  const replayed = await run(scene, ['dlq', 'replay', id])
  assert.deepEqual([replayed.exit, replayed.out], [0, `replayed ${id}\n`])
  const shown = await run(scene, ['dlq', 'show', id])
  assert.match(shown.out, new RegExp(`replaying[\\s\\S]*firebreak jobs show ${failed}`))
  assert.doesNotMatch((await run(scene, ['dlq', 'list'])).err, /does not read any more/)
  const discarded = await run(scene, ['dlq', 'discard', id, '--reason', 'r'])
  assert.equal(discarded.exit, 4)
  assert.match((await run(scene, ['verify'])).out, /balanced/)
})

test('dlq edit: a changed input goes back as a new job; what does not fit is 4; --dry-run only checks it', async (t) => {
  const { scene, failed } = await filledJobs(t)
  const [{ id }] = (await jsonOf(scene, ['dlq', 'list'])).letters
  const misfit = await run(scene, ['dlq', 'edit', id, '--set', 'customer=""', '--dry-run'])
  assert.equal(misfit.exit, 4)
  assert.match(misfit.err, /does not fit receipt\.send v1: customer/)
  const dry = await run(scene, ['dlq', 'edit', id, '--set', 'orderId=R-2', '--dry-run'])
  assert.deepEqual([dry.exit, dry.out], [0, '~ orderId  "bad-2" -> "R-2"\n'])
  assert.match(dry.err, /It fits receipt\.send v1\. Nothing was changed\./)
  await whileRunning(scene, async ({ told }) => {
    assert.equal((await run(scene, ['dlq', 'edit', id, '--set', 'orderId=R-2'])).exit, 0)
    await told('done')
  })
  assert.equal((await jsonOf(scene, ['dlq', 'show', id])).state, 'superseded')
  assert.equal((await jsonOf(scene, ['jobs', 'show', failed])).state, 'discarded')
  const { jobs } = await jsonOf(scene, ['jobs', 'list', '--state', 'done'])
  assert.equal(jobs.length, 2)
  assert.match((await run(scene, ['verify'])).out, /balanced/)
})

test('dlq discard: the job of a letter is given up with a reason', async (t) => {
  const { scene, failed } = await filledJobs(t)
  const { exit } = await run(scene, ['dlq', 'discard', '--all', '--yes', '--reason', 'the customer is gone'])
  assert.equal(exit, 0)
  assert.equal((await jsonOf(scene, ['jobs', 'show', failed])).state, 'discarded')
  assert.match((await run(scene, ['verify'])).out, /balanced/)
})
