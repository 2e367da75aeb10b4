import { FirebreakError } from '../../contracts/errors.ts'
import {
  bytes,
  choice,
  count,
  defaultsOf,
  filled,
  flag,
  ms,
  type OptionTable,
  optionProblems,
  other,
  type Problems,
  shown,
} from '../../contracts/option.ts'

/** How values are compressed on the way and on the brokers' disks. */
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

export interface KafkaTls {
  /** Certificates of the authorities to trust, PEM. Absent: those that Node trusts. */
  readonly ca?: string | readonly string[]
  /** The client's own certificate and key, PEM; both or none. */
  readonly cert?: string
  readonly key?: string
  /** Default true. False trusts everybody: for a trial only. */
  readonly rejectUnauthorized?: boolean
  /** The name to check the certificate against. Default the broker's host name. */
  readonly serverName?: string
}

export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
      readonly username: string
      readonly password: string
    }
  /** Called for every new connection and before a token's session ends. */
  | { readonly mechanism: 'oauthbearer'; readonly token: () => string | Promise<string> }

export interface KafkaOptions {
  /** `host:port` of some brokers; the others are learned from them. */
  readonly brokers: readonly string[]
  /** What the brokers' logs call this client, default `firebreak`. */
  readonly clientId?: string
  /** Encrypts. `true` trusts the authorities that Node trusts. */
  readonly tls?: boolean | KafkaTls
  readonly sasl?: KafkaSasl
  /** Default `none`. */
  readonly compression?: Compression
  /** Copies of a topic that `ensureTopics` creates; default what the brokers are set to. */
  readonly replication?: number
  /** Further settings of topics that `ensureTopics` creates, by Kafka's names. */
  readonly topicConfigs?: Readonly<Record<string, string>>
  /** False: `ensureTopics` never creates and refuses what is missing. Default true. */
  readonly createTopics?: boolean
  /** How long a member may be silent before its partitions go to others, default 30000. */
  readonly sessionTimeoutMs?: number
  /** How often a member shows that it lives, and learns of a rebalance; default 1000. */
  readonly heartbeatMs?: number
  /** How long a lost partition is waited for to be drained, default two thirds of the session. Beyond it is fenced. */
  readonly drainTimeoutMs?: number
  /**
   * Makes the member static: unique per process and group, and the same after a restart. Its partitions wait for it for
   * `sessionTimeoutMs`, also after `close()`.
   */
  readonly instanceId?: string
  /** How long `append` and calls to brokers try again by themselves, default 30000. */
  readonly appendTimeoutMs?: number
  /** Largest key + value + headers of one record, default 1000000. A topic's `max.message.bytes` may say less. */
  readonly recordBytesMax?: number
  readonly fetch?: {
    /** Bytes kept ahead of the caller per partition, default 1 MiB. */
    readonly partitionBytes?: number
    /** Bytes kept ahead of the caller in all, per cursor, default 32 MiB. */
    readonly totalBytes?: number
    /** How long a broker holds a request without news, default 500. */
    readonly waitMs?: number
  }
}

/** The options with every default filled in. */
export interface KafkaSettings {
  /** For messages: never holds a secret. */
  readonly path: string
  readonly brokers: readonly { readonly host: string; readonly port: number }[]
  readonly clientId: string
  readonly tls: KafkaTls | undefined
  readonly sasl: KafkaSasl | undefined
  readonly compression: Compression
  readonly replication: number
  readonly topicConfigs: Readonly<Record<string, string>>
  readonly createTopics: boolean
  readonly sessionTimeoutMs: number
  readonly heartbeatMs: number
  readonly drainTimeoutMs: number
  readonly instanceId: string | null
  readonly appendTimeoutMs: number
  readonly recordBytesMax: number
  readonly fetch: { readonly partitionBytes: number; readonly totalBytes: number; readonly waitMs: number }
}

export const kafkaOptions: OptionTable<KafkaOptions> = {
  brokers: other,
  clientId: other,
  tls: other,
  sasl: other,
  compression: choice({
    choices: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
    default: 'none',
    meaning: 'how values are compressed on the way and on the brokers\u2019 disks',
  }),
  replication: count('copies', {
    least: 1,
    most: 2 ** 15 - 1,
    or: [-1],
    default: 'what the brokers are set to',
    meaning: 'copies of a topic that is created; -1 leaves it to the brokers',
  }),
  topicConfigs: other,
  createTopics: flag({ default: true, meaning: 'whether topics that are missing are created' }),
  sessionTimeoutMs: ms({
    least: 1,
    default: 30_000,
    meaning: 'how long a member may be silent before its partitions go to others',
  }),
  heartbeatMs: ms({
    least: 1,
    default: '1000, less where the session is short',
    meaning: 'how often a member shows that it lives; at most half of `sessionTimeoutMs`',
  }),
  drainTimeoutMs: ms({
    least: 1,
    default: 'two thirds of `sessionTimeoutMs`',
    meaning: 'how long a lost partition is waited for to be drained; below `sessionTimeoutMs`',
  }),
  instanceId: other,
  appendTimeoutMs: ms({ least: 1, default: 30_000, meaning: 'how long calls to brokers are tried again' }),
  recordBytesMax: bytes({ least: 1, default: 1_000_000, meaning: 'largest key + value + headers of one record' }),
  fetch: other,
}

export const kafkaFetchOptions: OptionTable<KafkaSettings['fetch']> = {
  partitionBytes: bytes({ least: 1024, default: 1_048_576, meaning: 'bytes kept ahead of the caller per partition' }),
  totalBytes: bytes({ least: 1024, default: 33_554_432, meaning: 'bytes kept ahead of the caller in all, per cursor' }),
  waitMs: ms({ least: 0, default: 500, meaning: 'how long a broker holds a request without news' }),
}

const mechanisms: readonly string[] = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']

/** **Errors** `FB_CONFIG` with a line for each thing that is wrong. */
export function settingsOf(options: KafkaOptions): KafkaSettings {
  const problems = [
    ...optionProblems(kafkaOptions, options, place),
    ...optionProblems(kafkaFetchOptions, options?.fetch, `${place}fetch.`),
  ]
  const named = Array.isArray(options?.brokers) ? options.brokers : []
  if (named.length === 0) problems.push('brokers is empty: name at least one as host:port')
  const brokers = named.map((text) => parseBroker(text, problems))
  const times = timesOf(options ?? {})
  problems.push(...timeProblems(times), ...fetchProblems(options?.fetch))
  const { clientId = 'firebreak', instanceId = null } = options ?? {}
  if (typeof clientId !== 'string' || !/^\S+$/.test(clientId)) problems.push('clientId must be text without spaces')
  if (instanceId !== null && !(typeof instanceId === 'string' && /^[\w.-]{1,249}$/.test(instanceId)))
    problems.push(`instanceId ${shown(instanceId)} may hold letters, digits, ".", "_" and "-" only`)
  const defaults = {
    compression: 'none' as const,
    replication: -1,
    topicConfigs: {},
    createTopics: true,
    appendTimeoutMs: 30_000,
    recordBytesMax: 1_000_000,
  }
  const tls = tlsOf(options?.tls, problems)
  const sasl = checkedSasl(options?.sasl, problems)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return {
    ...filled<Pick<KafkaSettings, keyof typeof defaults>>(defaults, options),
    path: `kafka ${named.join(',')}`,
    brokers,
    clientId,
    tls,
    sasl,
    ...times,
    instanceId,
    fetch: filled(defaultsOf(kafkaFetchOptions), options.fetch),
  }
}

type Times = Pick<KafkaSettings, 'sessionTimeoutMs' | 'heartbeatMs' | 'drainTimeoutMs'>

function timesOf({ sessionTimeoutMs = 30_000, heartbeatMs, drainTimeoutMs }: Partial<KafkaOptions>): Times {
  // What is no number is refused already.
  const sessionMs = Number.isFinite(sessionTimeoutMs) ? sessionTimeoutMs : 30_000
  return {
    sessionTimeoutMs,
    heartbeatMs: heartbeatMs ?? Math.max(1, Math.min(1000, Math.floor(sessionMs / 3))),
    drainTimeoutMs: drainTimeoutMs ?? Math.max(1, Math.floor((sessionMs * 2) / 3)),
  }
}

function timeProblems({ sessionTimeoutMs, heartbeatMs, drainTimeoutMs }: Times): Problems {
  const found: string[] = []
  if (typeof sessionTimeoutMs !== 'number') return found
  if (isAbove(heartbeatMs, sessionTimeoutMs / 2)) found.push('heartbeatMs must be at most half of sessionTimeoutMs')
  if (isAbove(drainTimeoutMs, sessionTimeoutMs - 1)) found.push('drainTimeoutMs must be below sessionTimeoutMs')
  return found
}

function fetchProblems(fetch: KafkaOptions['fetch']): Problems {
  const { partitionBytes, totalBytes } = fetch ?? {}
  return isAbove(partitionBytes, totalBytes) ? ['fetch.partitionBytes must be at most fetch.totalBytes'] : []
}

/** Whether both are numbers, which is checked elsewhere, and one is above the other. */
const isAbove = (one: number | undefined, other: number | undefined): boolean =>
  typeof one === 'number' && typeof other === 'number' && one > other

const place = 'kafkaLog: '

function parseBroker(text: string, problems: string[]): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:\s/@]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  if (host !== undefined && port >= 1 && port <= 65_535) return { host, port }
  // Not repeated: an address with credentials in it would end up in a log.
  problems.push('a broker is not host:port, for example 127.0.0.1:9092')
  return { host: '', port: 0 }
}

function tlsOf(tls: KafkaOptions['tls'], problems: string[]): KafkaTls | undefined {
  if (tls === undefined || tls === false) return undefined
  if (tls === true) return {}
  if ((tls.cert === undefined) !== (tls.key === undefined)) problems.push('tls.cert and tls.key belong together')
  return tls
}

function checkedSasl(sasl: KafkaSasl | undefined, problems: string[]): KafkaSasl | undefined {
  if (sasl === undefined) return undefined
  if (!mechanisms.includes(sasl.mechanism)) problems.push(`sasl.mechanism is none of ${mechanisms.join(', ')}`)
  else if (sasl.mechanism === 'oauthbearer') {
    if (typeof sasl.token !== 'function') problems.push('sasl.token must be a function that returns a token')
  } else if (!sasl.username || !sasl.password) problems.push('sasl.username and sasl.password must not be empty')
  return sasl
}
