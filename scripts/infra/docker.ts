import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runToEnd } from './tools.ts'

/** What Docker has started, by the names of its services in compose.yaml, each with its port on loopback. */
export interface Containers {
  readonly containers: readonly string[]
  readonly ports: readonly number[]
}

const composeFile = join(import.meta.dirname, '../../compose.yaml')

// Each state folder has containers of its own.
const compose = (folder: string, ...args: readonly string[]): readonly string[] => {
  const project = `firebreak-infra-${createHash('sha256').update(folder).digest('hex').slice(0, 8)}`
  return ['compose', '-f', composeFile, '-p', project, '--profile', 'cluster', ...args]
}

/** Starts services and waits until their health checks pass; those that run already, on the same ports, are left alone. */
export async function startContainers(
  folder: string,
  { containers, ports }: Containers,
  signal: AbortSignal | undefined,
): Promise<void> {
  const args = compose(folder, 'up', '--detach', '--wait', '--wait-timeout', '180', ...containers)
  await runToEnd('docker', args, { signal, env: environmentOf(containers, ports), timeout: 600_000 })
}

/** Stops services; without `keep`, their data goes with them. Their logs are written into the folder first. */
export async function stopContainers(folder: string, containers: readonly string[], keep: boolean): Promise<void> {
  const logs = join(folder, 'docker')
  mkdirSync(logs, { recursive: true })
  for (const container of containers) {
    const text = await runToEnd('docker', compose(folder, 'logs', '--no-color', container)).catch(() => '')
    writeFileSync(join(logs, `${container}.log`), text)
  }
  const end = keep ? ['stop'] : ['rm', '--stop', '--force', '--volumes']
  await runToEnd('docker', compose(folder, ...end, ...containers))
}

/** The services that run, at once; none when Docker does not answer. */
export function runningContainers(folder: string): readonly string[] {
  const args = compose(folder, 'ps', '--services', '--status', 'running')
  const { stdout, status } = spawnSync('docker', args, { encoding: 'utf8', timeout: 5_000 })
  return status === 0 ? stdout.split('\n').filter((line) => line !== '') : []
}

function environmentOf(containers: readonly string[], ports: readonly number[]): NodeJS.ProcessEnv {
  const names = containers.map((container) =>
    container === 'postgres' ? 'FIREBREAK_POSTGRES_PORT' : `FIREBREAK_KAFKA_PORT_${container.split('-')[1] ?? '1'}`,
  )
  return { ...process.env, ...Object.fromEntries(names.map((name, index) => [name, String(ports[index])])) }
}
