import { Worker } from 'node:worker_threads'
import { type Answer, type Isolate, type IsolateEvents, isolateEntry } from './isolated-messages.ts'

/** A thread of this process. Its limit is that of its JavaScript heap; buffers are not counted. */
export function threadIsolate(memoryMb: number, { answered, ended }: IsolateEvents): Isolate {
  const worker = new Worker(isolateEntry, {
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    name: 'firebreak-isolated',
  })
  let hasRunOut = false
  worker.on('message', (answer: Answer) => answered(answer))
  worker.on('error', (error: NodeJS.ErrnoException) => {
    hasRunOut = error.code === 'ERR_WORKER_OUT_OF_MEMORY'
    if (!hasRunOut) ended({ kind: 'ended', how: `error: ${error.message}` })
  })
  worker.on('exit', (code) => ended(hasRunOut ? { kind: 'memory' } : { kind: 'ended', how: `exit code ${code}` }))
  return { ask: (question) => worker.postMessage(question), end: () => void worker.terminate() }
}
