import assert from 'node:assert/strict'
import { test } from 'node:test'
import { event, handle, isFirebreakError, type LogRecord, type Schema, service } from 'firebreak'
import { createTestRuntime, memoryLog, oddRecords } from 'firebreak/testing'
import { systemClock } from '../../src/node/clock.ts'
import { named } from '../named.ts'

interface Thing {
  readonly uid: string
  readonly key: string
  readonly seq: number
}

const isThing = (value: unknown): value is Thing => {
  const { uid, key, seq } = (value ?? {}) as Partial<Thing>
  return typeof uid === 'string' && typeof key === 'string' && typeof seq === 'number'
}
const schema: Schema<Thing> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => (isThing(value) ? { value } : { issues: [{ message: 'is no thing' }] }),
  },
}
const Happened = event({ type: 'thing.happened', topic: 'things', key: 'key', schema })
const Followed = event({ type: 'thing.followed', topic: 'followed', key: 'key', schema })
const handling = service({
  name: 'odd',
  handlers: [
    handle(Happened, (thing, ctx) =>
      ctx.transaction(async (sql) => {
        await sql.query('INSERT INTO effect (uid) VALUES ($1)', [thing.uid])
        ctx.publish(Followed, thing)
      }),
    ),
  ],
  publishes: [Followed],
})

function goodRecord(uid: string, key = uid): LogRecord {
  const value = new TextEncoder().encode(JSON.stringify({ uid, key, seq: 1 }))
  const headers = { ce_specversion: '1.0', ce_id: uid, ce_source: '/others', ce_type: Happened.type }
  return { topic: Happened.topic, key, value, headers }
}

const app = () =>
  createTestRuntime({
    services: [handling],
    expectDeadLetters: true,
    prepare: (database) => database.query('CREATE TABLE IF NOT EXISTS effect (uid TEXT NOT NULL)'),
  })

for (const odd of oddRecords.filter(({ ends }) => ends !== 'refused')) {
  test(`a record with ${odd.name} ends once, also a second time, and its neighbours do not notice`, async () => {
    const test = await app()
    const beside = [goodRecord('before'), odd.of(goodRecord('odd')), goodRecord('after'), goodRecord('last', 'odd')]
    await test.log.append(beside)
    await test.settle()
    await named(test, handling.name).crash()
    await named(test, handling.name).restart()
    await test.log.append([odd.of(goodRecord('odd'))])
    await test.advance(60_000)
    const effects = await named(test, handling.name).database.query<{ uid: string }>(
      'SELECT uid FROM effect ORDER BY rowid',
    )
    const letters = await named(test, handling.name).deadLetters.list()
    const uids = effects.map(({ uid }) => uid)
    for (const uid of ['before', 'after', 'last']) assert.equal(uids.filter((one) => one === uid).length, 1, uid)
    const odds = uids.length - 3
    if (odd.ends === 'done') assert.deepEqual([odds, letters.length], [1, 0])
    // Both copies, where no id tells that they are copies.
    else if (odd.ends === 'dead-letter') assert.deepEqual([odds, letters.length >= 1], [0, true])
    else assert.equal(odds + letters.length >= 1, true)
    assert.deepEqual((await named(test, handling.name).ledger()).problems, [])
    await test.stop()
  })
}

test('a log refuses what it could give no reader, and stores the records beside it when they come alone', async () => {
  const log = memoryLog({ clock: systemClock })
  await log.ensureTopics([{ name: Happened.topic }])
  for (const odd of oddRecords.filter(({ ends }) => ends === 'refused')) {
    const refused = log.append([goodRecord('beside'), odd.of(goodRecord('odd'))])
    await assert.rejects(refused, (error) => isFirebreakError(error, 'FB_RECORD_REFUSED'), odd.name)
  }
  assert.equal((await log.append([goodRecord('beside')])).length, 1)
  await log.close()
})
