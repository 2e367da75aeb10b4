import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogEntry } from '../../../src/contracts/log.ts'
import { inboxIdOf } from '../../../src/runtime/message/envelope-codec.ts'
import { laneOf } from '../../../src/runtime/partition/partition.ts'
import { named } from '../../named.ts'
import { publishAll, scene, writer } from '../../thing-scene.ts'

const entryOf = (some: Partial<LogEntry>): LogEntry => ({
  topic: 't',
  partition: 0,
  offset: 7,
  key: 'k',
  value: null,
  headers: {},
  atMs: 0,
  ...some,
})
const laneOfKey = (key: string): string => laneOf(entryOf({ key }))
const idOf = (source: string, id: string): string | null =>
  inboxIdOf(entryOf({ headers: { ce_id: id, ce_source: source } }))

test('names that fit an index stay as they are', () => {
  assert.equal(laneOf(entryOf({ key: null })), '#7')
  assert.equal(laneOfKey('a'.repeat(511)), `=${'a'.repeat(511)}`)
  assert.equal(idOf('/a', 'b'.repeat(509)), `/a#${'b'.repeat(509)}`)
  assert.equal(idOf('/a', '01890a5d-ac96-774b-bcce-b302099a8057'), '01890a5d-ac96-774b-bcce-b302099a8057')
})

test('a longer one becomes its digest, which no shorter one can be', () => {
  const key = 'a'.repeat(512)
  assert.match(laneOfKey(key), /^![0-9a-f]{64}$/)
  assert.equal(laneOfKey(key), laneOfKey(key))
  assert.notEqual(laneOfKey(key), laneOfKey(`${key}a`))
  assert.notEqual(laneOfKey(laneOfKey(key)), laneOfKey(key))
  const id = idOf('/a', key)
  assert.match(String(id), /^![0-9a-f]{64}$/)
  assert.notEqual(id, idOf('/b', key))
  assert.notEqual(idOf(String(id), ''), id)
  assert.notEqual(idOf('', String(id)), id)
})

test('an id in the form of a UUID is kept as every database can keep it', () => {
  const id = '01890a5d-ac96-774b-bcce-b302099a80\x007'
  assert.equal(id.length, 36)
  assert.equal(idOf('/a', id), id.replace('\0', '\u2400'))
})

test('a key of many kilobytes is parked and keeps its order', async () => {
  const key = Array.from({ length: 3000 }, (_, i) => String.fromCharCode(0x4e00 + ((i * 7919) % 20_000))).join('')
  const { app, effects } = await scene([
    writer('one', (it, ctx) => {
      if (it.n === 1 && ctx.attempt === 1) throw new Error('not yet')
    }),
  ])
  await publishAll(app, [
    [key, 1],
    [key, 2],
  ])
  const lanes = await named(app, 'one').database.query<{ lane: string }>('select lane from fb_parked')
  assert.deepEqual([lanes.length, new Set(lanes.map(({ lane }) => lane)).size], [2, 1])
  assert.ok((lanes[0]?.lane.length ?? 0) <= 512)
  await app.advance(20_000)
  assert.deepEqual(await effects('one'), [`${key}:1`, `${key}:2`])
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})
