import assert from 'node:assert/strict'
import test, { before } from 'node:test'
import { type Act, actsOf, unit } from '../../src/testing/hostile/act.ts'
import { type HostileEvidence, judge, told } from '../hostile-findings.ts'
import { playVirtually } from '../hostile-virtual.ts'

const { done, letter } = actsOf('handler')
const good = done('does-as-it-should', (setting) => unit(setting))
const bad = letter('fails', () => Promise.reject(new Error('on purpose')))

/** One sound run for all tests; each plants its fault in a copy. */
let sound: HostileEvidence

const play = async (...acts: readonly Act[]): Promise<HostileEvidence> =>
  (await playVirtually({ seed: 3, acts, hostile: 20, innocent: 40, spreadMs: 500 })).evidence

before(async () => {
  sound = await play(good, bad)
})

const isInnocent = (eventId: string): boolean =>
  sound.sent.some((record) => record.eventId === eventId && record.act === null)
const named = (name: string): string => sound.sent.find(({ act }) => act?.name === name)?.eventId ?? ''
const innocentId = (): string => sound.sent.find(({ act }) => act === null)?.eventId ?? ''

type Plant = (evidence: HostileEvidence) => Partial<HostileEvidence>

const plants: readonly (readonly [claim: string, plant: Plant, found: readonly string[]])[] = [
  ['a sound run is sound', () => ({}), []],
  ['a halt is found', () => ({ halts: ['planted'] }), ['halts']],
  ['what has not come to rest is found', () => ({ unsettled: ['planted'] }), ['unsettled']],
  ['a ledger that does not balance is found', () => ({ ledger: ['planted'] }), ['ledger']],
  ['a write that must not be there is found', () => ({ trespasses: 1 }), ['trespasses']],
  [
    'a record that has gone is lost, and its event is a ghost',
    ({ effects }) => ({ effects: effects.filter(({ eventId }) => eventId !== innocentId()) }),
    ['lost', 'ghostEvents'],
  ],
  [
    'a dead letter that has gone is lost',
    ({ letters }) => ({ letters: letters.filter(({ eventId }) => eventId !== named('fails')) }),
    ['lost'],
  ],
  [
    'an effect that is there twice is found',
    ({ effects }) => ({ effects: [...effects.filter(({ eventId }) => eventId === innocentId()), ...effects] }),
    ['doubleEffects'],
  ],
  ['an effect behind its successor is found', ({ effects }) => ({ effects: effects.toReversed() }), ['keyInversions']],
  [
    'an event of a unit that failed is a ghost',
    ({ followed }) => ({ followed: [...followed, { id: 'planted', cause: named('fails') }] }),
    ['ghostEvents'],
  ],
  [
    'a second event of a unit that is there is a ghost',
    ({ followed }) => ({ followed: [...followed, { id: 'planted', cause: innocentId() }] }),
    ['ghostEvents'],
  ],
  ['an event that stands in the log twice is none', ({ followed }) => ({ followed: [...followed, ...followed] }), []],
  [
    'an effect whose event has gone is found',
    ({ followed }) => ({ followed: followed.filter(({ cause }) => cause !== innocentId()) }),
    ['missingEvents'],
  ],
  [
    'a dead letter of an innocent record is found',
    ({ letters }) => ({ letters: [...letters, { eventId: innocentId(), reason: 'crash', attempts: 1 }] }),
    ['wrongEnds', 'innocentLetters'],
  ],
  [
    'an attempt that an innocent record has lost is found',
    ({ failed }) => ({ failed: [...failed, { eventId: innocentId(), attempt: 1 }] }),
    ['innocentAttempts'],
  ],
  [
    'the session of somebody else is found',
    ({ effects }) => ({
      effects: effects.map((one) => (isInnocent(one.eventId) ? { ...one, session: 'foreign' } : one)),
    }),
    ['foreignSessions'],
  ],
  [
    'an act that ends otherwise than it says is found',
    ({ letters }) => ({
      letters: [...letters, { eventId: named('does-as-it-should'), reason: 'exhausted', attempts: 3 }],
    }),
    ['wrongEnds'],
  ],
  [
    'more attempts than the policy allows are found',
    ({ failed }) => ({ failed: [...failed, { eventId: named('fails'), attempt: 4 }] }),
    ['overtried'],
  ],
  [
    'an attempt that must not be counted is found',
    ({ failed }) => ({ failed: [...failed, { eventId: named('does-as-it-should'), attempt: 1 }] }),
    ['overtried'],
  ],
]

for (const [claim, plant, found] of plants) {
  test(claim, () => {
    const findings = judge({ ...sound, ...plant(sound) })
    assert.deepEqual(Object.keys(told(findings)).sort(), found.toSorted())
  })
}

test('an event that is published beside its unit is found in a run', async () => {
  const ghost = letter('publishes-beside-its-unit', async ({ runtime, ctx, event, payload }) => {
    const { id: causationId, correlationId } = ctx.envelope
    await runtime.publish(event, payload as never, { correlationId, causationId })
    throw new Error('on purpose')
  })
  assert.deepEqual(Object.keys(told(judge(await play(ghost)))), ['ghostEvents'])
})

test('a handler that is done and has failed before is found in a run', async () => {
  const late = done('fails-at-first', (setting) => {
    if (setting.ctx.attempt === 1) throw new Error('at first')
    return unit(setting)
  })
  assert.deepEqual(Object.keys(told(judge(await play(late)))), ['overtried'])
})

test('a write outside of every unit is found in a run', async () => {
  const trespasser = letter('writes-beside-its-unit', async ({ database }) => {
    await database.query("insert into hostile_trespasses (what) values ('planted')")
    throw new Error('on purpose')
  })
  assert.deepEqual(Object.keys(told(judge(await play(trespasser)))), ['trespasses'])
})
