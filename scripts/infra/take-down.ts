import type { Part, Request } from './arguments.ts'
import { type Containers, stopContainers } from './docker.ts'
import { openKafka } from './kafka-cluster.ts'
import { removeAllButLogs } from './left-behind.ts'
import { openPostgres } from './postgres-server.ts'
import type { OnKilled } from './server-process.ts'
import { readState, writeState } from './state.ts'

type Progress = (line: string) => void

/** How it went; null when nothing was started. Docker kills what does not stop, and does not tell. */
export type TakenDown = 'stopped' | 'killed' | 'left to Docker' | null

/** Ends the brokers that `up` has started, and deletes their data unless it is to be kept. Logs stay. */
export async function takeDownKafka({ folder, keep }: Request, onProgress: Progress): Promise<TakenDown> {
  const { kafka } = readState(folder)
  if (kafka === undefined) {
    onProgress('kafka: nothing was started')
    return null
  }
  onProgress('kafka: stopping')
  let how: TakenDown
  if (kafka.how === 'docker') how = await stoppedByDocker(folder, kafka, keep)
  else {
    how = await stopped('kafka', (onKilled) => openKafka(kafka.cluster).stop(onKilled), onProgress)
    if (!keep) removeAllButLogs(kafka.cluster.folder)
  }
  if (!keep) writeState(folder, { kafka: undefined })
  return how
}

/** The same for PostgreSQL. */
export async function takeDownPostgres({ folder, keep }: Request, onProgress: Progress): Promise<TakenDown> {
  const { postgres } = readState(folder)
  if (postgres === undefined) {
    onProgress('postgres: nothing was started')
    return null
  }
  onProgress('postgres: stopping')
  let how: TakenDown
  if (postgres.how === 'docker') how = await stoppedByDocker(folder, postgres, keep)
  else {
    const server = openPostgres(postgres.server)
    how = await stopped('postgres', (onKilled) => server.stop(onKilled), onProgress)
    if (!keep) {
      await server.remove()
      removeAllButLogs(postgres.server.folder)
    }
  }
  if (!keep) writeState(folder, { postgres: undefined })
  return how
}

async function stoppedByDocker(folder: string, { containers }: Containers, keep: boolean): Promise<TakenDown> {
  await stopContainers(folder, containers, keep)
  return 'left to Docker'
}

async function stopped(
  part: Part,
  stop: (onKilled: OnKilled) => Promise<void>,
  onProgress: Progress,
): Promise<TakenDown> {
  let how: TakenDown = 'stopped'
  await stop((what) => {
    how = 'killed'
    onProgress(`${part}: ${what} did not stop in time and was killed`)
  })
  return how
}
