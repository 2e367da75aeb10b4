import type { ConnectionOptions } from 'node:tls'
import type { PoolConfig } from 'pg'
import type { Clock } from '../contracts/clock.ts'
import { FirebreakError } from '../contracts/errors.ts'
import { count, filled, ms, type OptionTable, optionProblems, other, shown } from '../contracts/option.ts'
import { systemClock } from '../node/clock.ts'

/** Where the server is, in parts; instead of `url`. */
export interface PostgresAddress {
  readonly host?: string
  readonly port?: number
  readonly database?: string
  readonly user?: string
  /** A function is asked for every new connection: for passwords that expire. */
  readonly password?: string | (() => string | Promise<string>)
}

export interface PostgresDatabaseOptions {
  /** As in `postgresql://user:password@host:5432/database`. */
  readonly url?: string
  readonly address?: PostgresAddress
  /** Where the ledger's tables live, default `firebreak`; created if it is missing. */
  readonly schema?: string
  /** Where unqualified names are looked for before the ledger's schema, default the user's own schema, then `public`. */
  readonly searchPath?: readonly string[]
  /** Connections at most, default 10. */
  readonly poolMax?: number
  /** How long to wait for a connection, a new one or a free one, default 5000. */
  readonly connectTimeoutMs?: number
  /** How long a statement waits for a lock of somebody else, default 5000. */
  readonly lockTimeoutMs?: number
  /** How long one statement may run, default 30000. */
  readonly statementTimeoutMs?: number
  /** How long one unit may hold the transaction open, default 5000; a group of units that wait, twice that and a second. */
  readonly transactionMaxMs?: number
  /** How long to ask what became of a commit whose answer was lost, default 15000; then it is `FB_COMMIT_UNKNOWN`. */
  readonly commitDoubtMaxMs?: number
  /** What the server calls these connections, default `firebreak`. */
  readonly applicationName?: string
  /**
   * True: encrypted, and the certificate must be valid; or what `tls.connect` takes. Whatever it says, the url says nothing of
   * TLS any more; the default is what the url says.
   */
  readonly tls?: boolean | ConnectionOptions
  readonly clock?: Clock
}

/** The options with every default filled in. */
export interface ConnectionSettings {
  /** The database as messages name it; never with a password. */
  readonly path: string
  readonly schema: string
  readonly pool: PoolConfig
  readonly clock: Clock
  readonly answerMaxMs: number
  readonly statementsMax: number
  readonly transactionMaxMs: number
  /** How long units that wait may hold the transaction open all together. */
  readonly groupMaxMs: number
  readonly lockTimeoutMs: number
  readonly commitDoubtMaxMs: number
}

export const postgresOptions: OptionTable<PostgresDatabaseOptions> = {
  url: other,
  address: other,
  schema: other,
  searchPath: other,
  poolMax: count('connections', { least: 1, most: 10_000, default: 10, meaning: 'connections at most' }),
  connectTimeoutMs: ms({
    least: 1,
    default: 5000,
    meaning: 'how long to wait for a connection, a new one or a free one',
  }),
  lockTimeoutMs: ms({ least: 1, default: 5000, meaning: 'how long a statement waits for a lock of somebody else' }),
  // Sums of them go to the server and into timers as well.
  statementTimeoutMs: ms({ least: 1, most: 10 ** 9, default: 30_000, meaning: 'how long one statement may run' }),
  transactionMaxMs: ms({
    least: 1,
    most: 10 ** 9,
    default: 5000,
    meaning: 'how long one unit may hold the transaction open; a group of units, twice that and a second',
  }),
  commitDoubtMaxMs: ms({
    least: 1,
    default: 15_000,
    meaning: 'how long to ask what became of a commit whose answer was lost',
  }),
  applicationName: other,
  tls: other,
  clock: other,
}

export const postgresAddressOptions: OptionTable<PostgresAddress> = {
  host: other,
  port: count('', { least: 1, most: 65_535, default: 5432, meaning: 'where the server listens' }),
  database: other,
  user: other,
  password: other,
}

type Optional = 'url' | 'address' | 'tls'
type Defaults = Required<Omit<PostgresDatabaseOptions, Optional>>
type Filled = Defaults & Pick<PostgresDatabaseOptions, Optional>

const defaults: Defaults = {
  schema: 'firebreak',
  searchPath: ['$user', 'public'],
  poolMax: 10,
  connectTimeoutMs: 5000,
  lockTimeoutMs: 5000,
  statementTimeoutMs: 30_000,
  transactionMaxMs: 5000,
  commitDoubtMaxMs: 15_000,
  applicationName: 'firebreak',
  clock: systemClock,
}
// The server ends a statement by itself; only a server that cannot be heard takes longer than that.
const graceMs = 5000
const statementsMax = 200
const tlsParameters = ['ssl', 'sslmode', 'sslcert', 'sslkey', 'sslrootcert', 'sslnegotiation'] as const
const identifier = /^[a-z_][a-z0-9_]{0,62}$/

/** **Errors** `FB_CONFIG` with everything that is wrong. */
export function connectionSettings(given: PostgresDatabaseOptions): ConnectionSettings {
  const options = filled<Filled>(defaults, given)
  const problems = problemsOf(options, given)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const { lockTimeoutMs, statementTimeoutMs, transactionMaxMs, commitDoubtMaxMs, clock, schema } = options
  const target = targetOf(options)
  return {
    path: target.path,
    schema,
    clock,
    lockTimeoutMs,
    transactionMaxMs,
    // Room for one unit that takes all of its time, and for the others.
    groupMaxMs: 2 * transactionMaxMs + 1000,
    commitDoubtMaxMs,
    statementsMax,
    answerMaxMs: statementTimeoutMs + graceMs,
    pool: {
      ...target.config,
      options: `${target.options} ${serverSettings(options)}`.trim(),
      max: options.poolMax,
      connectionTimeoutMillis: options.connectTimeoutMs,
      application_name: options.applicationName,
      keepAlive: true,
      ...(options.tls === undefined ? {} : { ssl: options.tls }),
    },
  }
}

// Said to the server when it is connected, so that it holds for every statement and without a round trip of its own.
function serverSettings(options: Filled): string {
  const { schema, searchPath, lockTimeoutMs, statementTimeoutMs, transactionMaxMs } = options
  const path = [...searchPath, schema].map((name) => `"${name}"`).join(',')
  const settings: Readonly<Record<string, string | number>> = {
    search_path: path,
    lock_timeout: lockTimeoutMs,
    statement_timeout: statementTimeoutMs,
    // A process that stops in the middle of a commit must not keep its locks.
    idle_in_transaction_session_timeout: transactionMaxMs + 1000,
    // How answers are read, whatever a role or a database has set: bytes as hex, and no digit of a float less.
    bytea_output: 'hex',
    extra_float_digits: 1,
  }
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ')
}

interface Target {
  readonly path: string
  readonly config: PoolConfig
  /** What the url itself wants to say to the server. */
  readonly options: string
}

function targetOf({ url, address, tls }: PostgresDatabaseOptions): Target {
  if (url === undefined) {
    const { host = 'localhost', port = 5432, database = '' } = address ?? {}
    return { path: `${host}:${port}/${database}`, config: { ...address }, options: '' }
  }
  const parsed = new URL(url)
  const options = parsed.searchParams.get('options') ?? ''
  parsed.searchParams.delete('options')
  // The driver lets a url win over what stands beside it: `sslmode=require` would throw the option's authority away.
  if (tls !== undefined) for (const name of tlsParameters) parsed.searchParams.delete(name)
  const host = parsed.hostname || (parsed.searchParams.get('host') ?? 'localhost')
  const path = `${host}:${parsed.port || 5432}${parsed.pathname}`
  return { path, config: { connectionString: parsed.href }, options }
}

const place = 'postgresDatabase: '

function problemsOf({ url, address, schema, searchPath }: Filled, given: unknown): readonly string[] {
  const problems = [
    ...optionProblems(postgresOptions, given, place),
    ...optionProblems(postgresAddressOptions, address, `${place}address.`),
  ]
  if (url === undefined && address === undefined) problems.push(`${place}give \`url\` or \`address\``)
  // Never shown: it may hold a password.
  const isText = typeof url === 'string'
  if (url !== undefined && !(isText && /^postgres(ql)?:\/\//.test(url)))
    problems.push(`${place}\`url\` must start with postgresql://`)
  if (isText && !URL.canParse(url)) problems.push(`${place}\`url\` is not a URL`)
  if (!isPlain(schema)) problems.push(`${place}schema ${shown(schema)} is not a plain lower-case name`)
  if (!Array.isArray(searchPath)) problems.push(`${place}searchPath must be a list, not ${shown(searchPath)}`)
  for (const name of Array.isArray(searchPath) ? searchPath : []) {
    if (name !== '$user' && !isPlain(name))
      problems.push(`${place}${shown(name)} in searchPath is not a plain lower-case name`)
  }
  return problems
}

const isPlain = (name: unknown): boolean => typeof name === 'string' && identifier.test(name)
