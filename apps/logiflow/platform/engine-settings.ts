import { env } from './machine.ts'

export const logEngines = ['embedded', 'kafka'] as const
export const databaseEngines = ['sqlite', 'postgres'] as const

/** Which engines carry the log and the services' databases. */
export type EngineChoice = {
  readonly log: (typeof logEngines)[number]
  readonly database: (typeof databaseEngines)[number]
}
export type Servers = {
  /** `host:port`; empty without Kafka. */
  readonly brokers: readonly string[]
  /** Of a user who may create databases; empty without PostgreSQL. */
  readonly databaseUrl: string
}
/** Everything that decides where a process finds its log and its database; travels to children in their environment. */
export type EngineSettings = EngineChoice &
  Servers & {
    readonly dataDir: string
    /** Goes before the names of topics, groups and databases on the servers; empty: the contracts' own names. */
    readonly namespace: string
  }

export const embedded: EngineChoice = { log: 'embedded', database: 'sqlite' }

/** Letters and digits: valid, and the same, in the names of topics and of databases. */
export const isNamespace = (text: string): boolean => /^[a-z][a-z0-9]{0,23}$/.test(text)

export const engineName = ({ log, database }: EngineChoice): string => `${log} and ${database}`

/** A folder for each choice of engines: what one of them keeps is not to be read with another. */
export const defaultDataDir = ({ log, database }: EngineChoice): string =>
  ['.logiflow', ...(log === 'embedded' ? [] : [log]), ...(database === 'sqlite' ? [] : [database])].join('-')

export const databaseNameOf = ({ namespace }: Pick<EngineSettings, 'namespace'>, service: string): string =>
  ['logiflow', ...(namespace === '' ? [] : [namespace]), service].join('_')

/** What a topic or a group of the contracts is called on the brokers. */
export const topicNameOf = ({ namespace }: Pick<EngineSettings, 'namespace'>, name: string): string =>
  namespace === '' ? name : `${namespace}.${name}`

export const environmentOf = (settings: EngineSettings): Readonly<Record<string, string>> => ({
  LOGIFLOW_DATA: settings.dataDir,
  LOGIFLOW_LOG: settings.log,
  LOGIFLOW_DATABASE: settings.database,
  LOGIFLOW_NAMESPACE: settings.namespace,
  KAFKA_BROKERS: settings.brokers.join(','),
  DATABASE_URL: settings.databaseUrl,
})

const choiceFromEnvironment = (): EngineChoice => ({
  log: env('LOGIFLOW_LOG') === 'kafka' ? 'kafka' : 'embedded',
  database: env('LOGIFLOW_DATABASE') === 'postgres' ? 'postgres' : 'sqlite',
})

/** What `environmentOf` said; nothing said is embedded. */
export const settingsFromEnvironment = (): EngineSettings => {
  const choice = choiceFromEnvironment()
  return {
    ...choice,
    dataDir: env('LOGIFLOW_DATA') || defaultDataDir(choice),
    namespace: env('LOGIFLOW_NAMESPACE') ?? '',
    brokers: env('KAFKA_BROKERS')?.split(',').filter(Boolean) ?? [],
    databaseUrl: env('DATABASE_URL') ?? '',
  }
}
