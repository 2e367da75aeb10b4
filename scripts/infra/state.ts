import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Containers, runningContainers } from './docker.ts'
import { InfraError } from './failure.ts'
import { openKafka } from './kafka-cluster.ts'
import type { ClusterRecord } from './kafka-config.ts'
import { openPostgres, type PostgresRecord, postgresUrl } from './postgres-server.ts'
import type { SecureAccess } from './secure-listener.ts'
import { isRunning, notedAt, noteOf, thisProcess } from './server-process.ts'

/** What `up` has started and `down` has not yet taken away. */
export interface State {
  readonly kafka?: KafkaState | undefined
  readonly postgres?: PostgresState | undefined
}

export type KafkaState = { readonly startedAt: string } & (
  | { readonly how: 'java'; readonly cluster: ClusterRecord }
  | ({ readonly how: 'docker' } & Containers)
)

export type PostgresState = { readonly startedAt: string } & (
  | { readonly how: 'packages'; readonly server: PostgresRecord }
  | ({ readonly how: 'docker' } & Containers)
)

/** Where `npm run infra` keeps what it starts, unless told otherwise. */
export const defaultFolder: string = resolve(import.meta.dirname, '../../.firebreak/infra')

export const statePath = (folder: string): string => join(folder, 'state.json')

export function readState(folder: string): State {
  let text: string
  try {
    text = readFileSync(statePath(folder), 'utf8')
  } catch {
    return {}
  }
  try {
    return JSON.parse(text) as State
  } catch {
    throw new InfraError(`${statePath(folder)} is damaged: delete it, and end the servers of ${folder} by hand`)
  }
}

/** Changes the state in one step; the file may hold passwords and is for its owner alone. */
export function writeState(folder: string, change: State): void {
  const next = { ...readState(folder), ...change }
  const path = statePath(folder)
  if (next.kafka === undefined && next.postgres === undefined) {
    rmSync(path, { force: true })
    return
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${path}.new`, `${JSON.stringify(next, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

export const brokersOf = (kafka: KafkaState): readonly string[] =>
  kafka.how === 'java' ? openKafka(kafka.cluster).brokers : kafka.ports.map((port) => `127.0.0.1:${port}`)

export const urlOf = (postgres: PostgresState): string =>
  postgresUrl(postgres.how === 'packages' ? postgres.server.port : (postgres.ports[0] ?? 0))

/** The servers of which every process is there, as tests want to know it: at once, and without asking the servers. */
export function liveServers(folder: string): {
  readonly brokers?: readonly string[]
  readonly secure?: SecureAccess
  readonly url?: string
} {
  const { kafka, postgres } = readState(folder)
  const secure = kafka?.how === 'java' ? kafka.cluster.secure : null
  const live = kafka !== undefined && isKafkaThere(folder, kafka)
  return {
    ...(live && { brokers: brokersOf(kafka) }),
    ...(live && secure !== null && { secure }),
    ...(postgres !== undefined && isPostgresThere(folder, postgres) && { url: urlOf(postgres) }),
  }
}

const isKafkaThere = (folder: string, kafka: KafkaState): boolean =>
  kafka.how === 'java'
    ? openKafka(kafka.cluster).nodes.every((node) => node.isRunning())
    : areContainersThere(folder, kafka.containers)

const isPostgresThere = (folder: string, postgres: PostgresState): boolean =>
  postgres.how === 'packages'
    ? openPostgres(postgres.server).isRunning()
    : areContainersThere(folder, postgres.containers)

function areContainersThere(folder: string, containers: readonly string[]): boolean {
  const running = runningContainers(folder)
  return containers.every((container) => running.includes(container))
}

/** Runs one command at a time on a folder: two at once would start everything twice. */
export async function alone<T>(folder: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'lock')
  if (!lock(path)) {
    const holder = notedAt(path)
    // With our own number, it is what another one has left that had the number before.
    if (holder !== undefined && holder.pid !== process.pid && isRunning(holder))
      throw new InfraError(`process ${holder.pid} is at work in ${folder}: wait for it to end`)
    rmSync(path, { force: true })
    if (!lock(path)) throw new InfraError(`another process is at work in ${folder}: wait for it to end`)
  }
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
  }
}

// The lock is found as a whole: it gets its name when it is written.
function lock(path: string): boolean {
  const fresh = `${path}.${process.pid}`
  writeFileSync(fresh, noteOf(thisProcess()))
  try {
    linkSync(fresh, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(fresh)
  }
}
