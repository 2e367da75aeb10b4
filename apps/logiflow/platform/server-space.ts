import type { Admin } from '@platformatic/kafka'
import { isFirebreakError, type TopicSpec } from 'firebreak'
import { databaseNameOf, type EngineSettings, topicNameOf } from './engine-settings.ts'
import { loadEngines } from './engines.ts'
import { UsageError } from './flags.ts'
import { pause } from './machine.ts'

const GONE_MAX_TRIES = 100
const GONE_LOOK_MS = 100

/** What LogiFlow has created on servers, by the names that they have there: this and nothing else may it delete. */
export type Made = { readonly databases: readonly string[]; readonly topics: readonly string[] }

export const nothingMade: Made = { databases: [], topics: [] }

/** Told the names of everything made so far before the last of it is made. What it throws ends the making. */
export type Note = (made: Made) => void

/** In a database that is always there, and without leaving anything in it. */
const onServer = async <T>(
  url: string,
  work: (query: (sql: string) => Promise<readonly object[]>) => Promise<T>,
): Promise<T> => {
  const { postgresDatabase } = await import('firebreak/postgres')
  const database = postgresDatabase({ url, schema: 'public', poolMax: 1, applicationName: 'logiflow start' })
  try {
    return await work((sql) => database.query(sql))
  } finally {
    await database.close()
  }
}

const createDatabases = (
  settings: EngineSettings,
  services: readonly string[],
  note: (names: readonly string[]) => void,
): Promise<void> =>
  onServer(settings.databaseUrl, async (query) => {
    const made: string[] = []
    for (const name of services.map((service) => databaseNameOf(settings, service))) {
      if ((await query(`SELECT 1 FROM pg_database WHERE datname = '${name}'`)).length > 0) continue
      note([...made, name])
      await query(`CREATE DATABASE "${name}" TEMPLATE template0`).catch((error: Error) => {
        // The server said no: a database of this name is somebody else's. Without an answer it may be there, and ours.
        if (!isFirebreakError(error) || isFirebreakError(error, 'FB_STATEMENT_INVALID')) note(made)
        throw new UsageError(`the database ${name} cannot be created: ${error.message}`)
      })
      made.push(name)
    }
  })

const withAdmin = async <T>(brokers: readonly string[], work: (admin: Admin) => Promise<T>): Promise<T> => {
  const kafka = await import('@platformatic/kafka')
  const admin = new kafka.Admin({ clientId: 'logiflow-start', bootstrapBrokers: [...brokers] })
  try {
    return await work(admin)
  } finally {
    await admin.close()
  }
}

const createTopics = async (
  settings: EngineSettings,
  specs: readonly TopicSpec[],
  note: (names: readonly string[]) => void,
): Promise<void> => {
  const known = new Set(await withAdmin(settings.brokers, (admin) => admin.listTopics()))
  const log = (await loadEngines(settings)).openLog()
  try {
    note(specs.map(({ name }) => topicNameOf(settings, name)).filter((name) => !known.has(name)))
    await log.ensureTopics(specs)
  } finally {
    await log.close()
  }
}

/**
 * Makes what is missing on the servers: a database for each service, and the topics. It may fail or be killed at any moment,
 * so each name is noted before it is made. Resolves to what was missing.
 */
export const makeSpace = async (
  settings: EngineSettings,
  wanted: { readonly services: readonly string[]; readonly topics: readonly TopicSpec[] },
  note: Note,
): Promise<Made> => {
  let made = nothingMade
  const add = (more: Partial<Made>): void => {
    made = { ...made, ...more }
    note(made)
  }
  if (settings.database === 'postgres')
    await createDatabases(settings, wanted.services, (databases) => add({ databases }))
  if (settings.log === 'kafka') await createTopics(settings, wanted.topics, (topics) => add({ topics }))
  return made
}

const deleteTopics = (brokers: readonly string[], topics: readonly string[]): Promise<void> =>
  withAdmin(brokers, async (admin) => {
    const left = async (): Promise<string[]> => {
      const known = new Set(await admin.listTopics())
      return topics.filter((topic) => known.has(topic))
    }
    const there = await left()
    if (there.length > 0) await admin.deleteTopics({ topics: there })
    for (let tries = 0; tries < GONE_MAX_TRIES && (await left()).length > 0; tries++) await pause(GONE_LOOK_MS)
  })

const deleteDatabases = (url: string, databases: readonly string[]): Promise<void> =>
  onServer(url, async (query) => {
    for (const name of databases) await query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)
  })

/** Deletes what `makeSpace` has made, with everything in it. What is gone already is no fault. */
export const discardSpace = async (settings: EngineSettings, made: Made): Promise<void> => {
  const databases = made.databases.filter((name) => /^logiflow_[a-z0-9_]+$/.test(name))
  try {
    if (made.topics.length > 0) await deleteTopics(settings.brokers, made.topics)
  } finally {
    // A broker that is away is no reason to leave databases behind.
    if (databases.length > 0) await deleteDatabases(settings.databaseUrl, databases)
  }
}
