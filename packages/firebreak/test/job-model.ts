/**
 * Jobs as plain values in memory, changed by the same actions as a ledger, and compared with it after each of them.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Attempt } from '../src/contracts/disposition.ts'
import { cancelJob, runNow } from '../src/ledger/jobs/change-job.ts'
import { claimJobs, lockClaims, nextDueOf } from '../src/ledger/jobs/claim-jobs.ts'
import { endJobs, handBack, retryJob } from '../src/ledger/jobs/end-jobs.ts'
import { enqueueJobs, enqueueUnique, replayJobs } from '../src/ledger/jobs/enqueue-jobs.ts'
import { holdersOf, releaseHolder } from '../src/ledger/jobs/holders.ts'
import { missingJobs, readJobAccounts } from '../src/ledger/jobs/job-accounts.ts'
import type { ClaimedJob, JobClaim, JobEndKind, NewJob, Priority } from '../src/ledger/jobs/job-rows.ts'
import { endOf, type JobScene, newJob, wish } from './job-scene.ts'

const kinds = [
  ...['enqueue', 'enqueue', 'unique', 'window', 'claim', 'claim', 'end', 'end', 'fail', 'replay', 'retry'],
  ...['handBack', 'cancel', 'cancel', 'release', 'runNow', 'wait'],
] as const

/** What is done; the numbers choose among what there is at that moment. */
export interface JobAction {
  readonly kind: (typeof kinds)[number]
  readonly a: number
  readonly b: number
  readonly c: number
}

export const jobActions: fc.Arbitrary<readonly JobAction[]> = fc.array(
  fc.record({ kind: fc.constantFrom(...kinds), a: fc.nat(11), b: fc.nat(11), c: fc.nat(11) }),
  { minLength: 1, maxLength: 40 },
)

interface ModelJob extends NewJob {
  state: 0 | 1 | 2 | 3
  dueAtMs: number
  holder: string | null
  claim: number
  suspects: number
  isCancelled: boolean
  readonly isReplay: boolean
}

const prioAgeMs = 100
const windowMs = 150
const attempt: Attempt = { number: 1, startedAtMs: 0, durationMs: 1, errorClass: 'E', message: 'm', stack: '' }

export class JobModel {
  readonly #scene: JobScene
  readonly #live = new Map<string, ModelJob>()
  readonly #ended = new Map<string, JobEndKind>()
  readonly #windows = new Map<string, { readonly id: string; readonly untilMs: number }>()
  /** Every claim there ever was, those that are fenced as well. */
  readonly #claims: ClaimedJob[] = []
  readonly #failed: ClaimedJob[] = []
  #nowMs = 0
  #ids = 0
  #joined = 0

  constructor(scene: JobScene) {
    this.#scene = scene
  }

  async do(action: JobAction): Promise<void> {
    await this.#doers[action.kind](action)
    await this.#compare()
  }

  readonly #doers: Record<JobAction['kind'], (action: JobAction) => Promise<void>> = {
    enqueue: async ({ a, b, c }) => {
      const jobs = Array.from({ length: 1 + (a % 4) }, (_, i) => this.#newJob({ a: a + i, b: b + i, c }))
      await this.#scene.within((ledger) => enqueueJobs(ledger, jobs.toReversed(), 'one'))
      for (const job of jobs) this.#add(job)
    },
    unique: async ({ a, b, c }) => {
      const job = { ...this.#newJob({ a, b, c }), uniqueKey: `key ${a % 2}` }
      const told = await this.#scene.within((ledger) => enqueueUnique(ledger, job, 'live', 'two'))
      const there = [...this.#live.values()].find(({ uniqueKey }) => uniqueKey === job.uniqueKey)
      assert.deepEqual(told, { id: there?.id ?? job.id, joined: there !== undefined })
      if (there === undefined) this.#add(job)
      else this.#joined++
    },
    window: async ({ a, b, c }) => {
      const job = { ...this.#newJob({ a, b, c }), uniqueKey: `key ${a % 2}` }
      const told = await this.#scene.within((ledger) => enqueueUnique(ledger, job, { windowMs }, 'two'))
      const last = this.#windows.get(job.uniqueKey)
      const there = last !== undefined && last.untilMs > this.#nowMs ? last : undefined
      assert.deepEqual(told, { id: there?.id ?? job.id, joined: there !== undefined })
      if (there !== undefined) this.#joined++
      else {
        this.#windows.set(job.uniqueKey, { id: job.id, untilMs: this.#nowMs + windowMs })
        this.#add({ ...job, uniqueKey: null })
      }
    },
    claim: async ({ a, b }) => {
      const want = wish({ holder: `holder ${a % 3}`, max: 1 + (b % 4), nowMs: this.#nowMs, prioAgeMs })
      const claimed = await this.#scene.within((ledger) => claimJobs(ledger, want))
      const expected = this.#pick(want.max)
      assert.deepEqual(
        claimed.map(({ id }) => id),
        expected.map(({ id }) => id),
      )
      for (const job of expected) Object.assign(job, { state: 2, holder: want.holder, claim: job.claim + 1 })
      this.#claims.push(...claimed)
    },
    end: async ({ a, b, c }) => this.#end(a, b, (['done', 'done', 'expired', 'cancelled'] as const)[c % 4] ?? 'done'),
    fail: async ({ a, b }) => this.#end(a, b, 'failed'),
    replay: async ({ a }) => {
      const given = this.#failed.splice(a % 3)
      const jobs = given.map((job) => ({ ...job, dueAtMs: this.#nowMs, letterId: 'letter' }))
      await this.#scene.within((ledger) => replayJobs(ledger, jobs, 'one'))
      for (const job of jobs) {
        this.#ended.delete(job.id)
        this.#add({ ...job, uniqueKey: null }, true)
      }
    },
    retry: async ({ a, b }) => {
      const claim = this.#claims.at(-1 - a)
      if (claim === undefined) return
      const dueAtMs = this.#nowMs + b * 10
      const next = { dueAtMs, attempts: [attempt], firstFailedAtMs: 0 }
      const isOurs = await this.#scene.within((ledger) => retryJob(ledger, claim, next))
      const job = this.#heldBy(claim)
      assert.equal(isOurs, job !== undefined)
      if (job === undefined) return
      Object.assign(job, { state: 0, holder: null, suspects: 0, dueAtMs: job.isCancelled ? 0 : dueAtMs })
    },
    handBack: async ({ a, b }) => {
      const claims = this.#claims.slice(-1 - a).slice(0, b)
      await this.#scene.within((ledger) => handBack(ledger, claims))
      for (const claim of claims) Object.assign(this.#heldBy(claim) ?? {}, { state: 0, holder: null })
    },
    cancel: async ({ a }) => {
      const id = [...this.#live.keys(), ...this.#ended.keys(), 'nobody'][a] ?? 'nobody'
      // At 0, so that a retry of it is due then.
      const told = await this.#scene.within((ledger) => cancelJob(ledger, id, 0, 'one'))
      const job = this.#live.get(id)
      if (job === undefined) return assert.equal(told, this.#ended.has(id) ? 'ended' : 'unknown')
      assert.equal(told, job.state >= 2 ? 'cancelling' : 'cancelled')
      if (job.state < 2) this.#remove(job, 'cancelled')
      else Object.assign(job, { state: 3, isCancelled: true })
    },
    release: async ({ a }) => {
      const holder = `holder ${a % 3}`
      const released = await this.#scene.within((ledger) => releaseHolder(ledger, holder, this.#nowMs))
      const theirs = [...this.#live.values()].filter((job) => job.holder === holder)
      assert.equal(released, theirs.length)
      for (const job of theirs) {
        if (job.state === 3) this.#remove(job, 'cancelled')
        else {
          const dueAtMs = job.suspects === 0 ? job.dueAtMs : this.#nowMs + 5000 * job.suspects
          Object.assign(job, { state: 0, holder: null, claim: job.claim + 1, suspects: job.suspects + 1, dueAtMs })
        }
      }
    },
    runNow: async ({ a }) => {
      const job = [...this.#live.values()][a]
      const told = await this.#scene.within((ledger) => runNow(ledger, job?.id ?? 'nobody', this.#nowMs))
      assert.equal(told, job?.state === 0)
      if (job?.state === 0) job.dueAtMs = Math.min(job.dueAtMs, this.#nowMs)
    },
    wait: async ({ a }) => {
      this.#nowMs += a < 3 ? 10_000 : a * 10
    },
  }

  async #end(a: number, b: number, how: JobEndKind): Promise<void> {
    const claims = this.#claims.slice(-1 - a).slice(0, 1 + (b % 4))
    const ours = claims.filter((claim) => this.#heldBy(claim) !== undefined)
    await this.#scene.within(async (ledger) => {
      if (b % 2 === 0) assert.deepEqual(await lockClaims(ledger, claims), new Set(ours))
      await endJobs(
        ledger,
        claims.map((job) => endOf(job, { how })),
        'two',
      )
    })
    for (const claim of ours) {
      this.#remove(this.#live.get(claim.id), how)
      if (how === 'failed') this.#failed.push(claim)
    }
  }

  #newJob({ a, b, c }: Omit<JobAction, 'kind'>): NewJob {
    const lane = ['x', 'y', null][a % 3] ?? null
    const dueAtMs = this.#nowMs + (b < 8 ? 0 : b * 20)
    return newJob(++this.#ids, { priority: (c % 3) as Priority, lane, dueAtMs, enqueuedAtMs: this.#nowMs })
  }

  #add(job: NewJob, isReplay = false): void {
    const state = this.#headOf(job.lane) === undefined ? 0 : 1
    const fresh = { holder: null, claim: 0, suspects: 0, isCancelled: false, isReplay }
    this.#live.set(job.id, { ...job, state, ...fresh })
  }

  #remove(job: ModelJob | undefined, how: JobEndKind): void {
    if (job === undefined) return
    this.#live.delete(job.id)
    this.#ended.set(job.id, how)
    if (job.state === 1 || job.lane === null) return
    const followers = [...this.#live.values()].filter(({ lane }) => lane === job.lane)
    const next = followers.sort((x, y) => (x.id < y.id ? -1 : 1))[0]
    if (next !== undefined) next.state = 0
  }

  #headOf(lane: string | null): ModelJob | undefined {
    return lane === null ? undefined : [...this.#live.values()].find((job) => job.lane === lane && job.state !== 1)
  }

  #heldBy({ id, claim }: JobClaim): ModelJob | undefined {
    const job = this.#live.get(id)
    return job !== undefined && job.state >= 2 && job.claim === claim ? job : undefined
  }

  #pick(max: number): readonly ModelJob[] {
    const turnOf = (job: ModelJob): number => job.dueAtMs + job.priority * prioAgeMs
    const due = [...this.#live.values()]
      .filter((job) => job.state === 0 && job.dueAtMs <= this.#nowMs)
      .sort((x, y) => turnOf(x) - turnOf(y) || (x.id < y.id ? -1 : 1))
      .slice(0, max)
    return due[0] !== undefined && due[0].suspects > 0 ? due.slice(0, 1) : due.filter((job) => job.suspects === 0)
  }

  /** The same rows and ends, the accounts in balance, and the lanes as they must be. */
  async #compare(): Promise<void> {
    const { database } = this.#scene
    const rows = await this.#scene.rows()
    assert.deepEqual(
      rows.map((row) => [row.id, row.state, row.due_at_ms, row.holder, row.claim, row.suspects]),
      [...this.#live.values()]
        .sort((x, y) => (x.id < y.id ? -1 : 1))
        .map((job) => [job.id, job.state, job.dueAtMs, job.holder, job.claim, job.suspects]),
    )
    const ends = await database.query<{ id: string; how: string }>('SELECT id, how FROM fb_job_ends ORDER BY id')
    assert.deepEqual(new Map(ends.map(({ id, how }) => [id, how])), new Map([...this.#ended].sort()))
    for (const lane of Map.groupBy(
      [...this.#live.values()].filter((job) => job.lane !== null),
      (job) => job.lane,
    ).values()) {
      const heads = lane.filter(({ state }) => state !== 1)
      assert.equal(heads.length, 1, 'a lane has one head')
      const follower = lane.find(({ state, isReplay }) => state === 1 && !isReplay)
      if (follower !== undefined && heads[0]?.isReplay === false) assert.ok(heads[0].id < follower.id)
    }
    const accounts = (await readJobAccounts(database)).get('t')
    assert.equal(accounts === undefined ? 0 : missingJobs(accounts), 0)
    assert.equal(accounts?.joined ?? 0, this.#joined)
    const holders = new Set([...this.#live.values()].flatMap(({ holder }) => holder ?? []))
    assert.deepEqual(await holdersOf(database), [...holders].sort())
    const ready = [...this.#live.values()].filter(({ state }) => state === 0).map(({ dueAtMs }) => dueAtMs)
    assert.deepEqual(await nextDueOf(database, ['t', 'u']), new Map(ready.length ? [['t', Math.min(...ready)]] : []))
  }
}
