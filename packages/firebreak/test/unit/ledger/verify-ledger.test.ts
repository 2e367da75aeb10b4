import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hours } from '../../../src/contracts/duration.ts'
import { permanent } from '../../../src/contracts/errors.ts'
import type { TestRuntime } from '../../../src/testing/test-runtime.ts'
import { named } from '../../named.ts'
import { publishAll, scene, writer } from '../../thing-scene.ts'

/** Eleven records: done, parked behind a failing one, dead, discarded, replayed and resolved. */
async function mixed(): Promise<TestRuntime> {
  const one = writer('one', (it) => {
    if (it.id === 'parked') throw new Error('down')
    if (it.id === 'dead') throw permanent('dead')
  })
  const { app } = await scene([one])
  await publishAll(app, [
    ['ok', 1],
    ['ok', 2],
    ['parked', 1],
    ['parked', 2],
    ['dead', 1],
    ['dead', 2],
    ['dead', 3],
    ['ok', 3],
  ])
  const letters = await named(app, 'one').deadLetters.list()
  await named(app, 'one').deadLetters.discard(letters[0]!.id, { by: 'ann', note: 'test' })
  await named(app, 'one').deadLetters.replay(letters[1]!.id, { by: 'ann', note: 'try' })
  await app.settle()
  await app.advance(2000)
  return app
}

const planted: readonly (readonly [what: string, sql: string, words: RegExp])[] = [
  [
    'a record acknowledged without an outcome',
    'update fb_partitions set done = done - 1 where done > 0',
    /consumed, .* accounted/,
  ],
  [
    'an outcome without its record',
    'update fb_partitions set next_position = next_position - 1 where dead > 0',
    /consumed, .* accounted/,
  ],
  [
    'a parked record that vanished',
    'delete from fb_parked where position = (select max(position) from fb_parked)',
    /records parked/,
  ],
  ['a dead letter that vanished', "delete from fb_dead_letters where state = 'open'", /dead letters open/],
  ['a discarded letter that vanished', "delete from fb_dead_letters where state = 'discarded'", /discarded/],
  [
    'progress beyond the log',
    'update fb_partitions set next_position = next_position + 50, done = done + 50 where done > 0',
    /the log ends at/,
  ],
  [
    'records passed over as gaps',
    'update fb_partitions set gaps = gaps + 1, done = done - 1 where done > 1',
    /passed over/,
  ],
  [
    'an event counted without its mark',
    'delete from fb_inbox where event_id = (select min(event_id) from fb_inbox)',
    /marked as handled/,
  ],
  [
    'an event marked without being counted',
    "insert into fb_inbox (event_id, at_ms, mark) values ('x', 1, 1)",
    /marked as handled/,
  ],
  [
    'a letter in replay that nothing replays',
    "update fb_dead_letters set state = 'replaying' where state = 'open'",
    /being replayed/,
  ],
  ['a parked record of no partition', "update fb_parked set topic = 'elsewhere'", /never claimed/],
]

test('a sound ledger balances with records in every account', async () => {
  const app = await mixed()
  const report = await named(app, 'one').ledger()
  assert.deepEqual(report.problems, [])
  assert.equal(report.imbalance, 0)
  const sums = { consumed: 0, done: 0, parked: 0, dead: 0, discarded: 0 }
  for (const partition of report.partitions) {
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += partition[name]
  }
  assert.deepEqual(sums, { consumed: 8, done: 3, parked: 2, dead: 2, discarded: 1 })
  await app.stop()
})

for (const [what, sql, words] of planted) {
  test(`the ledger reports ${what}`, async () => {
    const app = await mixed()
    await named(app, 'one').crash()
    await named(app, 'one').database.query(sql)
    const report = await named(app, 'one').ledger()
    assert.equal(report.ok, false)
    assert.ok(report.imbalance > 0)
    assert.match(report.problems.join('\n'), words)
    await app.stop()
  })
}

test('marks that were forgotten after their window still add up with what is done', async () => {
  const { app } = await scene([writer('one')], { limits: { inboxWindowMs: 60_000 } })
  await publishAll(app, [
    ['a', 1],
    ['b', 1],
  ])
  // Nobody looks more often than once in an hour.
  await app.advance(hours(1) + 1000)
  await publishAll(app, [['c', 1]])
  await app.settle()
  const sound = await named(app, 'one').ledger()
  assert.deepEqual([sound.problems, sound.marks], [[], 1])
  await named(app, 'one').database.query('delete from fb_inbox')
  assert.match((await named(app, 'one').ledger()).problems.join('\n'), /2 events marked as handled, 3 counted as done/)
  await app.stop()
})
