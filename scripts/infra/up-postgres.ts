import { join } from 'node:path'
import type { Request } from './arguments.ts'
import { type Containers, startContainers, stopContainers } from './docker.ts'
import { InfraError, messageOf } from './failure.ts'
import { lookAtPostgres } from './look.ts'
import { freePorts } from './ports.ts'
import { createPostgres, openPostgres, type PostgresServer, postgresUrl } from './postgres-server.ts'
import { provePostgres, untilItWorks } from './readiness.ts'
import { readState, writeState } from './state.ts'
import { removeAllButLogs } from './take-down.ts'
import { findPostgres, hasDocker, install } from './tools.ts'
import type { Work } from './work.ts'

// The first port to try, here and in compose.yaml.
const firstPort = 15_432

/** Makes sure that PostgreSQL answers: the one that is given, the one that was started, or a new one. */
export async function bringUpPostgres(request: Request, work: Work): Promise<void> {
  if (work.given.url !== undefined) return await checkGiven(work)
  const { postgres } = readState(request.folder)
  if (postgres?.how === 'docker') {
    await startContainers(request.folder, postgres, work.signal)
    await proveContainer(postgres, work)
    return
  }
  if (postgres !== undefined) return await start(request, openPostgres(postgres.server), postgres.startedAt, work)
  if (hasDocker()) {
    work.onProgress('postgres: Docker answers, starting a container')
    if (await couldStartContainer(request, work)) return
  }
  if (findPostgres() === undefined) await install('PostgreSQL', ['postgresql'], work.onProgress)
  work.onProgress('postgres: taking the one of this machine')
  const folder = join(request.folder, 'postgres')
  // What a command left that was cut off before it could say so.
  removeAllButLogs(folder)
  const { onProgress, signal } = work
  const server = await createPostgres({ folder, port: firstPort, onProgress, signal })
  try {
    await start(request, server, work.now(), work)
  } catch (error) {
    writeState(request.folder, { postgres: undefined })
    await server.remove()
    removeAllButLogs(folder)
    throw error
  }
}

async function checkGiven({ given, onProgress }: Work): Promise<void> {
  onProgress('postgres: DATABASE_URL is set, starting nothing')
  const { answers = false, url = '', problem = null } = (await lookAtPostgres(given, undefined)) ?? {}
  if (!answers) throw new InfraError(`DATABASE_URL is set to ${url}, which ${problem}`)
}

async function start(request: Request, server: PostgresServer, startedAt: string, work: Work): Promise<void> {
  const wasThere = server.isRunning()
  try {
    work.onProgress(wasThere ? 'postgres: runs already' : 'postgres: starting')
    await server.start()
    const at = wasThere ? startedAt : work.now()
    writeState(request.folder, { postgres: { how: 'packages', startedAt: at, server: server.record } })
    await server.ready({ signal: work.signal })
  } catch (error) {
    if (!wasThere) await server.kill()
    throw error
  }
}

// An engine that answers may still be unable to fetch an image.
async function couldStartContainer(request: Request, work: Work): Promise<boolean> {
  const started = { containers: ['postgres'], ports: await freePorts([firstPort]) }
  try {
    await startContainers(request.folder, started, work.signal)
    await proveContainer(started, work)
    writeState(request.folder, { postgres: { how: 'docker', startedAt: work.now(), ...started } })
    return true
  } catch (error) {
    await stopContainers(request.folder, started.containers, false).catch(() => {})
    if (!(error instanceof InfraError)) throw error
    work.onProgress(`postgres: Docker could not: ${messageOf(error)}`)
    return false
  }
}

const proveContainer = ({ ports }: Containers, { signal }: Work): Promise<string> =>
  untilItWorks(() => provePostgres(postgresUrl(ports[0] ?? 0)), { signal, fault: () => undefined })
