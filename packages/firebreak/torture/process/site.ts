import { join } from 'node:path'
import type { KafkaCluster } from '../../../../scripts/infra/kafka-cluster.ts'
import type { PostgresServer } from '../../../../scripts/infra/postgres-server.ts'
import type { Slot } from './crew.ts'
import { databaseNames, type EngineName, type EngineSpec } from './engines.ts'
import { type TcpProxy, tcpProxy } from './tcp-proxy.ts'

/** Servers that a run has to itself and may break. */
export interface Servers {
  /** Undefined where the log has no server. */
  readonly kafka: KafkaCluster | undefined
  /** One for each broker: the way of the proxied members to it. */
  readonly proxies: readonly TcpProxy[]
  readonly postgres: PostgresServer
}

/** Where a run takes place. */
export interface Site {
  readonly slots: readonly Slot[]
  readonly pace: number
  /** What the process in a place opens. */
  specOf(slot: Slot): EngineSpec
  /** What the torturer reads from: past all proxies. */
  readonly own: EngineSpec
  readonly servers: Servers | undefined
  /** Ends all servers at once: nobody needs what they would still write down. */
  stop(): Promise<void>
}

export interface SiteOptions {
  readonly engine: EngineName
  readonly folder: string
  /** Of every database, where the default would be too long. */
  readonly transactionMaxMs?: number
  readonly signal: AbortSignal
  readonly onProgress: (line: string) => void
}

const slotsOnOneMachine = ['producer-1', 'producer-2', 'first-1', 'first-2', 'second-1'] as const
// Members of one service see each other come and go; the last place makes storms of it.
const slotsOnServers = [...slotsOnOneMachine, 'second-2', 'churn-1'] as const
// Three brokers and everything else share the machine.
const paceOnServers = 14

const brokers = 3
// A broker that was killed is missed, and may come back, after its session; the default of 9 s would be most of a run.
const brokerSettings = { 'broker.session.timeout.ms': '5000', 'broker.heartbeat.interval.ms': '500' } as const

/** Starts what the engine needs. **Errors** InfraError where a server cannot be started; then nothing is left running. */
export async function openSite(options: SiteOptions): Promise<Site> {
  const { engine, folder, transactionMaxMs } = options
  const limits = transactionMaxMs === undefined ? {} : { transactionMaxMs }
  if (engine === 'embedded') {
    const own: EngineSpec = { log: { kind: 'embedded', folder }, database: { kind: 'sqlite', folder }, ...limits }
    return {
      slots: slotsOnOneMachine,
      pace: 1,
      specOf: () => own,
      own,
      servers: undefined,
      stop: () => Promise.resolve(),
    }
  }
  const started: { stop(): Promise<unknown> }[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((one) => one.stop()))
  }
  try {
    return { ...(await onServers(options, started)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function onServers(
  { engine, folder, transactionMaxMs, signal, onProgress }: SiteOptions,
  started: { stop(): Promise<unknown> }[],
): Promise<Omit<Site, 'stop'>> {
  const { startPostgres } = await import('../../../../scripts/infra/postgres-server.ts')
  const postgres = await startPostgres({ folder: join(folder, 'postgres'), signal, onProgress })
  started.push({ stop: () => postgres.kill() })
  await createDatabases(postgres.url)
  const database = {
    database: { kind: 'postgres', url: postgres.url } as const,
    ...(transactionMaxMs === undefined ? {} : { transactionMaxMs }),
  }
  if (engine === 'embedded-postgres') {
    const own: EngineSpec = { log: { kind: 'embedded', folder }, ...database }
    const servers = { kafka: undefined, proxies: [], postgres }
    return { slots: slotsOnServers, pace: paceOnServers, specOf: () => own, own, servers }
  }
  let kafka: KafkaCluster | undefined
  // They listen before the brokers look for ports of their own, which could otherwise be the same.
  const proxies: TcpProxy[] = []
  for (let i = 0; i < brokers; i++) {
    const proxy = await openProxy(() => kafka?.nodes[i]?.proxiedPort ?? 0)
    proxies.push(proxy)
    started.push({ stop: () => proxy.close() })
  }
  const { startKafka } = await import('../../../../scripts/infra/kafka-cluster.ts')
  const cluster = await startKafka({
    folder: join(folder, 'kafka'),
    nodes: brokers,
    proxyPorts: proxies.map(({ port }) => port),
    settings: brokerSettings,
    signal,
    onProgress,
  })
  kafka = cluster
  started.push({ stop: () => Promise.all(cluster.nodes.map((node) => node.kill())) })
  const log = (slot: Slot): EngineSpec['log'] => {
    // The first in its place goes through the proxies; static membership is what the second service has.
    const brokers = slot.endsWith('-1') ? cluster.proxiedBrokers : cluster.brokers
    return { kind: 'kafka', brokers, instanceId: slot.startsWith('second') ? slot : null }
  }
  return {
    slots: slotsOnServers,
    pace: paceOnServers,
    specOf: (slot) => ({ log: log(slot), ...database }),
    own: { log: { kind: 'kafka', brokers: cluster.brokers, instanceId: null }, ...database },
    servers: { kafka: cluster, proxies, postgres },
  }
}

async function openProxy(target: () => number): Promise<TcpProxy> {
  const { anyPort, freePorts } = await import('../../../../scripts/infra/ports.ts')
  const [port = 0] = await freePorts([anyPort()])
  return tcpProxy(port, target)
}

async function createDatabases(url: string): Promise<void> {
  const { postgresDatabase } = await import('firebreak/postgres')
  const database = postgresDatabase({ url })
  try {
    for (const name of databaseNames) await database.query(`CREATE DATABASE "${name}"`)
  } finally {
    await database.close()
  }
}
