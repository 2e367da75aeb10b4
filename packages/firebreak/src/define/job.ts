import { hours } from '../contracts/duration.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { JobDefinition, Priority, Rate, Unique } from '../contracts/job.ts'
import { count, ms, type OptionTable, optionProblems, other, type Problems, shown } from '../contracts/option.ts'
import type { Schema } from '../contracts/schema.ts'
import { fieldOf } from '../contracts/text/text-of.ts'
import { type KeyField, upcastProblems } from './event.ts'
import { schemaProblems } from './wire-schema.ts'

export interface JobSpec<
  S extends Schema,
  R extends Schema | null = null,
  G extends Schema | null = null,
  N extends string = string,
  K extends string = string,
> {
  /** `statement.render`, `SendReceipt`: unique in its service. */
  readonly type: N
  readonly schema: S
  /** Of what its handler returns. Without it nothing of that is kept. */
  readonly result?: R
  /** Of what `ctx.progress` takes. */
  readonly progress?: G
  readonly version?: number
  /** `{ 1: (old) => new }` leads from version 1 to 2, and so on up to `version`. */
  readonly upcast?: Readonly<Record<number, (payload: never) => unknown>>
  /** A field whose value is a string: jobs of one key run one after the other, in the order in which they were enqueued. */
  readonly key?: KeyField<S, K>
  /**
   * Enqueuing a job with the same payload joins the one that is there: `live` while that has not ended, `{ windowMs }` for so long after
   * it was enqueued.
   */
  readonly unique?: Unique
  /** 0, 1 or 2, the smaller first; default 1. */
  readonly priority?: Priority
  /** How many run at once, over all instances. */
  readonly concurrency?: number
  /** How many start in a time, over all instances. */
  readonly rate?: Rate
  /** From when it is enqueued: past it no attempt starts, and the job ends as expired. */
  readonly deadlineMs?: number
  /** How long its end can be looked up; default 24 h where it has a result, else 0. */
  readonly keepMs?: number
  readonly description?: string
}

const year = hours(24 * 365)

export const jobOptions: OptionTable<JobSpec<Schema, Schema, Schema>> = {
  type: other,
  schema: other,
  result: other,
  progress: other,
  version: count('versions', { least: 1, most: 1_000_000, default: 1, meaning: 'raised when the schema changes' }),
  upcast: other,
  key: other,
  unique: other,
  priority: count('', { least: 0, most: 2, default: 1, meaning: 'jobs of a smaller number start first' }),
  concurrency: count('jobs', {
    least: 1,
    most: 1_000_000,
    default: 'no limit',
    meaning: 'how many run at once, over all instances',
  }),
  rate: other,
  deadlineMs: ms({
    least: 1,
    most: year,
    default: 'none',
    meaning: 'from when it is enqueued until no attempt starts any more',
  }),
  keepMs: ms({
    least: 0,
    most: year,
    default: '24 h with a result, else 0',
    meaning: 'how long its end can be looked up',
  }),
  description: other,
}

export const rateOptions: OptionTable<Rate> = {
  max: count('jobs', { least: 1, most: 1_000_000, meaning: 'how many start' }),
  perMs: ms({ least: 1, meaning: 'in this time' }),
}

export const uniqueOptions: OptionTable<Extract<Unique, object>> = {
  windowMs: ms({
    least: 1,
    most: year,
    meaning: 'for so long after a job was enqueued, one with the same payload joins it',
  }),
}

const typePattern = /^[A-Za-z0-9][A-Za-z0-9._/:#-]{0,199}$/

/**
 * Defines a job: work that a service is asked to do. The service that has a handler for it runs it, after the commit that enqueued it.
 *
 * **Guarantee** Runs at least once after it was enqueued; what its handler does inside its unit of work takes effect once.
 * **Errors** `FB_CONFIG` with every mistake at once.
 *
 * @example
 * ```ts
 * import { handle, job, service } from 'firebreak'
 * import { z } from 'zod'
 *
 * export const SendReceipt = job({ type: 'receipt.send', schema: z.object({ orderId: z.string() }), unique: 'live' })
 *
 * const send = handle(SendReceipt, async ({ orderId }, ctx) => {
 *   await ctx.transaction((tx) => tx.query('UPDATE orders SET receipt = 1 WHERE id = $1', [orderId]))
 * })
 * export const billing = service({ name: 'billing', handlers: [send] })
 * ```
 */
export function job<
  S extends Schema,
  const R extends Schema | null = null,
  const G extends Schema | null = null,
  const N extends string = string,
  const K extends string = string,
>(spec: JobSpec<S, R, G, N, K>): JobDefinition<S, R, G, N> {
  const problems = problemsOf(spec)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const { type, schema, version = 1, upcast, key = null, unique = null, rate = null } = spec
  const { priority = 1, concurrency = null, deadlineMs = null, description = '' } = spec
  const [result, progress] = [(spec.result ?? null) as R, (spec.progress ?? null) as G]
  return Object.freeze({
    kind: 'job',
    type,
    version,
    schema,
    upcast: Object.freeze({ ...upcast }),
    result,
    progress,
    key,
    unique: typeof unique === 'object' && unique !== null ? Object.freeze({ ...unique }) : unique,
    priority,
    concurrency,
    rate: rate === null ? null : Object.freeze({ ...rate }),
    deadlineMs,
    keepMs: spec.keepMs ?? (result === null ? 0 : hours(24)),
    description,
  })
}

/** As JavaScript may write it. */
type GivenSpec = Omit<JobSpec<Schema, Schema | null, Schema | null>, 'key'> & { readonly key?: unknown }

function problemsOf(spec: GivenSpec): Problems {
  if (typeof spec !== 'object' || spec === null) return [`a job must be an object, not ${shown(spec)}`]
  const type = fieldOf(spec, 'type')
  const isSound = typeof type === 'string' && typePattern.test(type)
  const of = isSound ? `job ${type}: ` : 'job: '
  const found = [...optionProblems(jobOptions, spec, of)]
  if (!isSound)
    found.push(
      `job type ${shown(type)} must have 1 to 200 letters, digits, ".", "_", "-", "/", ":" or "#", a letter or digit first`,
    )
  const { key, rate, unique, result, progress } = spec
  if (key !== undefined && (typeof key !== 'string' || key === ''))
    found.push(`${of}key must name a field, not ${shown(key)}`)
  found.push(...schemaProblems(spec.schema).map((problem) => `${of}${problem}`))
  for (const [name, schema] of Object.entries({ result, progress }))
    if (schema !== undefined && schema !== null)
      found.push(...schemaProblems(schema).map((problem) => `${of}${problem.replace(/^schema/, name)}`))
  found.push(...upcastProblems(spec).map((problem) => `${of}${problem}`))
  if (rate !== undefined) found.push(...optionProblems(rateOptions, rate, `${of}rate.`))
  if (unique !== undefined && unique !== 'live') found.push(...uniqueProblems(of, unique))
  return found
}

function uniqueProblems(of: string, unique: unknown): Problems {
  if (typeof unique !== 'object' || unique === null)
    return [`${of}unique must be 'live' or { windowMs }, not ${shown(unique)}`]
  return optionProblems(uniqueOptions, unique, `${of}unique.`)
}
