import { readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Request } from './arguments.ts'
import { stopContainers } from './docker.ts'
import { openKafka } from './kafka-cluster.ts'
import { openPostgres } from './postgres-server.ts'
import { readState, writeState } from './state.ts'

type Progress = (line: string) => void

/** Ends the brokers that `up` has started, and deletes their data unless it is to be kept. Logs stay. */
export async function takeDownKafka({ folder, keep }: Request, onProgress: Progress): Promise<void> {
  const { kafka } = readState(folder)
  if (kafka === undefined) return onProgress('kafka: nothing was started')
  onProgress('kafka: stopping')
  if (kafka.how === 'docker') await stopContainers(folder, kafka.containers, keep)
  else {
    await openKafka(kafka.cluster).stop()
    if (!keep) removeAllButLogs(kafka.cluster.folder)
  }
  if (!keep) writeState(folder, { kafka: undefined })
}

/** The same for PostgreSQL. */
export async function takeDownPostgres({ folder, keep }: Request, onProgress: Progress): Promise<void> {
  const { postgres } = readState(folder)
  if (postgres === undefined) return onProgress('postgres: nothing was started')
  onProgress('postgres: stopping')
  if (postgres.how === 'docker') await stopContainers(folder, postgres.containers, keep)
  else {
    const server = openPostgres(postgres.server)
    await server.stop()
    if (!keep) {
      await server.remove()
      removeAllButLogs(postgres.server.folder)
    }
  }
  if (!keep) writeState(folder, { postgres: undefined })
}

/** Empties a folder down to its log files, and removes the folders that are empty then. */
export function removeAllButLogs(folder: string): void {
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && entry.name !== 'data') removeAllButLogs(path)
    else if (!entry.name.endsWith('.log')) rmSync(path, { recursive: true, force: true })
  }
  if (entriesOf(folder).length === 0) rmdirIfThere(folder)
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

function rmdirIfThere(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    // Not there at all.
  }
}
