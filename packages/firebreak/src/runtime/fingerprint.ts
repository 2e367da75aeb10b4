import type { Attempt } from '../contracts/disposition.ts'
import { isFirebreakError } from '../contracts/errors.ts'

const stackMax = 4096
const messageMax = 1024

/** What is kept of an error, bounded: one failing message must not fill the database. */
export function describeError(error: unknown): Pick<Attempt, 'errorClass' | 'message' | 'stack' | 'dependency'> {
  if (!(error instanceof Error))
    return {
      errorClass: typeof error,
      message: String(error).slice(0, messageMax),
      stack: '',
    }
  const stack =
    error.cause === undefined ? (error.stack ?? '') : `${error.stack ?? ''}\ncaused by ${causeOf(error.cause)}`
  return {
    errorClass: error.name === 'Error' ? error.constructor.name : error.name,
    message: error.message.slice(0, messageMax),
    stack: stack.slice(0, stackMax),
    ...dependencyOf(error),
  }
}

function dependencyOf(error: Error): Pick<Attempt, 'dependency'> {
  const dependency = isFirebreakError(error) ? error.detail['dependency'] : undefined
  return typeof dependency === 'string' ? { dependency } : {}
}

const causeOf = (cause: unknown): string => (cause instanceof Error ? (cause.stack ?? cause.message) : String(cause))

/**
 * Equal for failures of one kind: error class and the first frame of the service's own code, without the line, so that
 * it survives edits around it. Without such a frame the message stands in, with what varies taken out.
 */
export function fingerprintOf(error: Pick<Attempt, 'errorClass' | 'message' | 'stack'>): string {
  const frame = ownFrame(error.stack)
  return `${error.errorClass}@${frame ?? generalise(error.message)}`
}

function ownFrame(stack: string): string | undefined {
  for (const line of stack.split('\n')) {
    const match = /^\s+at (?:(?:async )?(.+?) \()?(?:file:\/\/)?([^()]+?):\d+:\d+\)?$/.exec(line)
    if (!match) continue
    const [, name = '', path = ''] = match
    if (
      path.startsWith('node:') ||
      path.includes('/node_modules/') ||
      path.includes('/firebreak/src/') ||
      path.includes('/firebreak/dist/')
    )
      continue
    return `${path.split(/[\\/]/).at(-1)}${name === '' || name.includes('<anonymous>') ? '' : `:${name}`}`
  }
  return undefined
}

function generalise(message: string): string {
  return message
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/gi, '<uuid>')
    .replace(/0x[0-9a-f]+/gi, '<hex>')
    .replace(/"[^"]*"|'[^']*'/g, '<text>')
    .replace(/\d+/g, '<n>')
    .slice(0, 120)
}
