import type { Clock } from '../../contracts/clock.ts'
import type { Entropy } from '../../contracts/entropy.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyJob, EnqueueOptions } from '../../contracts/job.ts'
import { count, ms, type OptionTable, optionProblems } from '../../contracts/option.ts'
import { fieldOf } from '../../contracts/text/text-of.ts'
import type { ServiceDefinition } from '../../define/service.ts'
import { toRfc3339 } from '../../node/clock.ts'
import { sha256 } from '../../node/digest.ts'
import { indexable } from '../partition/indexable.ts'
import { keyOf } from './contract.ts'
import { type Cause, childTrace, headersOf } from './envelope-codec.ts'
import { JobIds } from './job-ids.ts'
import type { OutgoingJob } from './outgoing.ts'
import type { MadePayload, PayloadWriter } from './payload-writer.ts'

export interface JobMakerDeps {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly writer: PayloadWriter
}

export interface EnqueueTerms {
  readonly cause: Cause | null
  readonly options: EnqueueOptions | undefined
  /** When its schema must be done, on the monotonic scale. */
  readonly endsAtMs?: number | undefined
}

export const enqueueOptions: OptionTable<EnqueueOptions> = {
  afterMs: ms({ least: 0, most: 8.64e15, default: 0, meaning: 'the job is not started before so many ms have passed' }),
  priority: count('', {
    least: 0,
    most: 2,
    default: 'that of its definition',
    meaning: 'in place of the one of the definition',
  }),
}

/** Turns inputs into jobs: declared, validated, bounded in size, wrapped in an envelope. */
export class JobMaker {
  readonly #service: ServiceDefinition
  readonly #deps: JobMakerDeps
  readonly #ids: JobIds

  constructor(service: ServiceDefinition, deps: JobMakerDeps) {
    this.#service = service
    this.#deps = deps
    this.#ids = new JobIds(deps.clock, deps.entropy)
  }

  /** **Errors** those of `Enqueue`. A promise only when the schema validates asynchronously. */
  job(job: AnyJob, input: unknown, terms: EnqueueTerms): OutgoingJob | Promise<OutgoingJob> {
    const type: unknown = fieldOf(job, 'type')
    if (this.#service.jobs.get(String(type))?.job !== job)
      throw new FirebreakError('FB_NOT_ENQUEUABLE', { service: this.#service.name, type })
    const problems = optionProblems(enqueueOptions, terms.options, `enqueue of ${job.type}: `)
    if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
    const made = this.#deps.writer.write(job, input, terms.endsAtMs)
    return made instanceof Promise ? made.then((one) => this.#wrap(job, one, terms)) : this.#wrap(job, made, terms)
  }

  #wrap(job: AnyJob, { made, text }: MadePayload, { cause, options = {} }: EnqueueTerms): OutgoingJob {
    const { clock, entropy } = this.#deps
    const nowMs = clock.now()
    const { key } = job
    const id = this.#ids.next()
    const headers = headersOf({
      id,
      source: `/${this.#service.name}`,
      type: job.type,
      time: toRfc3339(nowMs),
      schemaVersion: job.version,
      correlationId: cause?.correlationId ?? id,
      causationId: cause?.causationId ?? null,
      traceparent: childTrace(cause?.traceparent ?? null, entropy),
    })
    const row = {
      id,
      type: job.type,
      priority: options.priority ?? job.priority,
      dueAtMs: nowMs + (options.afterMs ?? 0),
      lane: key === null ? null : indexable(keyOf({ ...job, key }, made, undefined)),
      input: text,
      headers,
      enqueuedAtMs: nowMs,
      deadlineAtMs: job.deadlineMs === null ? null : nowMs + job.deadlineMs,
    }
    if (job.unique === null) return { job: { ...row, uniqueKey: null }, unique: null }
    return { job: { ...row, uniqueKey: sha256(text) }, unique: job.unique, isStored: false }
  }
}
