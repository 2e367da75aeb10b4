import { spawn, spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { InfraError } from './failure.ts'

type Progress = (line: string) => void

/** A Java that Kafka runs on: JAVA_HOME's, or the one on the path; undefined when there is none of version 17 or newer. */
export function findJava(): string | undefined {
  const home = process.env['JAVA_HOME']
  const candidates = [...(home === undefined || home === '' ? [] : [`${home}/bin/java`]), 'java']
  return candidates.find((java) => javaMajor(java) >= 17)
}

function javaMajor(java: string): number {
  const { stderr, status } = spawnSync(java, ['-version'], { encoding: 'utf8', timeout: 20_000 })
  return status === 0 ? Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0) : 0
}

/** The folder with PostgreSQL's programs: the newest of Debian's, or the one on the path. */
export function findPostgres(): string | undefined {
  const major = (folder: string): number => Number(folder.split('/')[4])
  const [newest] = globSync('/usr/lib/postgresql/*/bin')
    .filter(isPostgres)
    .toSorted((a, b) => major(b) - major(a))
  if (newest !== undefined) return newest
  const { stdout, status } = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8', timeout: 10_000 })
  const folder = status === 0 ? stdout.trim() : ''
  return folder !== '' && isPostgres(folder) ? folder : undefined
}

const isPostgres = (folder: string): boolean =>
  ['postgres', 'initdb'].every((program) => hasProgram(`${folder}/${program}`, '--version'))

export const hasProgram = (program: string, ...args: readonly string[]): boolean =>
  spawnSync(program, args, { stdio: 'ignore', timeout: 20_000 }).status === 0

/** Whether a Docker engine and its compose plugin answer. The client is often there without an engine. */
export const hasDocker = (): boolean =>
  spawnSync('docker', ['info', '--format', '{{.ServerVersion}}'], { stdio: 'ignore', timeout: 5_000 }).status === 0 &&
  hasProgram('docker', 'compose', 'version')

interface RunOptions {
  readonly signal?: AbortSignal | undefined
  readonly cwd?: string
  readonly uid?: number
  readonly gid?: number
  readonly env?: NodeJS.ProcessEnv
  /** ms; no bound by default. */
  readonly timeout?: number
}

/** Runs a program to its end and resolves to what it wrote; an error has the end of that in its message. */
export async function runToEnd(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { signal, ...rest } = options
  const child = spawn(program, args, { ...rest, ...(signal && { signal }), stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  try {
    const [code, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
    if (code === 0) return out
    const said = `${out}\n${err}`.trim().split('\n').slice(-25).join('\n  ')
    throw new InfraError(`${program} ${args[0] ?? ''} failed (${code}):\n  ${said}`)
  } catch (error) {
    if (signal?.aborted || error instanceof InfraError) throw error
    throw new InfraError(`${program} cannot be run: ${(error as Error).message}`)
  }
}

/** Installs Debian packages when that is possible here; otherwise says what to install by hand. */
export async function install(what: string, packages: readonly string[], onProgress: Progress): Promise<void> {
  const isRoot = process.getuid?.() === 0
  if (!isRoot || !hasProgram('apt-get', '--version'))
    throw new InfraError(
      `${what} is missing: install it (on Debian: apt-get install ${packages.join(' ')}), start Docker, ` +
        `or set KAFKA_BROKERS and DATABASE_URL to servers that you have`,
    )
  onProgress(`${what} is missing: installing ${packages.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await runToEnd('apt-get', ['update', '-qq'], { env })
  await runToEnd('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env })
}

/** The newest Java that Kafka is tested on, of those that this Debian has. */
export const javaPackage = (): string =>
  hasProgram('apt-cache', 'show', 'openjdk-17-jre-headless') ? 'openjdk-17-jre-headless' : 'default-jre-headless'
