import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { allEnded, InfraError } from './failure.ts'
import { type ClusterRecord, configOf, configPath, extraSettings, type NodeRecord, nodeFolder } from './kafka-config.ts'
import { kafkaClassPath } from './kafka-jars.ts'
import { endWithThisProcess, noteName } from './left-behind.ts'
import { anyPort, freePorts } from './ports.ts'
import { type Deadline, proveKafka, untilItWorks } from './readiness.ts'
import { createSecureAccess, type SecureAccess, scramArguments } from './secure-listener.ts'
import { putAside, tailOf } from './server-log.ts'
import {
  isRunning,
  killServer,
  notedAt,
  type OnKilled,
  type ServerProcess,
  signalTo,
  startServer,
  stopServer,
} from './server-process.ts'
import { findJava, runToEnd } from './tools.ts'

export interface KafkaOptions {
  /** A folder for this cluster alone: configuration, data, logs and the notes of its processes go below it. */
  readonly folder: string
  /** Brokers, each a controller too. With three, every topic has three replicas, and two must acknowledge. */
  readonly nodes: number
  /** With a listener for SASL over TLS as well. */
  readonly secure?: boolean
  /** Where the search for free ports starts; somewhere by default. */
  readonly firstPort?: number
  /** One for each node: a further listener that clients are told to reach at this port of 127.0.0.1 instead. */
  readonly proxyPorts?: readonly number[]
  /** More lines for `server.properties`. */
  readonly settings?: Readonly<Record<string, string>>
  readonly onProgress?: (line: string) => void
  readonly signal?: AbortSignal
}

/** One broker of a cluster that was started here. */
export interface KafkaNode {
  readonly id: number
  readonly port: number
  /** Where a proxy has to pass things on to; undefined without `proxyPorts`. */
  readonly proxiedPort: number | undefined
  /** Another one after each start. */
  readonly pid: number
  readonly logPath: string
  /** A paused node runs. */
  isRunning(): boolean
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  pause(): void
  resume(): void
  /** Clean, within 30 s; then it is killed. */
  stop(onKilled?: OnKilled): Promise<void>
  /** On the same ports and data; nothing when it runs. Resolves when the process is there, which is before it is ready. */
  start(): Promise<void>
}

export interface KafkaCluster {
  readonly brokers: readonly string[]
  /** The way in through the proxies; empty without `proxyPorts`. */
  readonly proxiedBrokers: readonly string[]
  readonly nodes: readonly KafkaNode[]
  readonly secure: SecureAccess | undefined
  /** Enough to find the cluster again from another process, with `openKafka`. */
  readonly record: ClusterRecord
  /**
   * Resolves when all nodes count as members and one record has made its way through all replicas.
   * **Errors** InfraError with the end of the log when a node has ended or the time is over (90 s by default).
   */
  ready(deadline?: Deadline): Promise<void>
  /** All nodes, as one of them is stopped. The data stays. */
  stop(onKilled?: OnKilled): Promise<void>
}

/**
 * Starts a cluster of its own and resolves when it is ready. Whatever runs is killed when that fails, and when this process
 * ends.
 */
export async function startKafka(options: KafkaOptions): Promise<KafkaCluster> {
  const cluster = await createKafka(options)
  endWithThisProcess(options.folder)
  try {
    await allEnded(cluster.nodes.map((node) => node.start()))
    await cluster.ready({ signal: options.signal })
    return cluster
  } catch (error) {
    await allEnded(cluster.nodes.map((node) => node.kill()))
    throw error
  }
}

/** Writes configuration, certificates and empty storage. Nothing runs yet. */
export async function createKafka(options: KafkaOptions): Promise<KafkaCluster> {
  const { folder, onProgress = () => {}, signal } = options
  const java = javaOrError()
  const classPath = await kafkaClassPath(onProgress, signal)
  const nodes = await planNodes(options)
  const brokers = nodes.flatMap(({ securePort }) => (securePort === null ? [] : [`127.0.0.1:${securePort}`]))
  const secure = options.secure ? await createSecureAccess(join(folder, 'tls'), brokers) : null
  const record: ClusterRecord = { folder, clusterId: clusterId(), nodes, secure }
  onProgress(`kafka: formatting the storage of ${nodes.length === 1 ? 'one node' : `${nodes.length} nodes`}`)
  const format = async ({ id }: NodeRecord): Promise<void> => {
    const args = ['format', '-t', record.clusterId, '-c', configPath(record, id)]
    const scram = secure === null ? [] : scramArguments(secure)
    await runToEnd(java, ['-Xmx128m', '-cp', classPath, 'kafka.tools.StorageTool', ...args, ...scram], { signal })
  }
  for (const node of nodes) writeConfig(record, node, options.settings)
  for (const { id } of nodes) putAside(logPathOf(record, id))
  await allEnded(nodes.map(format))
  return openKafka(record)
}

/** A cluster that was started before, here or by another process. */
export function openKafka(record: ClusterRecord): KafkaCluster {
  const nodes = record.nodes.map((node) => new LocalNode(record, node))
  const brokers = nodes.map(({ port }) => `127.0.0.1:${port}`)
  return {
    brokers,
    proxiedBrokers: record.nodes.flatMap(({ proxied }) => (proxied ? [`127.0.0.1:${proxied.advertised}`] : [])),
    nodes,
    secure: record.secure ?? undefined,
    get record() {
      return { ...record, nodes: nodes.map((node) => node.record) }
    },
    async ready(deadline) {
      await untilItWorks(() => proveKafka(brokers, nodes.length), { ...deadline, fault: () => faultOf(nodes) }).catch(
        (error: unknown) => {
          if (!(error instanceof InfraError)) throw error
          const { logPath } = nodes.find((node) => !node.isRunning()) ?? nodes[0] ?? { logPath: '' }
          throw new InfraError(`Kafka: ${error.message}\n${tailOf(logPath)}`)
        },
      )
    },
    async stop(onKilled) {
      await allEnded(nodes.map((node) => node.stop(onKilled)))
    },
  }
}

const faultOf = (nodes: readonly KafkaNode[]): string | undefined => {
  const ended = nodes.find((node) => !node.isRunning())
  return ended === undefined ? undefined : `the process of node ${ended.id} has ended`
}

class LocalNode implements KafkaNode {
  readonly logPath: string
  readonly #cluster: ClusterRecord
  #record: NodeRecord

  constructor(cluster: ClusterRecord, record: NodeRecord) {
    this.#cluster = cluster
    // Its starter may have ended before it wrote the record.
    this.#record = { ...record, pid: notedAt(notePathOf(cluster, record.id))?.pid ?? record.pid }
    this.logPath = logPathOf(cluster, record.id)
  }

  get id(): number {
    return this.#record.id
  }
  get port(): number {
    return this.#record.port
  }
  get proxiedPort(): number | undefined {
    return this.#record.proxied?.port
  }
  get pid(): number {
    return this.#record.pid
  }
  get record(): NodeRecord {
    return this.#record
  }
  get #process(): ServerProcess {
    return { pid: this.pid, mark: configPath(this.#cluster, this.id) }
  }

  isRunning(): boolean {
    return isRunning(this.#process)
  }
  kill(): Promise<void> {
    return killServer(this.#process)
  }
  pause(): void {
    signalTo(this.#process, 'SIGSTOP')
  }
  resume(): void {
    signalTo(this.#process, 'SIGCONT')
  }
  async stop(onKilled?: OnKilled): Promise<void> {
    const ending = await stopServer(this.#process, { signal: 'SIGTERM', graceMs: 30_000 })
    if (ending === 'killed') onKilled?.(`node ${this.id}`)
  }

  async start(): Promise<void> {
    if (this.isRunning()) return
    const folder = nodeFolder(this.#cluster, this.id)
    const config = configPath(this.#cluster, this.id)
    const classPath = await kafkaClassPath(() => {})
    const pid = await startServer({
      program: javaOrError(),
      args: [...jvmOptions, '-cp', classPath, 'kafka.Kafka', config],
      folder,
      logPath: this.logPath,
      notePath: notePathOf(this.#cluster, this.id),
      mark: config,
    })
    this.#record = { ...this.#record, pid }
  }
}

const notePathOf = (cluster: ClusterRecord, id: number): string => join(nodeFolder(cluster, id), noteName)
const logPathOf = (cluster: ClusterRecord, id: number): string => join(nodeFolder(cluster, id), 'kafka.log')

// Without every attempt to reach a node that is not up yet.
const jvmOptions = [
  ...['-Xms256m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:+ExitOnOutOfMemoryError'],
  ...['defaultLogLevel=warn', 'showDateTime=true', "dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS"].map(
    (setting) => `-Dorg.slf4j.simpleLogger.${setting}`,
  ),
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
  '-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.NetworkClient=error',
]

async function planNodes(options: KafkaOptions): Promise<readonly NodeRecord[]> {
  const { nodes, secure, proxyPorts, firstPort = anyPort() } = options
  if (proxyPorts !== undefined && proxyPorts.length !== nodes)
    throw new InfraError(`${nodes} nodes need as many proxy ports, not ${proxyPorts.length}`, 2)
  const ids = Array.from({ length: nodes }, (_, index) => index + 1)
  // Per node: clients, controllers, secured clients, clients that come through a proxy.
  const ports = await freePorts(ids.flatMap((id) => [0, 1, 2, 3].map((kind) => firstPort + 100 * (id - 1) + kind)))
  return ids.map((id, index) => {
    const [port = 0, controllerPort = 0, securePort = 0, proxiedPort = 0] = ports.slice(4 * index)
    const advertised = proxyPorts?.[index]
    return {
      id,
      port,
      controllerPort,
      securePort: secure ? securePort : null,
      proxied: advertised === undefined ? null : { port: proxiedPort, advertised },
      pid: 0,
    }
  })
}

function writeConfig(record: ClusterRecord, node: NodeRecord, settings?: Readonly<Record<string, string>>): void {
  mkdirSync(join(nodeFolder(record, node.id), 'data'), { recursive: true })
  const path = configPath(record, node.id)
  writeFileSync(path, configOf(record, node, extraSettings(record.secure, settings)))
  // It may hold passwords.
  chmodSync(path, 0o600)
}

function javaOrError(): string {
  const java = findJava()
  if (java === undefined)
    throw new InfraError('Kafka needs Java 17 or newer: on Debian, apt-get install openjdk-17-jre-headless')
  return java
}

// Kafka's own form of 16 random bytes; its command line takes one that starts with a dash for an option.
function clusterId(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? clusterId() : id
}
