import { dirname, isAbsolute, join, resolve } from 'node:path'
import { errorMessage, isFirebreakError } from '../../contracts/errors.ts'
import type { Io } from '../../node/process.ts'
import type { Config } from './config.ts'
import { CommandError, exit, usageError } from './exit.ts'

const fileNames = ['firebreak.config.ts', 'firebreak.config.js', 'firebreak.config.mjs']

const example = `A config file names the log and the services:

  // firebreak.config.ts
  import { defineConfig, sqliteDatabase, sqliteLog } from 'firebreak'
  import { invoicing } from '../services/invoicing.ts'

  export const config = defineConfig({
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
  const found = exports['config']
  if (found === undefined) {
    const hint = 'default' in exports ? 'It has a default export: name it, as in: export const config = …' : example
    throw usageError(`${path} does not export "config".`, hint)
  }
  const problems = problemsOf(found)
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

function problemsOf(found: unknown): readonly string[] {
  if (typeof found !== 'object' || found === null) return ['"config" is not an object; build it with defineConfig']
  const { log, services } = found as Record<string, unknown>
  const problems: string[] = []
  if (typeof log !== 'function') problems.push('"log" must be a function that opens the log: () => sqliteLog({ … })')
  if (!Array.isArray(services) || services.length === 0)
    return [...problems, '"services" must list one service or more']
  const names = new Set<string>()
  for (const [index, entry] of (services as unknown[]).entries()) {
    const { service, database } = (entry ?? {}) as Record<string, unknown>
    const { kind, name, handlers } = (service ?? {}) as Record<string, unknown>
    if (kind !== 'service') {
      problems.push(`services[${index}].service is not built with service()`)
      continue
    }
    if (names.has(String(name))) problems.push(`services[${index}]: "${name}" is listed twice`)
    names.add(String(name))
    if (database !== undefined && typeof database !== 'function')
      problems.push(`services[${index}].database must be a function that opens the database of ${name}`)
    if (database === undefined && (handlers as Map<string, unknown>).size > 0)
      problems.push(`services[${index}].database is missing: ${name} has handlers, so it has a database`)
  }
  return problems
}
