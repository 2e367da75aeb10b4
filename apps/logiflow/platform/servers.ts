import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { EngineChoice, Servers } from './engine-settings.ts'
import { UsageError } from './flags.ts'
import { env } from './machine.ts'

const ANSWER_MAX_MS = 3_000

/** The part that matters here of what `npm run infra` notes about the servers that it has started. */
type Infra = {
  readonly kafka?: {
    readonly cluster?: { readonly nodes: readonly { readonly port: number; readonly pid: number }[] }
    readonly ports?: readonly number[]
  }
  readonly postgres?: {
    readonly server?: { readonly port: number; readonly pid: number }
    readonly ports?: readonly number[]
  }
}

const readInfra = (): Infra => {
  try {
    return JSON.parse(readFileSync(new URL('../../../.firebreak/infra/state.json', import.meta.url), 'utf8')) as Infra
  } catch {
    return {}
  }
}

// Its number is 0 for the moment in which a server is started; to signal that would mean ourselves.
const isThere = (pid: number): boolean => {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** KAFKA_BROKERS, or those of a running `npm run infra`. */
export const kafkaBrokers = (): readonly string[] | undefined => {
  const given = env('KAFKA_BROKERS')
  if (given) return given.split(',')
  const { cluster, ports } = readInfra().kafka ?? {}
  const found = cluster === undefined ? ports : cluster.nodes.filter(({ pid }) => isThere(pid)).map(({ port }) => port)
  return found === undefined || found.length === 0 ? undefined : found.map((port) => `127.0.0.1:${port}`)
}

/** DATABASE_URL, or that of a running `npm run infra`. Its user may create databases. */
export const databaseUrl = (): string | undefined => {
  const given = env('DATABASE_URL')
  if (given) return given
  const { server, ports } = readInfra().postgres ?? {}
  const port = server === undefined ? ports?.[0] : isThere(server.pid) ? server.port : undefined
  return port === undefined ? undefined : `postgresql://postgres@127.0.0.1:${port}/postgres`
}

const answers = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port, timeout: ANSWER_MAX_MS })
    const end = (found: boolean) => (): void => {
      socket.destroy()
      resolve(found)
    }
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false))
  })

const urlOf = (text: string, variable: string): URL => {
  if (URL.canParse(text)) return new URL(text)
  throw new UsageError(`${variable} is no address`)
}

const knownBrokers = (): readonly string[] => {
  const brokers = kafkaBrokers()
  if (brokers !== undefined) return brokers
  throw new UsageError('where is Kafka? Set KAFKA_BROKERS, or start one with npm run infra -- up kafka')
}

const knownDatabaseUrl = (): string => {
  const url = databaseUrl()
  if (url !== undefined) return url
  throw new UsageError('where is PostgreSQL? Set DATABASE_URL, or start one with npm run infra -- up postgres')
}

const runningKafka = async (): Promise<readonly string[]> => {
  const brokers = knownBrokers()
  const places = brokers.map((broker) => urlOf(`kafka://${broker}`, 'KAFKA_BROKERS'))
  const found = await Promise.all(places.map(({ hostname, port }) => answers(hostname, Number(port))))
  if (!found.includes(true))
    throw new UsageError(`no Kafka answers at ${brokers.join(', ')}. Start one with npm run infra -- up kafka`)
  return brokers
}

const runningPostgres = async (): Promise<string> => {
  const url = knownDatabaseUrl()
  const { hostname, port } = urlOf(url, 'DATABASE_URL')
  // Without a host it is a socket in the file system, which says by itself when nobody is there.
  if (hostname !== '' && !(await answers(hostname, Number(port || 5432))))
    throw new UsageError(
      `no PostgreSQL answers at ${hostname}:${port || 5432}. Start one with npm run infra -- up postgres`,
    )
  return url
}

/** Where the servers of a choice should be, unasked. **Errors** `UsageError` when nothing says so. */
export const placesFor = ({ log, database }: EngineChoice): Servers => ({
  brokers: log === 'kafka' ? knownBrokers() : [],
  databaseUrl: database === 'postgres' ? knownDatabaseUrl() : '',
})

/** The servers that a choice of engines needs. **Errors** `UsageError` that says what to start when one does not answer. */
export const serversFor = async ({ log, database }: EngineChoice): Promise<Servers> => ({
  brokers: log === 'kafka' ? await runningKafka() : [],
  databaseUrl: database === 'postgres' ? await runningPostgres() : '',
})
