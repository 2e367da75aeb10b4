import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type Database, type Log, sqliteDatabase, sqliteLog } from 'firebreak'
import { databaseNameOf, type EngineSettings } from './engine-settings.ts'
import { namespacedLog } from './namespaced-log.ts'

/** All on one machine: a process that died is noticed long before the half minute that networks need. */
const SESSION_MS = 10_000
/** Eight processes, and a server takes a hundred connections unless it is told otherwise. */
const CONNECTIONS_MAX = 4
/** Any number: that of the turn in which instances create their tables. */
const TABLES_TURN = 7_311

export type Engines = {
  readonly settings: EngineSettings
  /** `instance` names a process that is started again under the same name: its partitions wait for it. */
  readonly openLog: (instance?: string) => Log
  readonly openDatabase: (service: string) => Database
  /** Instances of a service can share its database. */
  readonly isShared: boolean
}

/**
 * The one place that opens engines: everything else sees the ports. Clients of servers are loaded when they are chosen, so
 * that an embedded process carries none of them.
 */
export const loadEngines = async (settings: EngineSettings): Promise<Engines> => ({
  settings,
  openLog:
    settings.log === 'kafka' ? await kafkaIn(settings) : () => sqliteLog({ path: join(settings.dataDir, 'log') }),
  openDatabase:
    settings.database === 'postgres'
      ? await postgresIn(settings)
      : (service) => sqliteDatabase({ path: join(settings.dataDir, `${service}.db`) }),
  isShared: settings.database === 'postgres',
})

const kafkaIn = async (settings: EngineSettings): Promise<Engines['openLog']> => {
  const { kafkaLog } = await import('firebreak/kafka')
  const { brokers, namespace, dataDir } = settings
  // Not the name alone: another LogiFlow on the same brokers has instances of the same names.
  const home = createHash('sha256').update(dataDir).digest('hex').slice(0, 8)
  return (instance) => {
    // A database of its own lets no second member in, so there the name of one that died must go away with it.
    const isStatic = instance !== undefined && settings.database === 'postgres'
    const member = isStatic ? { instanceId: `logiflow-${home}-${instance}` } : {}
    return namespacedLog(
      kafkaLog({ brokers, clientId: 'logiflow', sessionTimeoutMs: SESSION_MS, ...member }),
      namespace,
    )
  }
}

const postgresIn = async (settings: EngineSettings): Promise<Engines['openDatabase']> => {
  const { postgresDatabase } = await import('firebreak/postgres')
  return (service) => {
    const url = new URL(settings.databaseUrl)
    url.pathname = `/${databaseNameOf(settings, service)}`
    return postgresDatabase({ url: url.href, poolMax: CONNECTIONS_MAX, applicationName: `logiflow ${service}` })
  }
}

export const pdfDirOf = ({ settings }: Engines): string => join(settings.dataDir, 'pdf')

export const createTables = (database: Database, statements: readonly string[]): Promise<void> =>
  database.transaction(async (tx) => {
    // "If not exists" looks first and creates then: two instances that do it at the same time would get in each other's way.
    if (database.capabilities.dialect === 'postgres') await tx.query(`SELECT pg_advisory_xact_lock(${TABLES_TURN})`)
    for (const statement of statements) await tx.query(statement)
  })
