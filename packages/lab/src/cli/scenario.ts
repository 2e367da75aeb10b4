/** Reads the scenario that somebody names, with what the command line changes in it. */

import { basename, extname } from 'node:path'
import {
  type Arguments,
  CommandError,
  counted,
  didYouMean,
  errorMessage,
  exit,
  type OptionSpec,
  type Surroundings,
  usageError,
} from 'firebreak/internal'
import type { Param } from '../file/read-param.ts'
import { readScenario } from '../file/read-scenario.ts'
import type { Problem } from '../file/schema/read-problems.ts'
import type { Scenario } from '../model/scenario.ts'
import { scenarioPath, shownPath } from './files.ts'

/** Options of commands that run a scenario. */
export const scenarioOptions: Readonly<Record<string, OptionSpec>> = {
  arms: { value: 'names', help: 'only these arms, with commas between' },
  seed: { value: 'n', help: 'instead of the one of the file' },
  replications: { value: 'n', help: 'instead of those of the file' },
}

/** The text of a scenario file, and what it is called. */
export interface ScenarioText {
  /** As people type it. */
  readonly path: string
  readonly name: string
  readonly text: string
  readonly format: 'yaml' | 'json'
}

/** Finds and reads the file that somebody means. **Errors** exit code 3 where there is none. */
export async function scenarioText(io: Surroundings, given: string): Promise<ScenarioText> {
  const found = await scenarioPath(io, given)
  const path = shownPath(io, found)
  try {
    const text = await io.readFile(found)
    const name = found === '-' ? 'scenario' : basename(found, extname(found))
    return { path, name, text, format: extname(found) === '.json' ? 'json' : 'yaml' }
  } catch (error) {
    throw new CommandError(exit.failed, `${path} cannot be read: ${errorMessage(error)}`)
  }
}

/** What is wrong with a file, one line each: `seed-004.yaml:12  services.web.workers: is missing`. */
export function problemLines(path: string, problems: readonly Problem[]): readonly string[] {
  return problems.map(({ line, path: where, message, suggestion }) => {
    const about = where === '' ? '' : `${where}: `
    return `${path}:${line}  ${about}${message}${suggestion === undefined ? '' : `. ${suggestion}`}`
  })
}

/** The scenario of a file, changed by options and parameters. **Errors** a usage error with every problem. */
export async function scenarioOf(
  file: ScenarioText,
  args: Arguments,
  params: readonly Param[] = [],
): Promise<Scenario> {
  const numbers = (['seed', 'replications'] as const).flatMap((path) => {
    const value = args.count(path, path === 'seed' ? 0 : 1)
    return value === undefined ? [] : [{ path, value }]
  })
  const { name, format, text } = file
  const arms = armNames(args)
  const set = [...numbers, ...params.map((param) => ({ ...param, arms }))]
  const { scenario, problems } = await readScenario(text, { name, format, set })
  if (scenario !== undefined) return scenario
  const lines = problemLines(file.path, problems)
  throw usageError(
    [`${file.path} is no scenario: ${counted(problems.length, 'problem')}.`, ...lines].join('\n'),
    'Nothing was run.',
  )
}

const armNames = (args: Arguments): readonly string[] | undefined =>
  args
    .text('arms')
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')

/** The arms that `--arms` names; undefined for all. **Errors** a usage error for a name that the scenario does not have. */
export function armsOf(args: Arguments, { arms, name: scenario }: Scenario): readonly string[] | undefined {
  const given = armNames(args)
  if (given === undefined) return undefined
  const known = arms.map(({ name }) => name)
  const unknown = given.find((name) => !known.includes(name))
  if (unknown !== undefined || given.length === 0)
    throw usageError(
      `${scenario} has no arm "${unknown ?? ''}".${didYouMean(unknown ?? '', known)}`,
      `It has: ${known.join(', ')}`,
    )
  return given
}
