/** Finds scenario files by path or name, and writes results. */

import { readdir, writeFile } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import { CommandError, didYouMean, errorMessage, exit, type Surroundings } from 'firebreak/internal'

/** Scenarios that come with the package. */
const shipped = join(import.meta.dirname, '../../scenarios')
const extensions = ['.yaml', '.yml', '.json'] as const

/** A scenario that a name stands for. */
export interface ScenarioFile {
  readonly name: string
  readonly path: string
  readonly isShipped: boolean
}

/** The scenarios in ./scenarios, and those that come with the package; the own ones hide others of their name. */
export async function scenarioFiles(io: Surroundings): Promise<readonly ScenarioFile[]> {
  const found = new Map<string, ScenarioFile>()
  for (const folder of [join(io.cwd, 'scenarios'), shipped]) {
    const names = io.exists(folder) ? await readdir(folder) : []
    for (const file of names.sort()) {
      const name = basename(file, extname(file))
      if (!isScenario(file) || found.has(name)) continue
      found.set(name, { name, path: join(folder, file), isShipped: folder === shipped })
    }
  }
  return [...found.values()]
}

const isScenario = (file: string): boolean => (extensions as readonly string[]).includes(extname(file))

/** The file that somebody means: a path, or the name of a scenario. **Errors** exit code 3 with what there is. */
export async function scenarioPath(io: Surroundings, given: string): Promise<string> {
  if (given === '-') return given
  const path = resolve(io.cwd, given)
  const isPath = extname(given) !== '' || dirname(given) !== '.'
  if (isPath && io.exists(path)) return path
  const files = isPath ? [] : await scenarioFiles(io)
  const meant = files.find(({ name }) => name === given)
  if (meant !== undefined) return meant.path
  const names = files.map(({ name }) => name)
  throw new CommandError(
    exit.notFound,
    isPath ? `There is no file ${path}.` : `There is no scenario "${given}".${didYouMean(given, names)}`,
    'See: firebreak lab list',
  )
}

/** As somebody in the current folder would type it. */
export function shownPath(io: Surroundings, path: string): string {
  const short = relative(io.cwd, path)
  return path === '-' || short.startsWith('..') ? path : short
}

/** Writes a file beside the current folder. **Errors** exit code 1 when it cannot be written. */
export async function writeOut(io: Surroundings, given: string, text: string): Promise<void> {
  try {
    await writeFile(resolve(io.cwd, given), text)
  } catch (error) {
    throw new CommandError(exit.failed, `${given} cannot be written: ${errorMessage(error)}`)
  }
}
