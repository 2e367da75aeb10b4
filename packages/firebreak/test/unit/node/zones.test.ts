import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { zoneProblems, zoneRules } from '../../../src/node/time/zones.ts'

const offsetAt = (zone: string, instant: string): number => zoneRules(zone).offsetMinutesAt(Date.parse(instant))

test('a zone is ahead of UTC by its offset of that instant, in winter and in summer', () => {
  assert.equal(offsetAt('UTC', '2026-07-01T00:00Z'), 0)
  assert.equal(offsetAt('Europe/Amsterdam', '2026-01-01T00:00Z'), 60)
  assert.equal(offsetAt('Europe/Amsterdam', '2026-07-01T00:00Z'), 120)
  assert.equal(offsetAt('America/New_York', '2026-01-01T00:00Z'), -300)
  assert.equal(offsetAt('Asia/Kathmandu', '2026-01-01T00:00Z'), 345)
  assert.equal(offsetAt('America/St_Johns', '2026-01-01T00:00Z'), -210)
  assert.equal(offsetAt('Australia/Lord_Howe', '2026-01-01T00:00Z'), 660)
  assert.equal(offsetAt('Australia/Lord_Howe', '2026-07-01T00:00Z'), 630)
})

test('an offset changes at the millisecond at which the clocks are changed', () => {
  assert.equal(offsetAt('Europe/Amsterdam', '2026-03-29T00:59:59.999Z'), 60)
  assert.equal(offsetAt('Europe/Amsterdam', '2026-03-29T01:00:00.000Z'), 120)
})

test('an offset of long ago has a fraction of a minute', () => {
  assert.equal(offsetAt('Africa/Monrovia', '1970-01-01T00:00Z'), -44.5)
})

test('zones that differ keep their answers apart, however often they are asked', () => {
  const [utc, west] = [zoneRules('UTC'), zoneRules('America/New_York')]
  for (let round = 0; round < 2; round++)
    for (let hour = 0; hour < 200; hour++) {
      assert.equal(utc.offsetMinutesAt(hour * 3_600_000), 0)
      assert.equal(west.offsetMinutesAt(hour * 3_600_000), -300)
    }
})

test('an unknown zone is refused, with the one that was probably meant', () => {
  const says = 'zone must be the name of an IANA time zone, such as Europe/Amsterdam or UTC, not '
  assert.deepEqual(zoneProblems('Europe/Amsterdm'), [`${says}"Europe/Amsterdm": did you mean Europe/Amsterdam?`])
  assert.deepEqual(zoneProblems('Amsterdam'), [`${says}"Amsterdam": did you mean Europe/Amsterdam?`])
  assert.deepEqual(zoneProblems('America/Berlin'), [`${says}"America/Berlin": did you mean Europe/Berlin?`])
  assert.deepEqual(zoneProblems('UTCC'), [`${says}"UTCC": did you mean UTC?`])
  assert.deepEqual(zoneProblems('UCT+1'), [`${says}"UCT+1"`])
  assert.deepEqual(zoneProblems('Middle/Earthsea'), [`${says}"Middle/Earthsea"`])
  assert.throws(
    () => zoneRules('Europe/Amsterdm'),
    (error) => isFirebreakError(error, 'FB_CONFIG') && error.message.includes('did you mean Europe/Amsterdam?'),
  )
})

test('an offset, the zone of the machine and what is no text are no zones', () => {
  for (const zone of ['', '+02:00', '-05', ' UTC', undefined, null, 5, {}, ['UTC'], Symbol('UTC')])
    assert.match(zoneProblems(zone).join(), /^zone must be the name of an IANA time zone/)
})

test('every zone that this Node lists is known', () => {
  for (const zone of ['UTC', ...Intl.supportedValuesOf('timeZone')]) assert.deepEqual(zoneProblems(zone), [], zone)
})

test('offsets are those of Temporal', {
  skip: typeof Temporal === 'undefined' && 'this Node has no Temporal to compare with',
}, () => {
  const zone = fc.constantFrom(
    'Europe/Amsterdam',
    'America/Santiago',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Pacific/Apia',
    'UTC',
  )
  const instantMs = fc.integer({ min: Date.parse('1975-01-01'), max: Date.parse('2090-01-01') })
  fc.assert(
    fc.property(zone, instantMs, (name, ms) => {
      const expected = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(name).offsetNanoseconds / 60e9
      assert.equal(zoneRules(name).offsetMinutesAt(ms), expected)
    }),
  )
})
