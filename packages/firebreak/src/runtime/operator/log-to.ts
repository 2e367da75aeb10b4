import { FirebreakError } from '../../contracts/errors.ts'
import type { Fact } from '../../contracts/journal.ts'
import { masked } from '../../contracts/text/masked.ts'
import { fieldOf, keptText, textOf } from '../../contracts/text/text-of.ts'
import { visible } from '../../contracts/text/visible.ts'
import { levelOf, factLine as line, factTextMax as textMax } from './fact-words.ts'

/** What can be logged to: pino, `console`, and whatever takes an object of fields and a message. */
export interface Logger {
  info(fields: object, message: string): unknown
  warn(fields: object, message: string): unknown
  error(fields: object, message: string): unknown
}

/**
 * An observer that logs what people have to know, one line a fact, with its fields beside the message.
 *
 * **Shape** `info`: starts, stops, partitions, parked records. `warn`: failed attempts, failing engines with the log or the database,
 * breakers, slots that were missed. `error`: dead letters, blocked events, schedules that fail, halts. What went well is not logged: count it with `runtime.on('done', …)`.
 * **Errors** `FB_CONFIG` for a logger without these three.
 * **Guarantee** Text of others has no control characters, and no credentials that can be recognised.
 *
 * @example
 * ```ts
 * import { createRuntime, logTo, type RuntimeOptions } from 'firebreak'
 *
 * export const start = (parts: RuntimeOptions) => createRuntime({ ...parts, observe: logTo(console) })
 * ```
 */
export function logTo(logger: Logger): (fact: Fact, service?: string) => void {
  const missing = (['info', 'warn', 'error'] as const).filter((level) => typeof fieldOf(logger, level) !== 'function')
  if (missing.length > 0)
    throw new FirebreakError('FB_CONFIG', { problems: `logTo: the logger has no method ${missing.join(', ')}` })
  return (fact, service) => {
    const level = levelOf(fact.kind)
    if (level !== null) logger[level](fieldsOf(fact, service), messageOf(fact))
  }
}

function fieldsOf({ kind, ...fact }: Fact, service: string | undefined): object {
  const fields: Record<string, unknown> = service === undefined ? { kind } : { service, kind }
  for (const [name, value] of Object.entries(fact)) {
    if (value === null) continue
    // Where it is: each of its fields by itself, so that logs can be searched for a topic.
    if (name === 'at' || name === 'partition') Object.assign(fields, placeOf(value))
    else if (name === 'error') fields['error'] = errorFields(value as Error)
    else fields[name] = typeof value === 'string' ? line(value) : value
  }
  return fields
}

const placeOf = (value: unknown): object => (typeof value === 'object' ? { ...value } : { partition: value })

function errorFields(error: Error): object {
  const code = (error as { readonly code?: unknown }).code
  const stack = typeof error.stack === 'string' ? masked(visible(keptText(error.stack, textMax))) : undefined
  return {
    name: line(textOf(error.name, textMax)),
    message: line(textOf(error, textMax)),
    ...(typeof code === 'string' ? { code: line(code) } : {}),
    ...(stack === undefined ? {} : { stack }),
  }
}

function messageOf(fact: Fact): string {
  const about = 'eventType' in fact && fact.eventType !== null ? ` ${line(fact.eventType)}` : ''
  const error = 'error' in fact ? `: ${line(textOf(fact.error, textMax))}` : ''
  return `${fact.kind}${about}${error}`
}
