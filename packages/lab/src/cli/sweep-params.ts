/** Reads the parameters of a sweep and their values. */
import { usageError } from 'firebreak/internal'
import { durationMs } from '../file/schema/read-duration.ts'

/** One value of a parameter. */
export interface SweepValue {
  /** As it was typed. */
  readonly text: string
  /** As the file takes it. */
  readonly value: number | string
  /** For the axis of a plot; durations in ms. */
  readonly number: number
}

/** A place in the file and the values that it takes. */
export interface SweepParam {
  readonly path: string
  readonly values: readonly SweepValue[]
}

const pointsMax = 400

/** Reads `--param path=1,2,3`, given once or twice. **Errors** a usage error. */
export function sweepParams(given: readonly string[]): readonly SweepParam[] {
  if (given.length === 0 || given.length > 2) throw usageError('A sweep takes one --param path=1,2,3, or two.')
  const params = given.map(paramOf)
  if (params[0]?.path === params[1]?.path) throw usageError(`--param ${params[0]?.path} is given twice.`)
  const points = params.reduce((product, { values }) => product * values.length, 1)
  if (points > pointsMax) throw usageError(`${points} points are too many: at most ${pointsMax}.`)
  return params
}

function paramOf(given: string): SweepParam {
  const at = given.indexOf('=')
  const path = given.slice(0, Math.max(0, at))
  const values = given.slice(at + 1).split(',')
  if (at < 1 || values.some((text) => text.trim() === ''))
    throw usageError(`--param must look like path=1,2,3, not "${given}".`)
  return { path, values: values.map((text) => valueOfParam(path, text.trim())) }
}

function valueOfParam(path: string, text: string): SweepValue {
  const number = Number(text)
  if (Number.isFinite(number)) return { text, value: number, number }
  const ms = durationMs(text)
  if (Number.isNaN(ms)) throw usageError(`${path} takes numbers and durations like 50ms or 2s, not "${text}".`)
  return { text, value: text, number: ms }
}

/** Every value of the first with every value of the second. */
export function combinations(params: readonly SweepParam[]): readonly (readonly SweepValue[])[] {
  return params.reduce<readonly (readonly SweepValue[])[]>(
    (before, { values }) => before.flatMap((some) => values.map((value) => [...some, value])),
    [[]],
  )
}
