import type { Database } from '../../contracts/database.ts'
import type { Log } from '../../contracts/log.ts'
import type { ServiceDefinition } from '../../define/service.ts'

/**
 * The log, the services and their databases, named once: the default export of `firebreak.config.ts`, or `config`. The command line
 * reads it, and `startAll` starts it.
 */
export interface Config {
  /** Opens the log, for a command or for a process that runs services; who opened it closes it. */
  readonly log: () => Log
  readonly services: readonly ConfiguredService[]
}

export interface ConfiguredService {
  readonly service: ServiceDefinition
  /** Opens the database of this service, the same one that the running service uses. Leave it out for a publisher. */
  readonly database?: () => Database
  /** As in `createRuntime`, so that `firebreak topics --plan` knows the topic of the copies; default false. */
  readonly mirrorDeadLetters?: boolean
}

/**
 * Types the config and returns it unchanged: nothing is opened, and mistakes are reported by the command line.
 *
 * @example
 * ```ts
 * import { defineConfig, service, sqliteDatabase, sqliteLog } from 'firebreak'
 *
 * const billing = service({ name: 'billing' })
 *
 * export default defineConfig({
 *   log: () => sqliteLog({ path: 'data' }),
 *   services: [{ service: billing, database: () => sqliteDatabase({ path: 'data/billing.db' }) }],
 * })
 * ```
 */
export function defineConfig<const S extends readonly ServiceDefinition[]>(
  config: Config & { readonly services: { readonly [I in keyof S]: Configured<S[I]> } },
): Config {
  return Object.freeze({ ...config, services: Object.freeze([...config.services]) })
}

type Configured<S extends ServiceDefinition> = ConfiguredService & {
  readonly service: S
} & (S['needsDatabase'] extends true ? Required<Pick<ConfiguredService, 'database'>> : unknown)

/** What is wrong with a config; it may come from JavaScript. */
export function configProblems(found: unknown): readonly string[] {
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
