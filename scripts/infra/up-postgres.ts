import { join } from 'node:path'
import type { Request } from './arguments.ts'
import { type Containers, startContainers, stopContainers } from './docker.ts'
import { InfraError, messageOf } from './failure.ts'
import { endLeftBehind, removeAllButLogs } from './left-behind.ts'
import { lookAtPostgres } from './look.ts'
import { freePorts } from './ports.ts'
import { createPostgres, openPostgres, type PostgresServer, postgresUrl } from './postgres-server.ts'
import { provePostgres, untilItWorks } from './readiness.ts'
import { readState, writeState } from './state.ts'
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
  const folder = join(request.folder, 'postgres')
  // What runs or lies there without being in the state.
  await endLeftBehind(folder)
  removeAllButLogs(folder)
  if (hasDocker()) {
    work.onProgress('postgres: Docker answers, starting a container')
    if (await couldStartContainer(request, work)) return
  }
  if (findPostgres() === undefined) await install('PostgreSQL', ['postgresql'], work.onProgress)
  work.onProgress('postgres: taking the one of this machine')
  const { onProgress, signal } = work
  const server = await createPostgres({ folder, port: firstPort, onProgress, signal })
  try {
    await start(request, server, work.now(), work)
  } catch (error) {
    await server.remove()
    writeState(request.folder, { postgres: undefined })
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
  const save = (at: string): void =>
    writeState(request.folder, { postgres: { how: 'packages', startedAt: at, server: server.record } })
  try {
    work.onProgress(wasThere ? 'postgres: runs already' : 'postgres: starting')
    // Before: "up" completes and "down" ends what is in the state, whatever becomes of this command.
    save(startedAt)
    await server.start()
    save(wasThere ? startedAt : work.now())
    await server.ready({ signal: work.signal })
  } catch (error) {
    if (!wasThere) await server.kill()
    throw error
  }
}

// An engine that answers may still be unable to fetch an image.
async function couldStartContainer(request: Request, work: Work): Promise<boolean> {
  const started = { containers: ['postgres'], ports: await freePorts([firstPort]) }
  // Before, as with the other way.
  writeState(request.folder, { postgres: { how: 'docker', startedAt: work.now(), ...started } })
  try {
    await startContainers(request.folder, started, work.signal)
    await proveContainer(started, work)
    return true
  } catch (error) {
    // What cannot be stopped now stays in the state, for "down".
    await stopContainers(request.folder, started.containers, false).then(
      () => writeState(request.folder, { postgres: undefined }),
      () => {},
    )
    if (!(error instanceof InfraError)) throw error
    work.onProgress(`postgres: Docker could not: ${messageOf(error)}`)
    return false
  }
}

const proveContainer = ({ ports }: Containers, { signal }: Work): Promise<string> =>
  untilItWorks(() => provePostgres(postgresUrl(ports[0] ?? 0)), { signal, fault: () => undefined })
