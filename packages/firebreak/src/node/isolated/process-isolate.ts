import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Answer, type Ending, type Isolate, type IsolateEvents, isolateEntry } from './isolated-messages.ts'

const lookEveryMs = 100
const pageBytes = 4096
const stderrMax = 2000
const heapIsFull = /heap out of memory|Reached heap limit/

/**
 * A process of its own. Its limit is that of its heap and, on Linux, of all its memory, which is looked at every 100 ms; Node
 * itself takes about 60 MB of it.
 */
export function processIsolate(memoryMb: number, { answered, ended }: IsolateEvents): Isolate {
  const child = fork(fileURLToPath(isolateEntry), [], {
    execArgv: [...process.execArgv, `--max-old-space-size=${memoryMb}`],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let stderr = ''
  let hasRunOut = false
  const looking = setInterval(() => {
    if (memoryBytesOf(child.pid) <= memoryMb * 2 ** 20) return
    hasRunOut = true
    child.kill('SIGKILL')
  }, lookEveryMs)
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-stderrMax)
  })
  child.on('message', (answer) => answered(answer as Answer))
  child.on('error', (error) => ended({ kind: 'ended', how: `error: ${error.message}` }))
  child.on('close', (code, signal) => {
    clearInterval(looking)
    const how = signal === null ? `exit code ${code}` : `signal ${signal}`
    const ending: Ending = hasRunOut || heapIsFull.test(stderr) ? { kind: 'memory' } : { kind: 'ended', how }
    ended(ending)
  })
  return {
    ask: (question) => void child.send(question),
    end: () => {
      clearInterval(looking)
      child.kill('SIGKILL')
    },
  }
}

/** 0 where it cannot be seen. */
function memoryBytesOf(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * pageBytes
  } catch {
    return 0
  }
}
