import type { Timer } from '../../contracts/clock.ts'
import type { Envelope } from '../../contracts/envelope.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { Position } from '../../contracts/log.ts'
import type { AnyMessage } from '../../contracts/message.ts'
import type { JobHandler } from '../../define/handle.ts'
import type { ClaimedJob, JobClaim, JobEnd } from '../../ledger/jobs/job-rows.ts'
import type { HeldJob } from '../commit/unit.ts'
import type { MadePayload, PayloadWriter } from '../message/payload-writer.ts'
import { jobTopic } from './job-topic.ts'

/** A kind of job, as one instance runs it. */
export interface JobKind {
  readonly handler: JobHandler
  /** Of what its handler returns, and of what it says of its progress. */
  readonly result: AnyMessage | null
  readonly progress: AnyMessage | null
}

export function jobKindOf(handler: JobHandler): JobKind {
  const { type, version, result, progress } = handler.job
  const messageOf = (what: string, schema: unknown): AnyMessage | null =>
    schema === null ? null : { type: `${what} of ${type}`, version, schema, upcast: {} }
  return { handler, result: messageOf('the result', result), progress: messageOf('the progress', progress) }
}

/**
 * A job that this instance has claimed.
 *
 *     running -> cancelling     somebody asks that it ends; its handler learns of it by its signal
 *     running, cancelling -> left     it is not this instance's any more: nothing of it is settled here
 */
export class RunningJob implements HeldJob {
  readonly claimed: ClaimedJob
  readonly kind: JobKind
  readonly entry: Position & { readonly key: string | null }
  /** Written by `decodeJob`, before each attempt. */
  envelope: Envelope | null = null
  payload: unknown
  /** Why it cannot be handled at all. */
  broken: unknown
  /** Ends the attempt that runs, as its deadline does. */
  onCancel: ((error: unknown) => void) | undefined
  /** Until its handler has to have followed its signal. */
  grace: Timer | undefined
  readonly #writer: PayloadWriter
  readonly #now: () => number
  readonly #abort = new AbortController()
  readonly #gone = new AbortController()
  #state: 'running' | 'cancelling' | 'left'
  #result: string | null = null

  constructor(claimed: ClaimedJob, kind: JobKind, at: { readonly writer: PayloadWriter; readonly now: () => number }) {
    this.claimed = claimed
    this.kind = kind
    this.entry = { topic: jobTopic(claimed.type), partition: 0, offset: claimed.enqueuedAtMs, key: claimed.lane }
    this.#writer = at.writer
    this.#now = at.now
    this.#state = claimed.isCancelled ? 'cancelling' : 'running'
  }

  get claim(): JobClaim {
    return this.claimed
  }

  /** Of its handler. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Aborts when it is not ours any more: nothing of it is settled here. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  get isAlone(): boolean {
    return this.claimed.suspects > 0
  }

  get isCancelled(): boolean {
    return this.#state === 'cancelling'
  }

  get isLeft(): boolean {
    return this.#state === 'left'
  }

  /** Somebody asks that it ends. */
  cancel(): void {
    if (this.#state !== 'running') return
    this.#state = 'cancelling'
    this.#abort.abort(this.#fenced())
  }

  /** Its handler has not followed its signal: it is not waited for any longer. */
  giveUp(): void {
    this.onCancel?.(this.#fenced())
  }

  /** It is another instance's, or nobody's. */
  leave(): void {
    this.#state = 'left'
    this.#abort.abort(this.#fenced())
    this.#gone.abort()
  }

  takeResult(value: unknown): void | Promise<void> {
    const { result } = this.kind
    if (result === null) return
    const made = this.#writer.write(result, value)
    const take = ({ text }: MadePayload): void => {
      this.#result = text
    }
    return made instanceof Promise ? made.then(take) : take(made)
  }

  end(): JobEnd {
    const { claimed, kind } = this
    const result = this.#result
    const { keepMs } = kind.handler.job
    return {
      job: claimed,
      how: 'done',
      result,
      error: null,
      letterId: claimed.letterId,
      keepMs,
      endedAtMs: this.#now(),
    }
  }

  #fenced(): FirebreakError {
    return new FirebreakError('FB_JOB_FENCED', { type: this.claimed.type, id: this.claimed.id })
  }
}
