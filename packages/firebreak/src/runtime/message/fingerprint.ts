import type { Attempt } from '../../contracts/disposition.ts'
import { isFirebreakError } from '../../contracts/errors.ts'
import { masked } from '../../contracts/text/masked.ts'
import { classOf, fieldOf, keptText, textOf } from '../../contracts/text/text-of.ts'

const stackMax = 4096
const messageMax = 1024
const nameMax = 100
// A chain of causes has an end, or goes round; what is behind the fourth tells nobody anything.
const causesMax = 4
const togetherMax = 3
// A line longer than this is no frame, and looking for one in it takes the square of its length.
const frameMax = 512

export type DescribedError = Pick<Attempt, 'errorClass' | 'message' | 'stack' | 'dependency'>

/** What is kept of an error, bounded: one failing message must not fill the database. Never throws, whatever it is given. */
export function describeError(error: unknown): DescribedError {
  const message = masked(textOf(error, messageMax))
  if (!isError(error)) return { errorClass: nameOf(error), message, stack: '' }
  return {
    errorClass: nameOf(error),
    message,
    stack: masked(stackOf(error)),
    ...dependencyOf(error),
  }
}

// Of any realm and any library: what has a stack knows where it comes from.
const isError = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && typeof fieldOf(value, 'stack') === 'string'

/** Names of ours are for errors of ours: what is decided by them must not be decided by others. */
function nameOf(error: unknown): string {
  if (isFirebreakError(error)) return keptText(String(fieldOf(error, 'code')), nameMax)
  const own = fieldOf(error, 'name')
  const isTelling = typeof error === 'object' && typeof own === 'string' && own !== '' && own !== 'Error'
  if (isTelling && isError(error) && !own.startsWith('FB_')) return keptText(own, nameMax)
  const name = typeof error === 'object' && error !== null ? classOf(error) : undefined
  return name === undefined || name === 'Object' ? typeof error : name
}

function stackOf(error: unknown): string {
  let text = ''
  const seen = new Set<unknown>()
  for (let at: unknown = error; seen.size <= causesMax && !seen.has(at); at = fieldOf(at, 'cause')) {
    const left = stackMax - text.length
    if (left <= 0 || (seen.size > 0 && at === undefined)) break
    text += `${seen.size === 0 ? '' : '\ncaused by '}${traceOf(at, left)}`
    seen.add(at)
    const together = fieldOf(at, 'errors')
    if (!Array.isArray(together)) continue
    for (let i = 0; i < togetherMax && text.length < stackMax; i++)
      if (fieldOf(together, i) !== undefined) text += `\ntogether with ${traceOf(fieldOf(together, i), messageMax)}`
  }
  return keptText(text, stackMax)
}

function traceOf(error: unknown, max: number): string {
  const stack = fieldOf(error, 'stack')
  return typeof stack === 'string' && stack !== '' ? keptText(stack, max) : textOf(error, max)
}

function dependencyOf(error: unknown): Pick<Attempt, 'dependency'> {
  const dependency = isFirebreakError(error) ? fieldOf(fieldOf(error, 'detail'), 'dependency') : undefined
  return typeof dependency === 'string' ? { dependency: keptText(dependency, nameMax) } : {}
}

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
    if (line.length > frameMax) continue
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
