import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { cron, cronProblems } from '../../../src/define/cron.ts'

const upTo = (least: number, most: number): number[] => Array.from({ length: most - least + 1 }, (_, i) => least + i)

test('each field is a list of values, ranges and steps', () => {
  const read = cron('0,30 8-17/3 1,15-17 */5 1-3,5')
  assert.deepEqual(read.minutes, [0, 30])
  assert.deepEqual(read.hours, [8, 11, 14, 17])
  assert.deepEqual(read.days, [1, 15, 16, 17])
  assert.deepEqual(read.months, [1, 6, 11])
  assert.deepEqual(read.weekdays, [1, 2, 3, 5])
})

test('a star is every value of its field, and a week has seven days', () => {
  const read = cron('* * * * *')
  assert.deepEqual(read.minutes, upTo(0, 59))
  assert.deepEqual(read.hours, upTo(0, 23))
  assert.deepEqual(read.days, upTo(1, 31))
  assert.deepEqual(read.months, upTo(1, 12))
  assert.deepEqual(read.weekdays, upTo(0, 6))
  assert.deepEqual(cron('* * * * */2').weekdays, [0, 2, 4, 6])
})

test('values that are named twice count once, in order', () => {
  assert.deepEqual(cron('30,5,5,0-10/5 0 * * *').minutes, [0, 5, 10, 30])
})

test('months and weekdays have names, in any case', () => {
  const read = cron('0 0 * jan,Mar-MAY mon-FRI/2')
  assert.deepEqual(read.months, [1, 3, 4, 5])
  assert.deepEqual(read.weekdays, [1, 3, 5])
})

test('Sunday is 0 and 7, and also ends a range', () => {
  for (const text of ['0', '7', 'SUN', '0,7']) assert.deepEqual(cron(`0 0 * * ${text}`).weekdays, [0], text)
  for (const text of ['6-7', '6-0', 'SAT-SUN', 'SAT,SUN'])
    assert.deepEqual(cron(`0 0 * * ${text}`).weekdays, [0, 6], text)
  for (const text of ['0-7', '1-7', 'SUN-SAT', 'MON-SUN'])
    assert.deepEqual(cron(`0 0 * * ${text}`).weekdays, upTo(0, 6), text)
})

test('blanks around and between the fields do not matter', () => {
  const { text, ...read } = cron('  0\t2  * * *\n')
  const { text: _, ...plain } = cron('0 2 * * *')
  assert.deepEqual(read, plain)
  assert.equal(text, '  0\t2  * * *\n')
})

test('an alias says the same as its five fields', () => {
  const aliases = {
    '@hourly': '0 * * * *',
    '@daily': '0 0 * * *',
    '@weekly': '0 0 * * SUN',
    '@monthly': '0 0 1 * *',
    '@yearly': '0 0 1 JAN *',
  }
  for (const [alias, fields] of Object.entries(aliases))
    assert.deepEqual({ ...cron(alias), text: fields }, cron(fields))
})

test('either day is enough when neither day field begins with a star', () => {
  const said = (days: string): boolean => cron(`0 0 ${days.replace(' ', ' * ')}`).isEitherDay
  assert.equal(said('13 5'), true)
  assert.equal(said('1-31 0-6'), true)
  for (const days of ['* *', '13 *', '* 5', '*/2 5', '13 */2']) assert.equal(said(days), false, days)
})

test('every hour is a star, a star with a step, or all hours named', () => {
  for (const hours of ['*', '*/2', '*/5', '0-23', '0-11,12-23'])
    assert.equal(cron(`0 ${hours} * * *`).isEveryHour, true, hours)
  for (const hours of ['0', '2,3', '0-22', '0-23/2', '1-23'])
    assert.equal(cron(`0 ${hours} * * *`).isEveryHour, false, hours)
})

const refused: readonly (readonly [text: string, says: string])[] = [
  ['60 * * * *', 'cron "60 * * * *": minute must be from 0 to 59, not "60"'],
  ['0 24 * * *', 'cron "0 24 * * *": hour must be from 0 to 23, not "24"'],
  ['0 0 0 * *', 'cron "0 0 0 * *": day of month must be from 1 to 31, not "0"'],
  ['0 0 1 13 *', 'cron "0 0 1 13 *": month must be from 1 to 12 or JAN to DEC, not "13"'],
  ['0 0 * * 8', 'cron "0 0 * * 8": day of week must be from 0 to 7 or SUN to SAT, not "8"'],
  ['0 0 * * FUN', 'cron "0 0 * * FUN": day of week must be from 0 to 7 or SUN to SAT, not "FUN"'],
  ['0 MON * * *', 'cron "0 MON * * *": hour must be from 0 to 23, not "MON"'],
  ['0 0-99 * * *', 'cron "0 0-99 * * *": hour must be from 0 to 23, not "99"'],
  ['0 012 * * *', 'cron "0 012 * * *": hour must be from 0 to 23, not "012"'],
  ['0 0 L * *', 'cron "0 0 L * *": day of month must be from 1 to 31, not "L"'],
  [
    '0 0 ? * *',
    'cron "0 0 ? * *": day of month must be *, a value, a range or a list of these, each from 1 to 31, not "?"',
  ],
  [
    '0,,5 * * * *',
    'cron "0,,5 * * * *": minute must be *, a value, a range or a list of these, each from 0 to 59, not ""',
  ],
  [
    '-5 * * * *',
    'cron "-5 * * * *": minute must be *, a value, a range or a list of these, each from 0 to 59, not "-5"',
  ],
  ['0 22-2 * * *', 'cron "0 22-2 * * *": hour "22-2" goes backwards: make two ranges of it, such as 22-23,0-2'],
  [
    '0 0 * NOV-FEB *',
    'cron "0 0 * NOV-FEB *": month "NOV-FEB" goes backwards: make two ranges of it, such as NOV-12,1-FEB',
  ],
  ['*/90 * * * *', 'cron "*/90 * * * *": minute "*/90" must have a step from 1 to 59, not "90"'],
  ['*/0 * * * *', 'cron "*/0 * * * *": minute "*/0" must have a step from 1 to 59, not "0"'],
  ['0 8-12/5 * * *', 'cron "0 8-12/5 * * *": hour "8-12/5" must have a step from 1 to 4, not "5"'],
  ['5/10 * * * *', 'cron "5/10 * * * *": minute "5/10" has a step and no range: write 5-59/10'],
  ['* * *', 'cron "* * *" must have five fields, minute hour day-of-month month day-of-week, not 3'],
  ['  ', 'cron "  " must have five fields, minute hour day-of-month month day-of-week, not 0'],
  [
    '0 0 2 * * *',
    'cron "0 0 2 * * *" must have five fields, minute hour day-of-month month day-of-week, not 6: there is none for seconds or years',
  ],
  [
    '@dayly',
    'cron "@dayly" must be five fields or one of @hourly, @daily, @weekly, @monthly, @yearly, not "@dayly": did you mean @daily?',
  ],
  [
    '@reboot',
    'cron "@reboot" must be five fields or one of @hourly, @daily, @weekly, @monthly, @yearly, not "@reboot"',
  ],
]

for (const [text, says] of refused)
  test(`the cron ${JSON.stringify(text)} is refused with its field, what was found and what is allowed`, () =>
    assert.deepEqual(cronProblems(text), [says]))

test('a cron that can never run is refused with the reason', () => {
  const why = (text: string): string => cronProblems(text).join()
  assert.equal(
    why('0 0 30 2 *'),
    'cron "0 0 30 2 *" never runs: its first day of month is 30, and FEB has at most 29 days',
  )
  assert.equal(
    why('0 0 31 4,JUN *'),
    'cron "0 0 31 4,JUN *" never runs: its first day of month is 31, and APR, JUN have at most 30 days',
  )
  assert.match(why('0 0 30 2 */2'), /never runs/)
})

test('a date that is rare, or that a weekday can stand in for, is no date that never comes', () => {
  for (const text of ['0 0 29 2 *', '0 0 29 2 */3', '0 0 30 2 MON', '0 0 31 2,3 *', '0 0 30,1 2 *'])
    assert.deepEqual(cronProblems(text), [], text)
})

test('all mistakes of a cron are told at once', () => {
  assert.equal(cronProblems('60,61 24 32 13 8').length, 6)
  assert.throws(
    () => cron('60 24 * * *'),
    (error) =>
      isFirebreakError(error, 'FB_CONFIG') &&
      error.message.includes('minute must be from 0 to 59, not "60"\n') &&
      error.message.includes('hour must be from 0 to 23, not "24"'),
  )
})

test('what is no text is refused, and a long text is cut', () => {
  for (const value of [undefined, null, 5, {}, ['* * * * *'], Symbol('s')])
    assert.match(cronProblems(value).join(), /^cron must be a text of five fields, not /)
  assert.ok((cronProblems('9'.repeat(10_000))[0] ?? '').length < 300)
})

/** An item of a list, as text and as a test of what it holds. */
const item = (least: number, most: number): fc.Arbitrary<readonly [text: string, has: (value: number) => boolean]> => {
  const value = fc.integer({ min: least, max: most })
  const step = fc.integer({ min: 1, max: most - least })
  return fc.oneof(
    fc.constant(['*', () => true] as const),
    step.map((n) => [`*/${n}`, (v: number) => (v - least) % n === 0] as const),
    value.map((one) => [`${one}`, (v: number) => v === one] as const),
    fc
      .tuple(value, value)
      .map((ends) => ends.toSorted((a, b) => a - b))
      .map(([from = 0, to = 0]) => [`${from}-${to}`, (v: number) => v >= from && v <= to] as const),
    fc
      .tuple(value, value, fc.integer({ min: 1, max: 5 }))
      .filter(([from, to, n]) => to - from >= n)
      .map(
        ([from, to, n]) => [`${from}-${to}/${n}`, (v: number) => v >= from && v <= to && (v - from) % n === 0] as const,
      ),
  )
}

test('a list holds what one of its items holds, in every field', () => {
  const ranges = { minutes: [0, 59], hours: [0, 23], days: [1, 31], months: [1, 12], weekdays: [0, 6] } as const
  const lists = Object.values(ranges).map(([least, most]) =>
    fc.array(item(least, most), { minLength: 1, maxLength: 4 }),
  )
  fc.assert(
    fc.property(fc.tuple(...lists), (given) => {
      const text = given.map((items) => items.map(([said]) => said).join(',')).join(' ')
      const said = cronProblems(text)
      fc.pre(said.every((problem) => !problem.includes('never runs')))
      const read = cron(text)
      for (const [at, [name, [least, most]]] of Object.entries(ranges).entries()) {
        const expected = upTo(least, most).filter((value) => given[at]?.some(([, has]) => has(value)))
        assert.deepEqual(read[name as keyof typeof ranges], expected, `${name} of ${text}`)
      }
    }),
  )
})

test('any text is read or refused, and never ends in another error', () => {
  const character = fc.constantFrom(...'0123456789*/-, @ABMNOSU?#LW\0')
  fc.assert(fc.property(fc.string({ unit: character, maxLength: 30 }), (text) => void cronProblems(text)))
})
