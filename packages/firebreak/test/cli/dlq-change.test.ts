import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fact } from '../../src/contracts/journal.ts'
import { filledScene, idOf, lettersOf, run, runServices } from './scene.ts'

const isDead = (fact: Fact): boolean => fact.kind === 'dead-lettered'

test('dlq replay: one letter goes back under its name, beside the running service', async (t) => {
  const scene = await filledScene(t)
  const id = await idOf(scene, 'K-2')
  await runServices(scene, [{ orderId: 'K-4', weightKg: 1 }], async ({ facts }) => {
    const { exit, out, err } = await run(scene, ['dlq', 'replay', id, '--reason', 'rates are in'])
    assert.equal(exit, 0)
    assert.equal(out, `replayed ${id}\n`)
    assert.match(err, new RegExp(`firebreak dlq show ${id}`))
    await facts.count(1, isDead)
  })
  const { history, replays, state } = JSON.parse((await run(scene, ['dlq', 'show', id, '--json'])).out)
  const [, replayed, again] = history
  assert.deepEqual([replayed.action, replayed.by, replayed.note], ['replayed', 'ada', 'rates are in'])
  assert.deepEqual([again.action, replays, state], ['dead-lettered', 1, 'open'])
})

test('dlq replay: --by names somebody else', async (t) => {
  const scene = await filledScene(t)
  const id = await idOf(scene, 'K-2')
  await run(scene, ['dlq', 'replay', id, '--by', 'bob'])
  assert.equal(JSON.parse((await run(scene, ['dlq', 'show', id, '--json'])).out).history[1].by, 'bob')
})

test('dlq replay: two operators at once: one wins, the other gets 4', async (t) => {
  const scene = await filledScene(t)
  const id = await idOf(scene, 'K-2')
  const both = await Promise.all([run(scene, ['dlq', 'replay', id]), run(scene, ['dlq', 'replay', id])])
  assert.deepEqual(both.map(({ exit }) => exit).sort(), [0, 4])
  const late = await run(scene, ['dlq', 'discard', id, '--reason', 'late'])
  assert.equal(late.exit, 4)
  assert.match(late.err, /is replaying, so it cannot be discarded/)
})

test('dlq replay: many without --yes and without a terminal: 2, with count and sample, and nothing done', async (t) => {
  const scene = await filledScene(t)
  const { exit, out, err } = await run(scene, ['dlq', 'replay', '--all'])
  assert.deepEqual([exit, out], [2, ''])
  assert.match(err, /This would replay 2 dead letters; without a terminal to ask on, say --yes\./)
  assert.equal(err.match(/invoicing {2}order\.placed {2}no rate for \d+ kg \(RateError\)/g)?.length, 2)
  assert.equal((await lettersOf(scene))['K-2']!['state'], 'open')
})

test('dlq replay: many on a terminal: asks, and takes no for an answer', async (t) => {
  const scene = await filledScene(t)
  const asked: string[] = []
  const answering = (answer: string) => ({
    canAsk: true,
    ask: async (question: string) => {
      asked.push(question)
      return answer
    },
  })
  assert.equal((await run(scene, ['dlq', 'replay', '--all'], answering(''))).exit, 1)
  assert.equal((await lettersOf(scene))['K-2']!['state'], 'open')
  const yes = await run(scene, ['dlq', 'replay', '--fingerprint', 'RateError@scene.ts:rateOf'], answering('y'))
  assert.equal(yes.exit, 0)
  assert.match(yes.err, /2 dead letters replayed, 0 failed, of 2\./)
  assert.deepEqual(asked, ['Replay 2 dead letters? [y/N] ', 'Replay 2 dead letters? [y/N] '])
})

test('dlq replay: --dry-run says what would happen and changes nothing', async (t) => {
  const scene = await filledScene(t)
  const { exit, out } = await run(scene, ['dlq', 'replay', '--all', '--dry-run', '--json'])
  const { dryRun, matched, would } = JSON.parse(out)
  assert.deepEqual([exit, dryRun, matched, would.length], [0, true, 2, 2])
  assert.equal((await lettersOf(scene))['K-3']!['state'], 'open')
})

test('dlq replay: a bulk of which some fail is 5 and tells which', async (t) => {
  const scene = await filledScene(t)
  const [first, second] = [await idOf(scene, 'K-2'), await idOf(scene, 'K-3')]
  await run(scene, ['dlq', 'discard', first, '--reason', 'gone'])
  const { exit, out } = await run(scene, ['dlq', 'replay', first, second, '--yes', '--json'])
  const { done, failed } = JSON.parse(out)
  assert.equal(exit, 5)
  assert.deepEqual(done, [second])
  assert.deepEqual(
    failed.map((each: { id: string; code: string }) => [each.id, each.code]),
    [[first, 'FB_DEAD_LETTER_STATE']],
  )
})

test('dlq replay: a mistyped id among several: 3, and none is touched', async (t) => {
  const scene = await filledScene(t)
  const { exit } = await run(scene, ['dlq', 'replay', await idOf(scene, 'K-2'), 'nope', '--yes'])
  assert.equal(exit, 3)
  assert.equal((await lettersOf(scene))['K-2']!['state'], 'open')
})

test('dlq replay: nothing named is 2, ids and a filter together are 2, a filter without match is 3', async (t) => {
  const scene = await filledScene(t)
  assert.equal((await run(scene, ['dlq', 'replay'])).exit, 2)
  assert.equal((await run(scene, ['dlq', 'replay', 'x', '--all'])).exit, 2)
  assert.equal((await run(scene, ['dlq', 'replay', '--fingerprint', 'nope', '--yes'])).exit, 3)
  assert.equal((await run(scene, ['dlq', 'replay', '--all', '--type', 'nope', '--yes'])).exit, 0)
})

test('dlq replay: Ctrl-C stops between two letters: 130', async (t) => {
  const scene = await filledScene(t)
  const stop = new AbortController()
  stop.abort()
  const { exit } = await run(scene, ['dlq', 'replay', '--all', '--yes'], { signal: stop.signal })
  assert.equal(exit, 130)
  assert.equal((await lettersOf(scene))['K-2']!['state'], 'open')
})

test('dlq discard: needs a reason and keeps it', async (t) => {
  const scene = await filledScene(t)
  const id = await idOf(scene, 'K-2')
  assert.equal((await run(scene, ['dlq', 'discard', id])).exit, 2)
  assert.equal((await run(scene, ['dlq', 'discard', id, '--reason', ' '])).exit, 2)
  assert.equal((await run(scene, ['dlq', 'discard', id, '--reason', 'test order'])).exit, 0)
  const { state, history } = JSON.parse((await run(scene, ['dlq', 'show', id, '--json'])).out)
  assert.deepEqual([state, history[1].note], ['discarded', 'test order'])
})

test('dlq edit: an edited payload goes through as a new event', async (t) => {
  const scene = await filledScene(t)
  const id = await idOf(scene, 'K-2')
  await runServices(scene, [{ orderId: 'K-4', weightKg: 1 }], async ({ facts }) => {
    const { exit, out } = await run(scene, ['dlq', 'edit', id, '--set', 'weightKg=1200', '--set', 'stops.1=Ulm'])
    assert.equal(exit, 0)
    assert.match(out, /^~ weightKg {2}90000 -> 1200\n\+ stops\.1 {3}"Ulm"\nedited /)
    await facts.count(2, (fact) => fact.kind === 'done')
  })
  assert.equal((await lettersOf(scene))['K-2']!['state'], 'superseded')
  const invoices = await run(scene, ['tail', 'invoices', '--from', 'earliest', '--no-follow', '--json'])
  const payloads = invoices.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).payload)
  assert.deepEqual(payloads.at(-1), { orderId: 'K-2', amountMinor: 14_400 })
})

test('dlq edit: a payload that does not fit the contract is refused with 4, and nothing is done', async (t) => {
  const scene = await filledScene(t)
  const id = await idOf(scene, 'K-2')
  for (const line of [
    ['--set', 'weightKg=heavy'],
    ['--set', 'weightKg=-1', '--dry-run'],
  ]) {
    const { exit, err } = await run(scene, ['dlq', 'edit', id, ...line])
    assert.equal(exit, 4)
    assert.match(err, /does not fit order\.placed v1: weightKg: /)
  }
  assert.equal((await lettersOf(scene))['K-2']!['state'], 'open')
})

test('dlq edit: --file takes the whole payload, --dry-run only checks it', async (t) => {
  const scene = await filledScene(t)
  const id = await idOf(scene, 'K-2')
  const files = { 'p.json': '{"orderId":"K-2","weightKg":5}' }
  const { exit, out, err } = await run(scene, ['dlq', 'edit', id, '--file', 'p.json', '--dry-run'], { files })
  assert.equal(exit, 0)
  assert.match(out, /~ weightKg +90000 -> 5/)
  assert.match(out, /- stops\.0 +"Köln"/)
  assert.match(err, /It fits order\.placed v1\. Nothing was changed\./)
  for (const options of [['--dry-run'], []]) {
    const moved = await run(scene, ['dlq', 'edit', id, '--set', 'orderId=K-7', ...options])
    assert.equal(moved.exit, 4)
    assert.match(moved.err, /orderId: must stay "K-2", because it decides the place in the order/)
  }
  const broken = await run(scene, ['dlq', 'edit', id, '--file', 'p.json'], { files: { 'p.json': '{' } })
  assert.equal(broken.exit, 2)
})

test('dlq edit: refuses numbers that it would change, and a payload that stays the same', async (t) => {
  const scene = await filledScene(t)
  const id = await idOf(scene, 'K-2')
  const big = await run(scene, ['dlq', 'edit', id, '--set', 'weightKg=9007199254740993'])
  assert.equal(big.exit, 2)
  assert.match(big.err, /cannot keep.*9007199254740993/)
  assert.equal((await run(scene, ['dlq', 'edit', id, '--set', 'weightKg=90000'])).exit, 2)
  assert.equal((await run(scene, ['dlq', 'edit', id])).exit, 2)
  assert.equal((await run(scene, ['dlq', 'edit', id, '--set', 'orderId.x=1'])).exit, 2)
})
