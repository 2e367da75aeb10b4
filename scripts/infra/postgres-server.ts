import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InfraError } from './failure.ts'
import { endWithThisProcess, noteName } from './left-behind.ts'
import { anyPort, freePorts } from './ports.ts'
import { type Deadline, provePostgres, untilItWorks } from './readiness.ts'
import { putAside, tailOf } from './server-log.ts'
import {
  childrenOf,
  isRunning,
  killServer,
  notedAt,
  type OnKilled,
  type ServerProcess,
  signalAnyway,
  signalTo,
  startServer,
  stopServer,
} from './server-process.ts'
import { findPostgres, runToEnd } from './tools.ts'

export interface PostgresOptions {
  /** A folder for this server alone: data, log and the note of its process go into it. */
  readonly folder: string
  /** Where the search for a free port starts; somewhere by default. */
  readonly port?: number
  /** More lines for `postgresql.conf`. */
  readonly settings?: Readonly<Record<string, string>>
  readonly onProgress?: (line: string) => void
  readonly signal?: AbortSignal
}

/** What a server is: enough to find its process again. */
export interface PostgresRecord {
  readonly folder: string
  /** Below the folder, or in the system's folder for temporary files where the server's user cannot reach it. */
  readonly dataFolder: string
  readonly port: number
  readonly pid: number
}

export interface PostgresServer {
  /** Of a user who may do everything; loopback only, without a password. */
  readonly url: string
  readonly port: number
  /** Another one after each start. */
  readonly pid: number
  readonly logPath: string
  readonly record: PostgresRecord
  /** A paused server runs. */
  isRunning(): boolean
  /** SIGKILL for all its processes at once; resolves when they are gone. */
  kill(): Promise<void>
  pause(): void
  resume(): void
  /** Its fast shutdown: ends sessions, writes everything down, within 30 s; then it is killed. */
  stop(onKilled?: OnKilled): Promise<void>
  /** Its immediate shutdown: cuts sessions, writes nothing down; the next start recovers from its log. */
  quit(): Promise<void>
  /** Ends it as it is, and deletes its data, which may be outside of its folder. The log stays. */
  remove(): Promise<void>
  /** On the same port and data; nothing when it runs. Resolves when the process is there, which is before it is ready. */
  start(): Promise<void>
  /**
   * Resolves to the version when a query was answered.
   * **Errors** InfraError with the end of the log when the server has ended or the time is over (60 s by default).
   */
  ready(deadline?: Deadline): Promise<string>
}

/**
 * Starts a server of its own and resolves when it is ready. It is removed when that fails, and killed when this process
 * ends and it still runs.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const server = await createPostgres(options)
  endWithThisProcess(options.folder)
  try {
    await server.start()
    await server.ready({ signal: options.signal })
    return server
  } catch (error) {
    await server.remove()
    throw error
  }
}

/** Writes an empty database cluster. Nothing runs yet. */
export async function createPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { folder, signal, settings = {}, onProgress = () => {} } = options
  const programs = programsOrError()
  const owner = ownerOfData()
  mkdirSync(folder, { recursive: true })
  const dataFolder = dataFolderIn(folder, owner)
  putAside(logPathIn(folder))
  const [port = 0] = await freePorts([options.port ?? anyPort()])
  onProgress(`postgres: creating the data in ${dataFolder}`)
  const how = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync']
  try {
    await runToEnd(`${programs}/initdb`, ['-D', dataFolder, ...how], { cwd: '/', signal, ...owner })
  } catch (error) {
    rmSync(dataFolder, { recursive: true, force: true })
    throw error
  }
  const lines = Object.entries({ ...settingsFor(port), ...settings }).map(([name, value]) => `${name} = '${value}'\n`)
  writeFileSync(join(dataFolder, 'postgresql.auto.conf'), lines.join(''))
  return openPostgres({ folder, dataFolder, port, pid: 0 })
}

// No socket file: the path to it may be longer than a socket's may be.
const settingsFor = (port: number): Readonly<Record<string, string>> => ({
  port: String(port),
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
})

/** A server that was started before, here or by another process. */
export function openPostgres(record: PostgresRecord): PostgresServer {
  return new LocalPostgres(record)
}

/** The address of a server of ours: a user who may do everything, and no password. */
export const postgresUrl = (port: number): string => `postgresql://postgres@127.0.0.1:${port}/postgres`

const graceMs = 30_000

class LocalPostgres implements PostgresServer {
  readonly logPath: string
  #record: PostgresRecord

  constructor(record: PostgresRecord) {
    // Its starter may have ended before it wrote the record.
    this.#record = { ...record, pid: notedAt(notePathIn(record.folder))?.pid ?? record.pid }
    this.logPath = logPathIn(record.folder)
  }

  get record(): PostgresRecord {
    return this.#record
  }
  get port(): number {
    return this.#record.port
  }
  get pid(): number {
    return this.#record.pid
  }
  get url(): string {
    return postgresUrl(this.port)
  }
  get #process(): ServerProcess {
    return { pid: this.pid, mark: this.#record.dataFolder }
  }

  isRunning(): boolean {
    return isRunning(this.#process)
  }

  kill(): Promise<void> {
    return killServer(this.#process)
  }

  pause(): void {
    if (signalTo(this.#process, 'SIGSTOP')) for (const pid of childrenOf(this.pid)) signalAnyway(pid, 'SIGSTOP')
  }

  resume(): void {
    if (!this.isRunning()) return
    for (const pid of childrenOf(this.pid)) signalAnyway(pid, 'SIGCONT')
    signalTo(this.#process, 'SIGCONT')
  }

  // PostgreSQL's own meanings: SIGTERM waits for sessions to end by themselves, SIGINT ends them, SIGQUIT cuts them.
  async stop(onKilled?: OnKilled): Promise<void> {
    this.resume()
    if ((await stopServer(this.#process, { signal: 'SIGINT', graceMs })) === 'killed') onKilled?.('the server')
  }

  async quit(): Promise<void> {
    this.resume()
    await stopServer(this.#process, { signal: 'SIGQUIT', graceMs })
  }

  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.#record.dataFolder, { recursive: true, force: true })
  }

  async start(): Promise<void> {
    if (this.isRunning()) return
    const { folder, dataFolder } = this.#record
    const pid = await startServer({
      program: `${programsOrError()}/postgres`,
      args: ['-D', dataFolder],
      folder: '/',
      logPath: this.logPath,
      notePath: notePathIn(folder),
      mark: dataFolder,
      user: ownerOfData(),
    })
    this.#record = { ...this.#record, pid }
  }

  async ready({ deadlineMs = 60_000, signal }: Deadline = {}): Promise<string> {
    const fault = (): string | undefined => (this.isRunning() ? undefined : 'the process has ended')
    try {
      return await untilItWorks(() => provePostgres(this.url), { deadlineMs, signal, fault })
    } catch (error) {
      if (!(error instanceof InfraError)) throw error
      throw new InfraError(`PostgreSQL: ${error.message}\n${tailOf(this.logPath)}`)
    }
  }
}

const notePathIn = (folder: string): string => join(folder, noteName)
const logPathIn = (folder: string): string => join(folder, 'postgres.log')

interface Owner {
  readonly uid: number
  readonly gid: number
}

/** PostgreSQL refuses to run as root: then its files and its process belong to the user that its package has made. */
function ownerOfData(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith('postgres:'))
  const [, , uid, gid] = line?.split(':') ?? []
  if (uid === undefined || gid === undefined)
    throw new InfraError('PostgreSQL does not run as root, and there is no user "postgres" to run it as')
  return { uid: Number(uid), gid: Number(gid) }
}

function dataFolderIn(folder: string, owner: Owner | undefined): string {
  const inside = join(folder, 'data')
  mkdirSync(inside, { mode: 0o700, recursive: true })
  if (owner === undefined) return inside
  chownSync(inside, owner.uid, owner.gid)
  if (spawnSync('test', ['-w', inside], { ...owner, cwd: '/' }).status === 0) return inside
  // Below a folder that only root may enter, such as its home.
  rmSync(inside, { recursive: true })
  const outside = mkdtempSync(join(tmpdir(), 'firebreak-postgres-'))
  chownSync(outside, owner.uid, owner.gid)
  chmodSync(outside, 0o700)
  return outside
}

function programsOrError(): string {
  const programs = findPostgres()
  if (programs === undefined) throw new InfraError('PostgreSQL is missing: on Debian, apt-get install postgresql')
  return programs
}
