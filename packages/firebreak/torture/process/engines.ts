import { join } from 'node:path'
import { type Database, type Log, sqliteDatabase, sqliteLog } from 'firebreak'

export const engineNames = ['embedded', 'embedded-postgres', 'kafka-postgres'] as const
export type EngineName = (typeof engineNames)[number]

/** What a process needs to open its ports. Travels as JSON. */
export interface EngineSpec {
  readonly log: { readonly kind: 'embedded'; readonly folder: string } | KafkaSpec
  readonly database:
    | { readonly kind: 'sqlite'; readonly folder: string }
    /** The server; each service has a database of its own name on it. */
    | { readonly kind: 'postgres'; readonly url: string }
  /** How long a unit may hold the transaction; the default of the library when absent. */
  readonly transactionMaxMs?: number
}

interface KafkaSpec {
  readonly kind: 'kafka'
  readonly brokers: readonly string[]
  /** Of a static member: it comes back under its name and has its partitions back without a rebalance. */
  readonly instanceId: string | null
}

/** Names of the databases: one for each service, publishers included. */
export const databaseNames = ['producer-1', 'producer-2', 'first', 'second'] as const

/** Short, so that a member that was killed is missed within a run, and long enough for a busy machine. */
const sessionTimeoutMs = 6000

// Clients of servers are loaded where they are used: a process of the embedded engine starts without them.
export async function openLog({ log }: EngineSpec): Promise<Log> {
  if (log.kind === 'embedded') return sqliteLog({ path: log.folder })
  const { kafkaLog } = await import('firebreak/kafka')
  const { brokers, instanceId } = log
  return kafkaLog({ brokers, sessionTimeoutMs, ...(instanceId === null ? {} : { instanceId }) })
}

export async function openDatabase({ database, transactionMaxMs }: EngineSpec, name: string): Promise<Database> {
  const limits = transactionMaxMs === undefined ? {} : { transactionMaxMs }
  if (database.kind === 'sqlite') return sqliteDatabase({ path: join(database.folder, `${name}.db`), ...limits })
  const { postgresDatabase } = await import('firebreak/postgres')
  const url = new URL(database.url)
  url.pathname = `/${name}`
  return postgresDatabase({ url: url.href, ...limits })
}
