import type { Timer } from '../../contracts/clock.ts'
import { inTransaction } from '../../contracts/sql/in-transaction.ts'
import { claimJobs, nextDueOf } from '../../ledger/jobs/claim-jobs.ts'
import { handBack } from '../../ledger/jobs/end-jobs.ts'
import { heldBy } from '../../ledger/jobs/holders.ts'
import type { ClaimedJob } from '../../ledger/jobs/job-rows.ts'
import { classify } from '../instance/decide.ts'
import type { Instance } from '../instance/instance.ts'
import type { ShutdownBudget } from '../instance/shutdown-budget.ts'
import type { OutgoingJob } from '../message/outgoing.ts'
import { JobCleanUp } from './job-clean-up.ts'
import { type AskedCancel, JobHolders } from './job-holders.ts'
import { type JobRunEnd, runJob } from './run-job.ts'
import { type JobKind, jobKindOf, RunningJob } from './running-job.ts'

/** How long an instance waits for jobs of others: often while there are some, seldom when there are none. */
const busyMs = 25
const idleMs = 1000
/** How long a cancelled handler has to follow its signal. */
const cancelGraceMs = 10_000
/** For so long nothing is started beside jobs that must run alone, and then for as long again as if there were none. */
const makeRoomMs = 10_000
/** How long a job of the lowest priority waits at most behind each higher one. */
const prioAgeMs = 60_000

/**
 * Takes jobs that are due into the free places of this instance, and runs them.
 *
 * I1 `#running` has every job that this instance has claimed and not settled.
 * I2 No more are claimed than there are places: what is claimed starts at once, so that a death leaves no job suspected that had not
 *    begun. A job that is suspected already is claimed when nothing else runs, and nothing is claimed beside it. Where something
 *    else always runs, room is made for it.
 * I3 One round at a time. A wake that comes during a round is not lost: another follows.
 */
export class JobIntake {
  readonly #instance: Instance
  readonly #kinds: ReadonlyMap<string, JobKind>
  readonly #holder: string
  readonly #holders: JobHolders
  readonly #cleanUp: JobCleanUp
  readonly #running = new Map<string, RunningJob>()
  readonly #runs = new Set<Promise<void>>()
  #timer: Timer | undefined
  #round: Promise<void> | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  #isWoken = false
  /** A claim has failed, and may have taken effect. */
  #isInDoubt = false
  #waitMs = idleMs
  /** Since when jobs are due that must run alone. */
  #suspectsSinceMs: number | undefined
  #state: 'new' | 'open' | 'stopping' = 'new'

  constructor(instance: Instance) {
    this.#instance = instance
    this.#kinds = new Map([...instance.service.jobs].map(([type, handler]) => [type, jobKindOf(handler)]))
    // Another one after each start: what an earlier process of the same name has left is not ours.
    this.#holder = `${instance.name} ${instance.entropy.hex(4)}`
    this.#cleanUp = new JobCleanUp(instance)
    this.#holders = new JobHolders(instance, this.#holder, {
      isBusy: () => this.#running.size > 0,
      cancel: (asked) => this.#cancel(asked),
      freed: () => this.wake(),
      suspects: (types) => this.#suspectsDue(types.some((type) => this.#kinds.has(type))),
    })
  }

  get running(): number {
    return this.#running.size
  }

  async start(): Promise<void> {
    if (this.#kinds.size === 0) return
    await this.#holders.start()
    this.#cleanUp.start()
    this.#state = 'open'
    this.wake()
  }

  /** A commit of this instance has enqueued jobs. */
  enqueued(jobs: readonly OutgoingJob[]): void {
    const nowMs = this.#instance.clock.now()
    if (jobs.some(({ job }) => job.dueAtMs <= nowMs)) this.wake()
    else for (const { job } of jobs) this.#restFor(job.dueAtMs - nowMs)
  }

  /** Looks for jobs now. */
  wake(): void {
    if (this.#state !== 'open') return
    this.#isWoken = true
    this.#cancelTimer()
    this.#round ??= this.#rounds().finally(() => {
      this.#round = undefined
    })
  }

  /** Claims nothing more, waits for what runs, and gives back what has not ended. Resolves to whether all has. */
  async stop(time: ShutdownBudget): Promise<boolean> {
    if (this.#state !== 'open') return true
    this.#state = 'stopping'
    this.#cleanUp.stop()
    this.#cancelTimer()
    if (this.#round !== undefined) await time.waitFor(this.#round)
    const drained = await this.#drained(time)
    await time.waitFor(this.#giveBack())
    return drained
  }

  async #drained({ drainMs }: ShutdownBudget): Promise<boolean> {
    const all = Promise.all(this.#runs).then(() => true)
    const { clock } = this.#instance
    const late = new Promise<false>((resolve) => {
      const timer = clock.schedule(drainMs, () => resolve(false))
      all.then(() => timer.cancel())
    })
    return Promise.race([all, late])
  }

  async #giveBack(): Promise<void> {
    const left = [...this.#running.values()]
    for (const running of left) running.leave()
    const claims = left.map(({ claim }) => claim)
    if (claims.length > 0) await inTransaction(this.#instance.database, (sql) => handBack(sql, claims))
    await this.#holders.stop()
  }

  async #rounds(): Promise<void> {
    while (this.#isWoken && this.#state === 'open') {
      this.#isWoken = false
      try {
        await this.#claimDue()
      } catch (error) {
        if (this.#state !== 'open') return
        if (classify(error).kind === 'halt') return this.#instance.halt(error as Error)
        this.#instance.emit({ kind: 'infrastructure-error', where: 'database', error })
        this.#isInDoubt = true
        this.#restFor(idleMs)
      }
    }
  }

  async #claimDue(): Promise<void> {
    const { database, clock, limits } = this.#instance
    if (!this.#holders.hasLease) return this.#restFor(idleMs)
    if (this.#isInDoubt) await this.#dropUnknown()
    let free = limits.jobsMax - this.#running.size
    // The end of one that runs wakes us.
    if (free <= 0 || this.#isAlone || this.#isMakingRoom) return
    const due = await nextDueOf(database, [...this.#kinds.keys()])
    const nowMs = clock.now()
    const types = [...due]
      .filter(([type, dueAtMs]) => dueAtMs <= nowMs && !this.#isShut(type))
      .sort(([, a], [, b]) => a - b)
    if (types.length === 0) return this.#restUntil(due, nowMs)
    let claimed = 0
    for (const [type] of types) {
      if (free <= 0 || this.#isAlone || this.#state !== 'open') break
      const jobs = await this.#claim(type, free)
      claimed += jobs.length
      free -= jobs.length
      for (const job of jobs) this.#start(job)
    }
    if (claimed === 0) return this.#restUntil(due, nowMs)
    this.#waitMs = busyMs
    this.#isWoken = true
  }

  /** A claim that has failed may have taken effect all the same: nobody else could give back what it took. */
  async #dropUnknown(): Promise<void> {
    const { database } = this.#instance
    await inTransaction(database, async (sql) => {
      const unknown = (await heldBy(sql, this.#holder)).filter(({ id }) => !this.#running.has(id))
      if (unknown.length > 0) await handBack(sql, unknown)
    })
    this.#isInDoubt = false
  }

  #claim(type: string, max: number): Promise<readonly ClaimedJob[]> {
    const { database, clock } = this.#instance
    const { concurrency, rate } = (this.#kinds.get(type) as JobKind).handler.job
    const withSuspects = this.#running.size === 0
    const want = { type, holder: this.#holder, max, nowMs: clock.now(), prioAgeMs, concurrency, rate, withSuspects }
    return inTransaction(database, (sql) => claimJobs(sql, want))
  }

  #isShut(type: string): boolean {
    return this.#instance.gate.isShutFor((this.#kinds.get(type) as JobKind).handler)
  }

  get #isAlone(): boolean {
    for (const { isAlone } of this.#running.values()) if (isAlone) return true
    return false
  }

  #suspectsDue(areDue: boolean): void {
    if (!areDue) this.#suspectsSinceMs = undefined
    else this.#suspectsSinceMs ??= this.#instance.clock.monotonic()
    // When room was made for long enough, the others go on.
    if (areDue) this.wake()
  }

  /** Those that must run alone wait until nothing else runs, so now and then nothing else is started; a long job does not stop all. */
  get #isMakingRoom(): boolean {
    if (this.#suspectsSinceMs === undefined || this.#running.size === 0) return false
    const waitedMs = this.#instance.clock.monotonic() - this.#suspectsSinceMs
    return waitedMs % (2 * makeRoomMs) >= makeRoomMs
  }

  #start(claimed: ClaimedJob): void {
    const { writer, clock } = this.#instance
    const kind = this.#kinds.get(claimed.type) as JobKind
    const running = new RunningJob(claimed, kind, { writer, now: () => clock.now() })
    this.#running.set(claimed.id, running)
    const run = runJob(this.#instance, running).then(
      (end) => this.#ended(running, end),
      (error) => this.#instance.halt(error),
    )
    this.#runs.add(run)
    run.then(() => this.#runs.delete(run))
  }

  #ended(running: RunningJob, end: JobRunEnd): void {
    running.grace?.cancel()
    // What a stop has left is given back by it.
    if (end === 'left' && this.#instance.stopping.aborted && !running.isLeft) return
    this.#running.delete(running.claimed.id)
    this.wake()
  }

  /** Of a handler that does not follow its signal the place is free after a while, and what it commits later is refused. */
  #cancel(asked: readonly AskedCancel[]): void {
    for (const { id, claim } of asked) {
      const running = this.#running.get(id)
      if (running === undefined || running.claimed.claim !== claim || running.isCancelled) continue
      running.cancel()
      running.grace = this.#instance.clock.schedule(cancelGraceMs, () => running.giveUp())
    }
  }

  #restUntil(due: ReadonlyMap<string, number>, nowMs: number): void {
    const next = Math.min(...[...due.values()].filter((atMs) => atMs > nowMs))
    const { shared } = this.#instance.database.capabilities
    // Only others can bring what this instance does not know of.
    this.#waitMs = shared ? Math.min(idleMs, this.#waitMs * 2) : idleMs
    this.#restFor(Math.min(this.#waitMs, next - nowMs))
  }

  /** The next look is not later than in `ms`. */
  #restFor(ms: number): void {
    const { clock } = this.#instance
    const waitMs = Math.max(1, Math.min(ms, idleMs))
    const atMs = clock.monotonic() + waitMs
    if (this.#state !== 'open' || atMs >= this.#timerAtMs) return
    this.#cancelTimer()
    this.#timerAtMs = atMs
    this.#timer = clock.schedule(waitMs, () => this.wake())
  }

  #cancelTimer(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAtMs = Number.POSITIVE_INFINITY
  }
}
