import type { Sql } from '../../contracts/database.ts'
import type { FirebreakError } from '../../contracts/errors.ts'
import type { AnyEvent, TombstoneKey } from '../../contracts/event.ts'
import type { AnyJob, Enqueued, EnqueueOptions } from '../../contracts/job.ts'
import type { AnyMessage } from '../../contracts/message.ts'
import { TransactionHandle } from '../../contracts/transaction.ts'
import { enqueueUnique } from '../../ledger/jobs/enqueue-jobs.ts'
import type { Cause } from './envelope-codec.ts'
import type { JobMaker } from './job-maker.ts'
import type { Outgoing, OutgoingJob } from './outgoing.ts'
import type { Publisher } from './publisher.ts'

/** What makes messages, and for which instance. */
export interface Makers {
  readonly publisher: Publisher
  readonly jobMaker: JobMaker
  readonly name: string
}

/** What is known of the unit that messages belong to. */
export interface UnitTerms {
  /** What they inherit. */
  readonly causeOf: (message: AnyMessage) => Cause | null
  /** When their schemas must be done, on the monotonic scale. */
  readonly deadlineAtMs?: number
  /** Throws when the unit has ended. */
  readonly refuseLate: (message: AnyMessage) => void
  /** For a body of which another run has begun. */
  readonly ended: () => FirebreakError
}

/**
 * The events and jobs of one unit of work, as its code adds them. Its body may run again from the start, and then adds them again.
 *
 * I1 They are taken once for each run of the body, after it; one that comes later could not leave any more.
 * I2 Of runs of a body only the last adds something: the code of one before may still go on.
 */
export class UnitMessages {
  readonly #makers: Makers
  readonly #terms: UnitTerms
  #made: (Outgoing | Promise<Outgoing>)[] = none
  #isTaken = false
  #run = 0

  constructor(makers: Makers, terms: UnitTerms) {
    this.#makers = makers
    this.#terms = terms
  }

  get isTaken(): boolean {
    return this.#isTaken
  }

  get count(): number {
    return this.#made.length
  }

  /** Of a schema that is still validating: what they come to is known later. */
  get hasPending(): boolean {
    return this.#made.some((one) => one instanceof Promise)
  }

  publish(event: AnyEvent, payload: unknown, at?: TombstoneKey): void {
    this.#terms.refuseLate(event)
    const { deadlineAtMs: endsAtMs } = this.#terms
    this.#add(this.#makers.publisher.record(event, payload, this.#terms.causeOf(event), { at, endsAtMs }))
  }

  enqueue(job: AnyJob, input: unknown, options?: EnqueueOptions): void {
    this.#add(this.#job(job, input, options))
  }

  /** Begins a run of the body behind the first `keepCount` messages. Its handle is dead when another run begins. */
  begin(sql: Sql, ledger: Sql, keepCount: number): TransactionHandle {
    this.#isTaken = false
    if (this.#made.length > keepCount) this.#made.length = keepCount
    const run = ++this.#run
    const refuseOld = (): void => {
      if (run !== this.#run) throw this.#terms.ended()
    }
    return new TransactionHandle(
      sql,
      (event: AnyEvent, payload: unknown, at?: TombstoneKey) => {
        refuseOld()
        this.publish(event, payload, at)
      },
      async (job, input, options) => {
        refuseOld()
        return this.#enqueueIn(ledger, this.#job(job, input, options))
      },
    )
  }

  take(): readonly Outgoing[] | Promise<readonly Outgoing[]> {
    this.#isTaken = true
    return this.hasPending ? Promise.all(this.#made) : (this.#made as readonly Outgoing[])
  }

  #add(made: Outgoing | Promise<Outgoing>): void {
    // What it comes to is asked for at the commit, which may never be reached.
    if (made instanceof Promise) made.catch(() => undefined)
    if (this.#made === none) this.#made = [made]
    else this.#made.push(made)
  }

  #job(job: AnyJob, input: unknown, options: EnqueueOptions | undefined): OutgoingJob | Promise<OutgoingJob> {
    this.#terms.refuseLate(job)
    const { deadlineAtMs: endsAtMs } = this.#terms
    return this.#makers.jobMaker.job(job, input, { cause: this.#terms.causeOf(job), options, endsAtMs })
  }

  /** One that is unique is looked up in the transaction. */
  async #enqueueIn(ledger: Sql, made: OutgoingJob | Promise<OutgoingJob>): Promise<Enqueued> {
    const one = made instanceof Promise ? await made : made
    if (this.#isTaken) throw this.#terms.ended()
    if (one.unique === null) {
      this.#add(one)
      return { id: one.job.id, joined: false }
    }
    const found = await enqueueUnique(ledger, one.job, one.unique, this.#makers.name)
    if (!found.joined) this.#add({ ...one, isStored: true })
    return found
  }
}

const none: never[] = []
