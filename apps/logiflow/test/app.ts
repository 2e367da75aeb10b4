import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nowMs, pause } from '../platform/machine.ts'

const START = join(import.meta.dirname, '../start.ts')
const READY_MAX_MS = 150_000

export type App = {
  readonly url: string
  readonly pid: number
  readonly dataDir: string
  readonly output: () => string
  readonly ended: Promise<number | null>
  /** Ctrl-C, and the data folder is gone. */
  readonly end: () => Promise<void>
}

export const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** `npm start` as a process of its own; resolves when it is ready, or has ended by itself. */
export const startApp = async (
  options: { dataDir?: string; port?: number; flags?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
): Promise<App> => {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'logiflow-test-')))
  const flags = ['--data', dataDir, '--port', String(options.port ?? 0), ...(options.flags ?? [])]
  const child = spawn(process.execPath, [START, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const endMs = nowMs() + READY_MAX_MS
  while (!/^ready in/m.test(output) && child.exitCode === null) {
    if (nowMs() > endMs) {
      child.kill('SIGTERM')
      throw new Error(`not ready: ${output}`)
    }
    await pause(50)
  }
  const pid = child.pid ?? 0
  return {
    ...{ url: /^ready in.* (http:\S+)/m.exec(output)?.[1] ?? '', pid, dataDir, output: () => output, ended },
    async end() {
      if (isAlive(pid)) process.kill(pid, 'SIGINT')
      await ended
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
