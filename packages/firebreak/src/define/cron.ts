import { FirebreakError } from '../contracts/errors.ts'
import { type Problems, shown } from '../contracts/option.ts'
import { nearestName } from '../contracts/text/nearest-name.ts'

/**
 * When something runs, by the clocks of a time zone. Inert data; `cron()` builds it, `nextSlot` says when.
 *
 * **Shape** Each list is sorted and holds every value once. Weekdays are 0 to 6, from Sunday on.
 */
export interface Cron {
  readonly kind: 'cron'
  /** As it was given. */
  readonly text: string
  readonly minutes: readonly number[]
  readonly hours: readonly number[]
  readonly days: readonly number[]
  readonly months: readonly number[]
  readonly weekdays: readonly number[]
  /** True: a date runs when its day of the month or its weekday fits. False: both have to. */
  readonly isEitherDay: boolean
  /** True: it runs at every hour or every so many hours, and not at hours that somebody chose. */
  readonly isEveryHour: boolean
}

interface Field {
  readonly name: string
  readonly least: number
  readonly most: number
  /** The end of `*`, where it is not the most that may be written. */
  readonly last?: number
  /** From `least` on. */
  readonly names?: readonly string[]
}

const minute: Field = { name: 'minute', least: 0, most: 59 }
const hour: Field = { name: 'hour', least: 0, most: 23 }
const day: Field = { name: 'day of month', least: 1, most: 31 }
const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const month: Field = { name: 'month', least: 1, most: 12, names: monthNames }
const dayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']
// Both 0 and 7 are Sunday.
const weekday: Field = { name: 'day of week', least: 0, most: 7, last: 6, names: dayNames }
const fields: readonly Field[] = [minute, hour, day, month, weekday]

const daysOfMonths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const aliases: ReadonlyMap<string, string> = new Map([
  ['@hourly', '0 * * * *'],
  ['@daily', '0 0 * * *'],
  ['@weekly', '0 0 * * 0'],
  ['@monthly', '0 0 1 * *'],
  ['@yearly', '0 0 1 1 *'],
])

const itemPattern = /^(?:(?<star>\*)|(?<from>\w+)(?:-(?<to>\w+))?)(?:\/(?<step>\w+))?$/

/**
 * Reads the five fields of a cron: minute, hour, day of month, month and day of week; or `@hourly`, `@daily`, `@weekly`,
 * `@monthly`, `@yearly`.
 *
 * A field is `*`, a value, a range such as `8-17`, or a list of these; `*` and a range may have a step, as in `8-17/2`. Months and
 * weekdays also have names, `JAN` and `SUN`. A date runs when its day of the month or its weekday fits; when one of these two
 * fields begins with `*`, both have to.
 *
 * **Errors** `FB_CONFIG` with every mistake at once
 *
 * **Source** crontab(5) of Vixie cron, but steps that are longer than their range are refused
 */
export function cron(text: string): Cron {
  const { read, problems } = parse(text)
  if (read === undefined) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return read
}

/** What is wrong with a cron that was given. */
export function cronProblems(text: unknown): Problems {
  return parse(text).problems
}

interface Parsed {
  /** Absent when there are problems. */
  readonly read?: Cron
  readonly problems: Problems
}

function parse(text: unknown): Parsed {
  if (typeof text !== 'string') return { problems: [`cron must be a text of five fields, not ${shown(text)}`] }
  const of = `cron ${shown(text)}`
  const trimmed = text.trim()
  const plain = aliases.get(trimmed.toLowerCase()) ?? trimmed
  if (plain.startsWith('@')) return { problems: [unknownAlias(of, plain)] }
  const parts = plain.split(/\s+/)
  if (plain === '' || parts.length !== fields.length)
    return { problems: [wrongCount(of, plain === '' ? 0 : parts.length)] }
  const problems: string[] = []
  const lists = fields.map((field, at) => {
    const found = valuesOf(field, parts[at] ?? '')
    problems.push(...found.problems.map((problem) => `${of}: ${problem}`))
    return found.values
  })
  if (problems.length > 0) return { problems }
  const read = built(text, parts, lists)
  const never = neverRuns(read)
  return never === undefined ? { read, problems } : { problems: [`${of} never runs: ${never}`] }
}

function unknownAlias(of: string, alias: string): string {
  const meant = nearestName(alias, aliases.keys())
  const hint = meant === undefined ? '' : `: did you mean ${meant}?`
  return `${of} must be five fields or one of ${[...aliases.keys()].join(', ')}, not ${shown(alias)}${hint}`
}

const wrongCount = (of: string, count: number): string =>
  `${of} must have five fields, minute hour day-of-month month day-of-week, not ${count}${count > 5 ? ': there is none for seconds or years' : ''}`

function built(text: string, parts: readonly string[], lists: readonly (readonly number[])[]): Cron {
  const [minutes = [], hours = [], days = [], months = [], weekdays = []] = lists.map((list) => Object.freeze(list))
  const isOpen = (at: number): boolean => parts[at]?.startsWith('*') === true
  return Object.freeze({
    kind: 'cron',
    text,
    minutes,
    hours,
    days,
    months,
    weekdays,
    isEitherDay: !isOpen(2) && !isOpen(4),
    isEveryHour: isOpen(1) || hours.length === 24,
  })
}

/** 31 April and 30 February. A weekday that may do instead always comes; 29 February comes, and on each weekday. */
function neverRuns({ days, months, isEitherDay }: Cron): string | undefined {
  const first = days[0] ?? 0
  const longest = Math.max(...months.map((one) => daysOfMonths[one - 1] ?? 0))
  if (isEitherDay || first <= longest) return undefined
  const named = months.map((one) => monthNames[one - 1])
  const have = named.length === 1 ? `${named[0]} has` : `${named.join(', ')} have`
  return `its first day of month is ${first}, and ${have} at most ${longest} days`
}

interface Values {
  readonly values: readonly number[]
  readonly problems: Problems
}

function valuesOf(field: Field, part: string): Values {
  const values = new Set<number>()
  const problems: string[] = []
  for (const item of part.split(',')) {
    const range = rangeOf(field, item)
    if (typeof range === 'string') problems.push(range)
    // The second Sunday of a week is the first.
    else
      for (let value = range.first; value <= range.last; value += range.step)
        values.add(field === weekday ? value % 7 : value)
  }
  return { values: [...values].sort((a, b) => a - b), problems }
}

interface Range {
  readonly first: number
  readonly last: number
  readonly step: number
}

/** The range that an item of a list means, or what is wrong with it. */
function rangeOf(field: Field, item: string): Range | string {
  const groups = itemPattern.exec(item)?.groups
  if (groups === undefined)
    return `${field.name} must be *, a value, a range or a list of these, each ${allowed(field)}, not ${shown(item)}`
  const { star, from = '', to = from, step } = groups
  for (const value of star === undefined ? [from, to] : [])
    if (numberOf(field, value) === undefined) return `${field.name} must be ${allowed(field)}, not ${shown(value)}`
  if (star === undefined && step !== undefined && groups['to'] === undefined)
    return `${field.name} ${shown(item)} has a step and no range: write ${from}-${lastOf(field)}/${step}`
  const first = numberOf(field, from) ?? field.least
  const last = star === undefined ? endOf(field, first, numberOf(field, to) ?? 0) : lastOf(field)
  if (last < first)
    return `${field.name} ${shown(item)} goes backwards: make two ranges of it, such as ${from}-${lastOf(field)},${field.least}-${to}`
  const stepMax = Math.max(1, last - first)
  if (step !== undefined && !isWithin(step, 1, stepMax))
    return `${field.name} ${shown(item)} must have a step from 1 to ${stepMax}, not ${shown(step)}`
  return { first, last, step: Number(step ?? 1) }
}

/** A range that ends on Sunday ends the week: SAT-SUN is 6-7. */
const endOf = (field: Field, first: number, last: number): number =>
  field === weekday && last === 0 && first > 0 ? field.most : last

const lastOf = ({ last, most }: Field): number => last ?? most

const isWithin = (digits: string, least: number, most: number): boolean =>
  /^\d{1,2}$/.test(digits) && Number(digits) >= least && Number(digits) <= most

function numberOf({ least, most, names = [] }: Field, word: string): number | undefined {
  const at = names.indexOf(word.toUpperCase())
  if (at >= 0) return least + at
  return isWithin(word, least, most) ? Number(word) : undefined
}

const allowed = ({ least, most, names }: Field): string =>
  `from ${least} to ${most}${names === undefined ? '' : ` or ${names[0]} to ${names.at(-1)}`}`
