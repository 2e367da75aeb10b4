/** What runs in the thread or the process: imports the module, calls what it exports with each input, and answers. */
import { isMainThread, parentPort } from 'node:worker_threads'
import { isFirebreakError } from '../../contracts/errors.ts'
import { textOf } from '../../contracts/text/text-of.ts'
import type { Answer, Question } from './isolated-messages.ts'

const textMax = 4000

async function answerTo({ module, input }: Question): Promise<Answer> {
  try {
    const { run } = (await import(module)) as { readonly run?: unknown }
    if (typeof run !== 'function') throw new TypeError(`${module} must export a function named run`)
    return { value: await run(input) }
  } catch (error) {
    if (isFirebreakError(error)) return { failed: { code: error.code, detail: error.detail } }
    const { name, message, stack } = Error.isError(error) ? error : new Error(textOf(error, textMax))
    return { failed: { name, message, stack: textOf(stack, textMax) } }
  }
}

const post = (answer: Answer): void => {
  if (parentPort !== null) parentPort.postMessage(answer)
  else process.send?.(answer)
}

async function hear(question: Question): Promise<void> {
  const answer = await answerTo(question)
  try {
    post(answer)
  } catch (error) {
    // What it returned cannot be sent.
    post({ failed: { name: 'TypeError', message: textOf(error, textMax), stack: '' } })
  }
}

if (isMainThread) {
  // Without its parent nobody waits for the answer.
  process.on('disconnect', () => process.exit())
  process.on('message', (question) => void hear(question as Question))
} else parentPort?.on('message', (question: Question) => void hear(question))
