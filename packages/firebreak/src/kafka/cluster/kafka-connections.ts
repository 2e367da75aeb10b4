/**
 * Open connections to brokers.
 *
 * I1 One connection per broker and channel. A broker answers the requests of one connection one after the other, so what may
 *    wait long (joining, fetching) has a channel of its own and never holds up a heartbeat.
 * I2 A connection that failed is forgotten; the next request opens another.
 * I3 After `close()` nothing opens any more and no socket is left.
 */
import {
  type API,
  AuthenticationError,
  type Callback,
  Connection,
  type ConnectionOptions,
  type SASLOptions,
} from '@platformatic/kafka'
import { FirebreakError } from '../../contracts/errors.ts'
import type { KafkaSasl, KafkaSettings } from './kafka-options.ts'

export interface Broker {
  readonly host: string
  readonly port: number
}

interface Opened {
  readonly connection: Connection
  readonly ready: Promise<Connection>
}

const connectTimeoutMs = 5000

export class Connections {
  readonly settings: KafkaSettings
  readonly #opened = new Map<string, Opened>()
  readonly #credentials: ConnectionOptions
  #closed = false

  constructor(settings: KafkaSettings) {
    this.settings = settings
    this.#credentials = credentialsOf(settings)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Rejects with the client's errors; `asLogError` turns them into ours. */
  get(broker: Broker, channel: string, requestTimeoutMs: number = 10_000): Promise<Connection> {
    if (this.#closed) return Promise.reject(new FirebreakError('FB_CLOSED', { what: this.settings.path }))
    const key = `${broker.host}:${broker.port} ${channel}`
    const known = this.#opened.get(key)
    const status = known?.connection.status
    if (known !== undefined && status !== 'closed' && status !== 'closing' && status !== 'error') {
      return status === 'reauthenticating' ? known.connection.ready().then(() => known.connection) : known.ready
    }
    const opened = this.#open(broker, requestTimeoutMs)
    this.#opened.set(key, opened)
    const forget = (): void => {
      if (this.#opened.get(key) === opened) this.#opened.delete(key)
    }
    opened.connection.once('close', forget)
    opened.ready.catch(forget)
    return opened.ready
  }

  /** Ends one channel to all brokers, with what waits on it. */
  async drop(channel: string): Promise<void> {
    const ending: Promise<void>[] = []
    for (const [key, { connection }] of this.#opened) {
      if (!key.endsWith(` ${channel}`)) continue
      this.#opened.delete(key)
      ending.push(connection.close().catch(() => undefined))
    }
    await Promise.all(ending)
  }

  async close(): Promise<void> {
    this.#closed = true
    const all = [...this.#opened.values()]
    this.#opened.clear()
    await Promise.all(
      all.map(async ({ connection, ready }) => {
        await ready.catch(() => undefined)
        await connection.close().catch(() => undefined)
      }),
    )
  }

  #open({ host, port }: Broker, requestTimeout: number): Opened {
    const connection = new Connection(this.settings.clientId, {
      connectTimeout: connectTimeoutMs,
      requestTimeout,
      maxInflights: 100,
      ...this.#credentials,
    })
    // The client emits an error on top of failing the call; without a listener that would end the process.
    connection.on('error', () => undefined)
    const connecting = Promise.resolve(connection.connect(host, port)).then(() => connection)
    return { connection, ready: this.settings.tls === undefined ? this.#noticeTls(connection, connecting) : connecting }
  }

  /** A broker that answers with a TLS alert. While signing in, the client only sees that the connection ends. */
  async #noticeTls(connection: Connection, connecting: Promise<Connection>): Promise<Connection> {
    let isTls = false
    connection.socket.once('data', (chunk: Buffer) => {
      isTls = chunk[0] === 0x15 && chunk[1] === 0x03
    })
    try {
      return await connecting
    } catch (error) {
      if (!isTls) throw error
      throw new FirebreakError('FB_LOG_REFUSED', { path: this.settings.path, reason: 'the broker requires TLS' }, error)
    }
  }
}

/** Sends one request. An answer with error codes in it is an answer: the caller reads the codes. */
export async function ask<Arguments extends unknown[], Response>(
  connection: Connection,
  api: API<Arguments, Response>,
  ...args: Arguments
): Promise<Response> {
  try {
    return await api.async(connection, ...args)
  } catch (error) {
    const inside = responseIn<Response>(error)
    if (inside === undefined) throw error
    return inside
  }
}

// The client rejects an answer that holds error codes, and hands it over on the error.
const responseIn = <Response>(error: unknown): Response | undefined =>
  (error as { response?: Response | null }).response ?? undefined

/** The same for a request with a codec of our own. */
export function answered<Response>(
  resolve: (response: Response) => void,
  reject: (error: unknown) => void,
): Callback<Response> {
  return (error, response) => {
    if (error === null || error === undefined) return resolve(response as Response)
    const inside = responseIn<Response>(error)
    if (inside === undefined) reject(error)
    else resolve(inside)
  }
}

function credentialsOf({ tls, sasl }: KafkaSettings): ConnectionOptions {
  const options: ConnectionOptions = {}
  if (tls !== undefined) {
    const { serverName, ca, ...rest } = tls
    options.tls = ca === undefined ? rest : { ...rest, ca: typeof ca === 'string' ? ca : [...ca] }
    if (serverName !== undefined) options.tlsServerName = serverName
  }
  if (sasl !== undefined) options.sasl = saslOf(sasl)
  return options
}

function saslOf(sasl: KafkaSasl): SASLOptions {
  if (sasl.mechanism === 'oauthbearer') {
    // A broker sends why it refuses a token where it would send nothing. **Source** RFC 7628, section 3.2.2
    const authBytesValidator: SASLOptions['authBytesValidator'] = (bytes, callback) =>
      bytes.length === 0 ? callback(null, bytes) : callback(new AuthenticationError('The token was refused.'))
    return { mechanism: 'OAUTHBEARER', token: sasl.token, authBytesValidator }
  }
  const mechanism = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const
  return { mechanism: mechanism[sasl.mechanism], username: sasl.username, password: sasl.password }
}
