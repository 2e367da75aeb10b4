import type { Database } from '../../contracts/database.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { Log } from '../../contracts/log.ts'
import type { ServiceDefinition } from '../../define/service.ts'
import { inLedger } from '../../ledger/ledger-place.ts'
import { ledgerOwner } from '../../ledger/schema.ts'
import type { Io } from '../../node/process.ts'
import { type BlockedEvents, blockedEvents } from '../../runtime/operator/blocked-events.ts'
import { type DeadLetters, deadLetters } from '../../runtime/operator/dead-letters.ts'
import { type Jobs, jobs } from '../../runtime/operator/jobs.ts'
import { type Schedules, schedules } from '../../runtime/operator/schedules.ts'
import type { Config } from '../../runtime/system/config.ts'
import { CommandError, exit } from './exit.ts'
import { didYouMean } from './suggest.ts'

/** The system that a command works on: opened when first asked for, closed once at the end. */
export interface Session {
  readonly services: () => Promise<readonly ServiceDefinition[]>
  /** The services as the config has them. */
  readonly configured: () => Promise<Config['services']>
  log(): Promise<Log>
  /**
   * The services that have a ledger, or the one named. A service that has never run has none and is told in `asleep`.
   *
   * **Errors** exit code 3 for an unknown name, `FB_CONFIG` for a database that belongs to another service.
   */
  ledgers(name?: string): Promise<Ledgers>
  close(): Promise<void>
}

export interface Ledgers {
  readonly awake: readonly ServiceLedger[]
  /** Names of services whose database has no ledger yet. */
  readonly asleep: readonly string[]
}

export interface ServiceLedger {
  readonly service: ServiceDefinition
  /** For statements of the ledger. */
  readonly database: Database
  readonly deadLetters: DeadLetters
  readonly outbox: BlockedEvents
  readonly jobs: Jobs
  readonly schedules: Schedules
}

export function openSession(io: Io, load: () => Promise<Config>): Session {
  let config: Promise<Config> | undefined
  let log: Log | undefined
  const databases = new Map<string, Database>()
  const loaded = (): Promise<Config> => {
    config ??= load()
    return config
  }
  return {
    services: async () => (await loaded()).services.map((entry) => entry.service),
    configured: async () => (await loaded()).services,
    async log() {
      log ??= (await loaded()).log()
      return log
    },
    async ledgers(name) {
      const awake: ServiceLedger[] = []
      const asleep: string[] = []
      for (const { service, database: open } of chosen(await loaded(), name)) {
        if (open === undefined) continue
        const database = databases.get(service.name) ?? open()
        databases.set(service.name, database)
        if (!(await hasLedger(database, service.name))) asleep.push(service.name)
        else {
          const { clock, entropy } = io
          const deps = { database, service, clock, entropy, onChange() {} }
          awake.push({
            service,
            database: inLedger(database),
            deadLetters: deadLetters(deps),
            outbox: blockedEvents(deps),
            jobs: jobs(deps),
            schedules: schedules(deps),
          })
        }
      }
      return { awake, asleep }
    },
    async close() {
      for (const database of databases.values()) await database.close()
      await log?.close()
    },
  }
}

function chosen(config: Config, name: string | undefined): Config['services'] {
  if (name === undefined) return config.services
  const entry = config.services.find(({ service }) => service.name === name)
  if (entry !== undefined) return [entry]
  const names = config.services.map(({ service }) => service.name)
  throw new CommandError(
    exit.notFound,
    `The config has no service "${name}".${didYouMean(name, names)}`,
    `It has: ${names.join(', ')}`,
  )
}

async function hasLedger(database: Database, name: string): Promise<boolean> {
  const owner = await ledgerOwner(database)
  if (owner === undefined) {
    // No ledger and no database look the same above; a database that is not there must say so.
    await database.query('SELECT 1')
    return false
  }
  if (owner === name) return true
  const problems = `the database of "${name}" holds the ledger of "${owner}"; fix the config`
  throw new FirebreakError('FB_CONFIG', { problems })
}
