import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Cron, cron } from '../../../src/define/cron.ts'
import { nextSlot } from '../../../src/define/next-slot.ts'
import { dateAt, toRfc3339 } from '../../../src/node/clock.ts'
import type { ZoneRules } from '../../../src/node/time/zones.ts'
import { zoneRules } from '../../../src/node/time/zones.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

interface Span {
  readonly zone: string
  readonly from: string
  readonly to: string
}

/** The slots from one instant to before another, as `10-25T00:00Z`. */
function slots(text: string, { zone, from, to }: Span): readonly string[] {
  const [one, rules, found] = [cron(text), zoneRules(zone), [] as string[]]
  for (let atMs = Date.parse(from) - 1; ; ) {
    const slotMs = nextSlot(one, rules, atMs)
    assert.ok(slotMs > atMs, 'a slot is later than what is asked about')
    if (slotMs >= Date.parse(to)) return found
    atMs = slotMs
    found.push(toRfc3339(atMs).replace(/^\d{4}-(.*):00\.000Z$/, '$1Z'))
  }
}

const next = (text: string, zone: string, after: string): string =>
  toRfc3339(nextSlot(cron(text), zoneRules(zone), Date.parse(after)))

// From midnight to midnight by the clocks of the zone.
const amsterdam = 'Europe/Amsterdam'
const spring: Span = { zone: amsterdam, from: '2026-03-28T23:00Z', to: '2026-03-29T22:00Z' }
const autumn: Span = { zone: amsterdam, from: '2026-10-24T22:00Z', to: '2026-10-25T23:00Z' }
const springHours = Date.parse(spring.to) - Date.parse(spring.from)
const autumnHours = Date.parse(autumn.to) - Date.parse(autumn.from)

test('scenario 28: a wall time that does not exist runs once, at the first instant after the gap', () => {
  assert.deepEqual(slots('0 2 * * *', spring), ['03-29T01:00Z'])
  assert.deepEqual(slots('30 2 * * *', spring), ['03-29T01:00Z'])
  assert.deepEqual(slots('0 2 * * *', { ...spring, from: '2026-03-28T00:00Z', to: '2026-03-31T00:00Z' }), [
    '03-28T01:00Z',
    '03-29T01:00Z',
    '03-30T00:00Z',
  ])
})

test('scenario 29: a wall time that exists twice runs once, at the first', () => {
  assert.deepEqual(slots('0 2 * * *', autumn), ['10-25T00:00Z'])
  assert.deepEqual(slots('59 2 * * *', autumn), ['10-25T00:59Z'])
  assert.equal(next('0 2 * * *', amsterdam, '2026-10-25T00:00Z'), '2026-10-26T01:00:00.000Z')
})

test('scenario 30: two wall times that lead to one instant run once, and one that exists twice is not run for the other', () => {
  assert.deepEqual(slots('0 2,3 * * *', autumn), ['10-25T00:00Z', '10-25T02:00Z'])
  assert.deepEqual(slots('0 2,3 * * *', spring), ['03-29T01:00Z'])
  assert.deepEqual(slots('*/15 2 * * *', spring), ['03-29T01:00Z'])
  assert.deepEqual(slots('*/15 2 * * *', autumn), ['10-25T00:00Z', '10-25T00:15Z', '10-25T00:30Z', '10-25T00:45Z'])
})

for (const [night, span, lengthMs] of [
  ['spring', spring, springHours],
  ['autumn', autumn, autumnHours],
] as const)
  test(`scenario 31: every half hour runs every 30 min of real time through the night in ${night}`, () => {
    const every = Array.from({ length: lengthMs / (30 * minuteMs) }, (_, i) =>
      toRfc3339(Date.parse(span.from) + i * 30 * minuteMs).slice(5, 16),
    )
    assert.deepEqual(
      slots('*/30 * * * *', span),
      every.map((at) => `${at}Z`),
    )
    assert.equal(every.length, night === 'spring' ? 46 : 50)
  })

test('scenario 32: midnight that is skipped runs once that day, at 01:00', () => {
  // In Santiago the clocks go from 24:00 on Saturday to 01:00 on Sunday, 2026-09-06.
  const days = { zone: 'America/Santiago', from: '2026-09-05T00:00Z', to: '2026-09-08T00:00Z' }
  assert.deepEqual(slots('0 0 * * *', days), ['09-05T04:00Z', '09-06T04:00Z', '09-07T03:00Z'])
  assert.deepEqual(slots('0 0 * * SUN', days), ['09-06T04:00Z'])
  assert.deepEqual(slots('@daily', days), slots('0 0 * * *', days))
  assert.deepEqual(slots('0 0,1 6 9 *', days), ['09-06T04:00Z'])
})

test('the hour before midnight that comes twice runs once, and every hour runs each time', () => {
  // In Santiago the clocks go from 24:00 on Saturday, 2026-04-04, back to 23:00.
  const days = { zone: 'America/Santiago', from: '2026-04-05T01:00Z', to: '2026-04-05T06:00Z' }
  assert.deepEqual(slots('30 23 * * *', days), ['04-05T02:30Z'])
  assert.deepEqual(slots('30 23 4 4 *', { ...days, to: '2026-05-01T00:00Z' }), ['04-05T02:30Z'])
  assert.deepEqual(slots('30 * * * *', days), [
    '04-05T01:30Z',
    '04-05T02:30Z',
    '04-05T03:30Z',
    '04-05T04:30Z',
    '04-05T05:30Z',
  ])
})

test('clocks that are put back over midnight show the next date before the rest of the last, and slots stay in order', () => {
  // Goose Bay went from 00:01 on Sunday, 2010-11-07, back to 23:01 on Saturday.
  const night = { zone: 'America/Goose_Bay', from: '2010-11-07T02:00Z', to: '2010-11-07T06:00Z' }
  assert.deepEqual(slots('*/30 * * * *', night), [
    '11-07T02:00Z',
    '11-07T02:30Z',
    '11-07T03:00Z',
    '11-07T03:30Z',
    '11-07T04:00Z',
    '11-07T04:30Z',
    '11-07T05:00Z',
    '11-07T05:30Z',
  ])
  assert.deepEqual(slots('0 0 * * *', night), ['11-07T03:00Z'])
})

test('half an hour that is skipped or comes twice keeps every half hour even', () => {
  const zone = 'Australia/Lord_Howe'
  for (const night of ['2026-10-03', '2026-04-04']) {
    const found = slots('*/30 * * * *', { zone, from: `${night}T12:00Z`, to: `${night}T18:00Z` })
    assert.equal(found.length, 12, `${night}: ${found}`)
  }
  assert.equal(next('15 2 * * *', zone, '2026-10-03T00:00Z'), '2026-10-03T15:30:00.000Z')
})

test('every other hour runs as much later as the clocks are put forward, and twice at an hour that comes twice', () => {
  const found = (text: string, span: Span): readonly string[] => slots(text, span).slice(0, 4)
  assert.deepEqual(found('0 */2 * * *', spring), ['03-28T23:00Z', '03-29T01:00Z', '03-29T02:00Z', '03-29T04:00Z'])
  assert.deepEqual(found('20 */2 * * *', spring), ['03-28T23:20Z', '03-29T01:20Z', '03-29T02:20Z', '03-29T04:20Z'])
  assert.deepEqual(found('0 */2 * * *', autumn), ['10-24T22:00Z', '10-25T00:00Z', '10-25T01:00Z', '10-25T03:00Z'])
})

test('every sixth hour does not leave out a midnight that is skipped', () => {
  const days = { zone: 'America/Santiago', from: '2026-09-05T20:00Z', to: '2026-09-06T18:00Z' }
  assert.deepEqual(slots('0 */6 * * *', days), ['09-05T22:00Z', '09-06T04:00Z', '09-06T09:00Z', '09-06T15:00Z'])
})

test('a date that a zone left out runs once, at the end of the gap', () => {
  // Samoa had no 2011-12-30.
  const days = { zone: 'Pacific/Apia', from: '2011-12-29T10:00Z', to: '2012-01-01T10:00Z' }
  assert.deepEqual(slots('0 0 * * *', days), ['12-29T10:00Z', '12-30T10:00Z', '12-31T10:00Z'])
  assert.deepEqual(slots('0 12 30 12 *', { ...days, to: '2012-02-01T00:00Z' }), ['12-30T10:00Z'])
})

test('a slot is after the instant that is asked about, even by a millisecond', () => {
  const at = '2026-06-01T00:00:00.000Z'
  assert.equal(next('0 0 * * *', 'UTC', '2026-05-31T23:59:59.999Z'), at)
  assert.equal(next('0 0 * * *', 'UTC', at), '2026-06-02T00:00:00.000Z')
  assert.equal(next('* * * * *', 'UTC', '2026-06-01T00:00:00.001Z'), '2026-06-01T00:01:00.000Z')
})

test('either day field is enough when both say something, and both have to fit when one begins with a star', () => {
  const june = { zone: 'UTC', from: '2026-06-01T00:00Z', to: '2026-07-01T00:00Z' }
  const days = (text: string): readonly string[] => slots(`0 0 ${text}`, june).map((at) => at.slice(3, 5))
  assert.deepEqual(days('13 * FRI'), ['05', '12', '13', '19', '26'])
  assert.deepEqual(days('13 * *'), ['13'])
  assert.deepEqual(days('* * FRI'), ['05', '12', '19', '26'])
  assert.deepEqual(days('*/2 * FRI'), ['05', '19'])
})

test('29 February is found years away, and on a given weekday decades away', () => {
  assert.equal(next('0 0 29 2 *', 'UTC', '2026-01-01'), '2028-02-29T00:00:00.000Z')
  assert.equal(next('0 0 29 2 *', 'UTC', '2096-03-01'), '2104-02-29T00:00:00.000Z')
  assert.equal(next('0 0 29 2 */6', 'UTC', '2088-03-01'), '2116-02-29T00:00:00.000Z')
})

test('a date at the eastern and the western end of the world is that of its zone', () => {
  assert.equal(next('0 0 1 1 *', 'Pacific/Kiritimati', '2026-06-01'), '2026-12-31T10:00:00.000Z')
  assert.equal(next('59 23 31 12 *', 'Pacific/Pago_Pago', '2026-06-01'), '2027-01-01T10:59:00.000Z')
  assert.equal(next('0 6 * * *', 'Asia/Kathmandu', '2026-06-01'), '2026-06-01T00:15:00.000Z')
})

const zones = ['Europe/Amsterdam', 'America/Santiago', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC'] as const

/** Days of ten years on which the clocks of a zone are changed; any day where they never are. */
function nightsOf(zone: string): readonly number[] {
  const rules = zoneRules(zone)
  const firstMs = Date.parse('2024-01-01')
  const days = Array.from({ length: 3653 }, (_, i) => firstMs + i * dayMs)
  const nights = days.filter((ms) => rules.offsetMinutesAt(ms) !== rules.offsetMinutesAt(ms + dayMs))
  return nights.length === 0 ? days : nights
}

/** A zone, and an instant near a night when its clocks are changed. */
const aroundNight = fc.constantFrom(...zones.map((zone) => [zone, nightsOf(zone)] as const)).chain(([zone, nights]) =>
  fc.record({
    zone: fc.constant(zone),
    afterMs: fc
      .tuple(fc.constantFrom(...nights), fc.integer({ min: -600, max: 1500 }))
      .map(([ms, plus]) => ms + plus * minuteMs),
  }),
)

const some = (most: number): fc.Arbitrary<string> =>
  fc.uniqueArray(fc.integer({ min: 0, max: most }), { minLength: 1, maxLength: 3 }).map((values) => values.join())
const minutesField = fc.oneof(some(59), fc.constantFrom('*', '*/15', '*/20', '*/30', '0'))
const fixedHours = fc.oneof(some(23), fc.constantFrom('0', '2', '1,2,3', '0,23', '22-23'))
const everyHours = fc.constantFrom('*', '*', '*/2', '*/3', '*/6', '0-23')

/** Whether a wall time, in ms as if it were one of UTC, is named. */
function names({ hours, minutes }: Cron, wallMs: number): boolean {
  const wall = dateAt(wallMs)
  return minutes.includes(wall.getUTCMinutes()) && hours.includes(wall.getUTCHours())
}

/** The same as the slots' definition, asked of one minute: does it run now? */
function runsAt(one: Cron, rules: ZoneRules, ms: number): boolean {
  const offsetMs = (at: number): number => rules.offsetMinutesAt(at) * minuteMs
  const now = offsetMs(ms)
  // Long enough before for every gap and every hour that comes twice.
  const old = offsetMs(ms - 2 * hourMs)
  const isNewSince = (agoMs: number): boolean => old !== now && offsetMs(ms - agoMs) === old
  if (one.isEveryHour) return names(one, ms + now) || (isNewSince(now - old) && now > old && names(one, ms + old))
  if (now > old && isNewSince(minuteMs)) {
    const skipped = Array.from({ length: (now - old) / minuteMs }, (_, i) => ms + old + i * minuteMs)
    return skipped.some((wallMs) => names(one, wallMs)) || names(one, ms + now)
  }
  const isSecond = old > now && isNewSince(old - now)
  return names(one, ms + now) && !isSecond
}

for (const [kind, hours] of [
  ['chosen hours', fixedHours],
  ['every so many hours', everyHours],
] as const)
  test(`${kind}: the next slot is the first that a look at every minute finds`, () => {
    fc.assert(
      fc.property(aroundNight, minutesField, hours, ({ zone, afterMs }, minute, hour) => {
        const [one, rules] = [cron(`${minute} ${hour} * * *`), zoneRules(zone)]
        let expectedMs = afterMs + minuteMs
        while (!runsAt(one, rules, expectedMs)) expectedMs += minuteMs
        assert.equal(toRfc3339(nextSlot(one, rules, afterMs)), toRfc3339(expectedMs), `${one.text} ${zone}`)
      }),
      { numRuns: 300 },
    )
  })

/** When a wall time runs by Temporal: `compatible` is the first of two, and later than a gap, whose end is asked for. */
function byTemporal(wall: Temporal.PlainDateTime, zone: string): number {
  const found = wall.toZonedDateTime(zone, { disambiguation: 'compatible' })
  if (found.toPlainDateTime().equals(wall)) return found.epochMilliseconds
  return found.add({ nanoseconds: 1 }).getTimeZoneTransition('previous')?.epochMilliseconds ?? Number.NaN
}

const dates = fc.record({
  days: fc.constantFrom('*', '*', '1', '29-31', '8-14', '*/7'),
  months: fc.constantFrom('*', '3,10', '4,9', '2'),
  weekdays: fc.constantFrom('*', '*', 'SUN', 'SAT-SUN', '*/3'),
})

/** The first slot after an instant, by Temporal's calendar and wall times. */
function firstByTemporal(one: Cron, zone: string, afterMs: number): number {
  let date = Temporal.Instant.fromEpochMilliseconds(afterMs)
    .toZonedDateTimeISO(zone)
    .toPlainDate()
    .subtract({ days: 1 })
  for (;;) {
    const day = one.days.includes(date.day)
    const weekday = one.weekdays.includes(date.dayOfWeek % 7)
    const fits = one.months.includes(date.month) && (one.isEitherDay ? day || weekday : day && weekday)
    const times = fits ? one.hours.flatMap((hour) => one.minutes.map((minute) => ({ hour, minute }))) : []
    const found = times.map((time) => byTemporal(date.toPlainDateTime(time), zone)).filter((ms) => ms > afterMs)
    if (found.length > 0) return Math.min(...found)
    date = date.add({ days: 1 })
  }
}

const withTemporal = { skip: typeof Temporal === 'undefined' && 'this Node has no Temporal to compare with' }

test('chosen hours run when Temporal says that the clocks show them', withTemporal, () => {
  const anyTime = fc.record({
    zone: fc.constantFrom(...zones),
    afterMs: fc.integer({ min: Date.parse('1990-01-01'), max: Date.parse('2080-01-01') }),
  })
  fc.assert(
    fc.property(fc.oneof(aroundNight, anyTime), fixedHours, dates, ({ zone, afterMs }, hours, date) => {
      const one = cron(`0,30 ${hours} ${date.days} ${date.months} ${date.weekdays}`)
      const expected = firstByTemporal(one, zone, afterMs)
      assert.equal(toRfc3339(nextSlot(one, zoneRules(zone), afterMs)), toRfc3339(expected), `${one.text} ${zone}`)
    }),
    { numRuns: 300 },
  )
})

test('the slots of any cron follow each other, and asking from in between finds the same', () => {
  fc.assert(
    fc.property(aroundNight, minutesField, fc.oneof(fixedHours, everyHours), ({ zone, afterMs }, minute, hour) => {
      const [one, rules] = [cron(`${minute} ${hour} * * *`), zoneRules(zone)]
      let atMs = afterMs
      for (let i = 0; i < 5; i++) {
        const followingMs = nextSlot(one, rules, atMs)
        assert.ok(followingMs > atMs)
        assert.equal(nextSlot(one, rules, Math.floor((atMs + followingMs) / 2)), followingMs)
        assert.equal(nextSlot(one, rules, followingMs - 1), followingMs)
        atMs = followingMs
      }
    }),
  )
})
