import type { Database } from '../../contracts/database.ts'
import type { Log } from '../../contracts/log.ts'
import type { ServiceDefinition } from '../../define/service.ts'

/** What the command line needs to know of a system: export it as `config` from `firebreak.config.ts`. */
export interface Config {
  /** Opens the log; called when a command needs it, closed when the command ends. */
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
export function defineConfig(config: Config): Config {
  return Object.freeze({ ...config, services: Object.freeze([...config.services]) })
}
