import { join } from 'node:path'
import type { SecureAccess } from './secure-listener.ts'
import { secureSettings } from './secure-listener.ts'

/** What a cluster is: enough to write its configuration, and to find its processes again. */
export interface ClusterRecord {
  readonly folder: string
  readonly clusterId: string
  readonly nodes: readonly NodeRecord[]
  readonly secure: SecureAccess | null
}

export interface NodeRecord {
  readonly id: number
  readonly port: number
  readonly controllerPort: number
  readonly securePort: number | null
  /** What this node listens on for a proxy, and what it tells clients to dial instead. */
  readonly proxied: { readonly port: number; readonly advertised: number } | null
  readonly pid: number
}

export const nodeFolder = (cluster: { readonly folder: string }, id: number): string => join(cluster.folder, `n${id}`)
export const configPath = (cluster: { readonly folder: string }, id: number): string =>
  join(nodeFolder(cluster, id), 'server.properties')

/** The server.properties of one node. */
export function configOf(
  cluster: Omit<ClusterRecord, 'secure'>,
  node: NodeRecord,
  more: Readonly<Record<string, string>>,
): string {
  const settings = { ...listenersOf(cluster, node), ...storageOf(cluster, node), ...more }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

function listenersOf(cluster: Omit<ClusterRecord, 'secure'>, node: NodeRecord): Record<string, string> {
  const { port, controllerPort, securePort, proxied } = node
  const listeners = [
    { name: 'PLAINTEXT', protocol: 'PLAINTEXT', port, advertised: port },
    ...(securePort === null
      ? []
      : [{ name: 'SECURE', protocol: 'SASL_SSL', port: securePort, advertised: securePort }]),
    ...(proxied === null ? [] : [{ name: 'PROXIED', protocol: 'PLAINTEXT', ...proxied }]),
    { name: 'CONTROLLER', protocol: 'PLAINTEXT', port: controllerPort, advertised: null },
  ]
  const dialled = listeners.filter(({ advertised }) => advertised !== null)
  return {
    'process.roles': 'broker,controller',
    'node.id': String(node.id),
    'controller.quorum.voters': cluster.nodes.map((each) => `${each.id}@127.0.0.1:${each.controllerPort}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: listeners.map(({ name, port }) => `${name}://127.0.0.1:${port}`).join(','),
    'advertised.listeners': dialled.map(({ name, advertised }) => `${name}://127.0.0.1:${advertised}`).join(','),
    'listener.security.protocol.map': listeners.map(({ name, protocol }) => `${name}:${protocol}`).join(','),
  }
}

// Small: a few partitions for what Kafka keeps itself, few threads, and buffers that fit a heap of 512 MB.
function storageOf(cluster: Omit<ClusterRecord, 'secure'>, node: NodeRecord): Record<string, string> {
  const replicas = String(cluster.nodes.length)
  const inSync = cluster.nodes.length > 1 ? '2' : '1'
  return {
    'log.dirs': join(nodeFolder(cluster, node.id), 'data'),
    'auto.create.topics.enable': 'false',
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    'log.initial.task.delay.ms': '1000',
    'log.retention.check.interval.ms': '1000',
    'group.min.session.timeout.ms': '1000',
    'log.cleaner.dedupe.buffer.size': '8388608',
    'num.network.threads': '2',
    'num.io.threads': '2',
  }
}

/** Settings that a cluster gets on top of the plain ones. */
export const extraSettings = (
  secure: SecureAccess | null,
  more: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> => ({ ...(secure === null ? {} : secureSettings(secure)), ...more })
