/**
 * What may be set where somebody defines, opens or starts something. Each place has a table of its options beside it; this is
 * the one check of all of them, and docs/options.md is made from them.
 *
 * I1 Nothing that is given is trusted: it may come from JavaScript or from a file, and have getters, traps or no text.
 * I2 What is absent or undefined is the default; null is a value.
 */
import { nearestName } from './text/nearest-name.ts'
import { fieldOf, keptText, textOf } from './text/text-of.ts'

/** What is wrong, in words: the name, what it may be, and what it is. Empty when it is sound. */
export type Problems = readonly string[]

export interface NumberOption {
  readonly kind: 'number'
  /** What is counted; `ratio` and `seed` are plain numbers. */
  readonly unit: string
  readonly least: number
  readonly most: number
  /** Not only whole numbers. */
  readonly hasFractions?: true
  /** Values that it takes besides. */
  readonly or?: readonly (number | string | null)[]
  /** Text where it follows from something else; absent where it has to be given. */
  readonly default?: number | string | null
  readonly meaning: string
}

interface ChoiceOption {
  readonly kind: 'choice'
  readonly choices: readonly string[]
  readonly default: string
  readonly meaning: string
}

interface FlagOption {
  readonly kind: 'flag'
  readonly default: boolean
  readonly meaning: string
}

/** Is judged where it is used; what stands here is that there is such a name. */
interface OtherOption {
  readonly kind: 'other'
}

export type Option = NumberOption | ChoiceOption | FlagOption | OtherOption

/** One for each member of `T`, so that no option can be forgotten: a number needs its range. */
export type OptionTable<T> = { readonly [K in keyof T]-?: OptionFor<NonNullable<T[K]>> }
type OptionFor<V> = [V] extends [never]
  ? OtherOption
  : [Extract<V, number>] extends [never]
    ? [V] extends [boolean]
      ? FlagOption
      : ChoiceOption | OtherOption
    : NumberOption

/** The longest wait that a timer of the machine holds; a little less than 25 days. */
const timerMaxMs: number = 2 ** 31 - 1
/** What a signed integer of 32 bits holds: most protocols count with them. */
const int32Max: number = 2 ** 31 - 1

/** Is judged elsewhere. */
export const other: OtherOption = { kind: 'other' }

type Shape<T extends Option> = Omit<T, 'kind'>

/** A length of time in whole ms. */
export const ms = (shape: Omit<Shape<NumberOption>, 'unit' | 'most'> & { most?: number }): NumberOption => ({
  kind: 'number',
  unit: 'ms',
  most: timerMaxMs,
  ...shape,
})
/** A whole number of something. */
export const count = (
  unit: string,
  shape: Omit<Shape<NumberOption>, 'unit' | 'most'> & { most?: number },
): NumberOption => ({ kind: 'number', unit, most: 1_000_000_000, ...shape })
export const bytes = (shape: Omit<Shape<NumberOption>, 'unit' | 'most'> & { most?: number }): NumberOption =>
  count('bytes', { most: int32Max, ...shape })
/** Any number of a range. */
export const ratio = (shape: Omit<Shape<NumberOption>, 'unit'>): NumberOption => ({
  kind: 'number',
  unit: '',
  hasFractions: true,
  ...shape,
})
export const choice = (shape: Shape<ChoiceOption>): ChoiceOption => ({ kind: 'choice', ...shape })
export const flag = (shape: Shape<FlagOption>): FlagOption => ({ kind: 'flag', ...shape })

/**
 * Everything that is wrong with the options given at one place. `prefix` stands before each name: `limits.`, `kafkaLog: `.
 */
export function optionProblems<T>(table: OptionTable<T>, given: unknown, prefix = ''): Problems {
  if (given === undefined) return []
  const place = prefix.replace(/[.:] ?$/, '')
  if (typeof given !== 'object' || given === null)
    return [`${place === '' ? 'the options' : place} must be an object, not ${shown(given)}`]
  const wrong = Object.entries<Option>(table).flatMap(([name, option]) =>
    valueProblems(`${prefix}${name}`, option, fieldOf(given, name)),
  )
  return [...wrong, ...strangers(table, given, prefix)]
}

/** Names that are given and that no option has. */
export function strangers(table: object, given: object, prefix = ''): Problems {
  const names = namesOf(given).filter((name) => !Object.hasOwn(table, name))
  return names.map((name) => unknownOption(name, Object.keys(table), prefix))
}

/** What is wrong with one value. */
export function valueProblems(name: string, option: Option, value: unknown): Problems {
  if (option.kind === 'other') return []
  if (value === undefined ? 'default' in option : isAllowed(option, value)) return []
  return [`${name} must be ${rangeOf(option)}${value === undefined ? '' : `, not ${shown(value)}`}`]
}

function isAllowed(option: Exclude<Option, OtherOption>, value: unknown): boolean {
  if (option.kind === 'flag') return typeof value === 'boolean'
  if (option.kind === 'choice') return typeof value === 'string' && option.choices.includes(value)
  const { least, most, hasFractions, or } = option
  if (or?.includes(value as number)) return true
  // Texts compare like numbers.
  if (typeof value !== 'number' || !(hasFractions || Number.isSafeInteger(value))) return false
  return value >= least && value <= most
}

/** What it may be, in words: `a whole number of ms from 1 to 2147483647, or Infinity`. */
export function rangeOf(option: Exclude<Option, OtherOption>): string {
  if (option.kind === 'flag') return 'true or false'
  if (option.kind === 'choice') return listed(option.choices)
  const { unit, least, most, hasFractions, or = [] } = option
  const range = `${hasFractions ? 'a number' : 'a whole number'}${unit === '' ? '' : ` of ${unit}`} from ${least} to ${most}`
  return listed([range, ...or.map(String)], ', ')
}

const listed = (words: readonly string[], before = ' '): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')}${before}or ${words.at(-1)}`

function unknownOption(name: string, known: readonly string[], prefix: string): string {
  const meant = nearestName(name, known)
  return `${prefix}${keptText(name, 50)} is no option${meant === undefined ? '' : `: did you mean ${prefix}${meant}?`}`
}

/** The members of an object of options that say something. */
function namesOf(given: object): readonly string[] {
  try {
    return Object.keys(given).filter((name) => fieldOf(given, name) !== undefined)
  } catch {
    return []
  }
}

/** What is wrong with a list of definitions: a module that imports itself leaves holes in it. */
export function listProblems(name: string, list: unknown, ...kinds: readonly string[]): Problems {
  if (list === undefined) return []
  if (!Array.isArray(list)) return [`${name} must be a list, not ${shown(list)}`]
  return Array.from(list, (one: unknown, at) =>
    kinds.some((kind) => fieldOf(one, 'kind') === kind)
      ? ''
      : `${name}[${at}] must be made by ${kinds[0] === 'handler' ? 'handle' : kinds[0]}(), not ${shown(one)}`,
  ).filter((problem) => problem !== '')
}

/** What is wrong with the `path` of options; what the file system thinks of it comes later. */
export function pathProblems(prefix: string, options: unknown): Problems {
  const path = fieldOf(options, 'path')
  const isSound = typeof path === 'string' && path !== '' && !path.includes('\0')
  return isSound ? [] : [`${prefix}path must be the path of a file or a folder, not ${shown(path)}`]
}

/** Any value as a problem shows it: text in quotes, and nothing of what stands in an object. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(keptText(value, 50))
  if (typeof value === 'bigint') return `${textOf(value, 50)}n`
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'function' || (typeof value === 'object' && value !== null))
    return `a value of type ${typeof value}`
  return textOf(value, 50)
}

/** `defaults` with what is given on top; undefined gives nothing. */
export function filled<T extends object>(defaults: T, given: Partial<T> | undefined): T {
  if (typeof given !== 'object' || given === null) return defaults
  const said = namesOf(given).map((name) => [name, fieldOf(given, name)])
  return { ...defaults, ...(Object.fromEntries(said) as Partial<T>) }
}

/** The defaults of a table in which every option has one. */
export function defaultsOf<T>(table: OptionTable<T>): T {
  const entries = Object.entries<Option>(table).map(([name, option]) => [name, 'default' in option && option.default])
  return Object.freeze(Object.fromEntries(entries)) as T
}
