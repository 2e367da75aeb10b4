import { FirebreakError } from '../contracts/errors.ts'

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

const mechanisms: readonly string[] = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']
const compressions: readonly string[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** **Errors** `FB_CONFIG` with a line for each thing that is wrong. */
export function settingsOf(options: KafkaOptions): KafkaSettings {
  const problems: string[] = []
  const brokers = options.brokers.map((text) => parseBroker(text, problems))
  if (brokers.length === 0) problems.push('brokers is empty: name at least one as host:port')
  const positive = (name: string, value: number, least = 1): number => {
    if (!Number.isFinite(value) || value < least) problems.push(`${name} must be ${least} or more, not ${value}`)
    return value
  }
  const sessionTimeoutMs = positive('sessionTimeoutMs', options.sessionTimeoutMs ?? 30_000)
  const heartbeatMs = positive('heartbeatMs', options.heartbeatMs ?? Math.min(1000, sessionTimeoutMs / 3))
  const drainTimeoutMs = positive('drainTimeoutMs', options.drainTimeoutMs ?? Math.floor((sessionTimeoutMs * 2) / 3))
  if (heartbeatMs * 2 > sessionTimeoutMs) problems.push('heartbeatMs must be at most half of sessionTimeoutMs')
  if (drainTimeoutMs >= sessionTimeoutMs) problems.push('drainTimeoutMs must be below sessionTimeoutMs')
  const replication = options.replication ?? -1
  if (replication !== -1 && !(Number.isInteger(replication) && replication >= 1))
    problems.push(`replication must be a whole number of 1 or more, not ${replication}`)
  const compression = options.compression ?? 'none'
  if (!compressions.includes(compression))
    problems.push(`compression "${compression}" is none of ${compressions.join(', ')}`)
  const clientId = options.clientId ?? 'firebreak'
  if (!/^\S+$/.test(clientId)) problems.push('clientId must be text without spaces')
  if (options.instanceId !== undefined && !/^[\w.-]{1,249}$/.test(options.instanceId))
    problems.push(`instanceId "${options.instanceId}" may hold letters, digits, ".", "_" and "-" only`)
  const settings: KafkaSettings = {
    path: `kafka ${options.brokers.join(',')}`,
    brokers,
    clientId,
    tls: tlsOf(options.tls, problems),
    sasl: checkedSasl(options.sasl, problems),
    compression,
    replication,
    topicConfigs: options.topicConfigs ?? {},
    createTopics: options.createTopics ?? true,
    sessionTimeoutMs,
    heartbeatMs,
    drainTimeoutMs,
    instanceId: options.instanceId ?? null,
    appendTimeoutMs: positive('appendTimeoutMs', options.appendTimeoutMs ?? 30_000),
    recordBytesMax: positive('recordBytesMax', options.recordBytesMax ?? 1_000_000),
    fetch: {
      partitionBytes: positive('fetch.partitionBytes', options.fetch?.partitionBytes ?? 1_048_576, 1024),
      totalBytes: positive('fetch.totalBytes', options.fetch?.totalBytes ?? 33_554_432, 1024),
      waitMs: positive('fetch.waitMs', options.fetch?.waitMs ?? 500, 0),
    },
  }
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return settings
}

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
