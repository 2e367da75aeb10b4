import { dirname, isAbsolute, join, resolve } from 'node:path'
import { errorMessage, isFirebreakError } from '../../contracts/errors.ts'
import type { Io } from '../../node/process.ts'
import { type Config, configProblems } from '../../runtime/system/config.ts'
import { CommandError, exit, usageError } from './exit.ts'

const fileNames = ['firebreak.config.ts', 'firebreak.config.js', 'firebreak.config.mjs']

const example = `A config file names the log and the services:

  // firebreak.config.ts
  import { defineConfig, sqliteDatabase, sqliteLog } from 'firebreak'
  import { invoicing } from '../services/invoicing.ts'

  export default defineConfig({
    log: () => sqliteLog({ path: '.firebreak' }),
    services: [{ service: invoicing, database: () => sqliteDatabase({ path: '.firebreak/invoicing.db' }) }],
  })`

/** Finds, loads and checks the config. **Errors** usage errors that say what to write where. */
export async function loadConfig(io: Io, given: string | undefined): Promise<Config> {
  const path = given === undefined ? discovered(io) : named(io, given)
  let exports: Record<string, unknown>
  try {
    exports = (await io.load(path)) as Record<string, unknown>
  } catch (error) {
    const hint = isFirebreakError(error) ? error.remedy : undefined
    throw new CommandError(exit.failed, `${path} cannot be loaded: ${errorMessage(error)}`, hint)
  }
  const found = exports['config'] ?? exports['default']
  if (found === undefined) throw usageError(`${path} does not export "config", and has no default export.`, example)
  const problems = configProblems(found)
  if (problems.length > 0) throw usageError(`${path} is not a config:\n${problems.map((p) => `  - ${p}`).join('\n')}`)
  return found as Config
}

function named(io: Io, given: string): string {
  const path = isAbsolute(given) ? given : resolve(io.cwd, given)
  if (!io.exists(path)) throw usageError(`There is no config file ${path}.`)
  return path
}

function discovered(io: Io): string {
  for (let folder = resolve(io.cwd); ; folder = dirname(folder)) {
    const name = fileNames.find((file) => io.exists(join(folder, file)))
    if (name !== undefined) return join(folder, name)
    if (dirname(folder) === folder) break
  }
  throw usageError(`There is no firebreak.config.ts in ${io.cwd} or above it; name one with --config.`, example)
}
