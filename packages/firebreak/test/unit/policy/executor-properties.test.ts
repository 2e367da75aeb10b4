/**
 * The executor under random policies and interleavings, against a model that only counts what it sees from outside: what
 * was sent when, what ended how, who was told what.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Attempt, CallFailure } from '../../../src/policy/attempt.ts'
import { policy } from '../../../src/policy/definition/policy.ts'
import type { Policy, PolicySpec } from '../../../src/policy/definition/policy-spec.ts'
import type { Execution } from '../../../src/policy/execution.ts'
import { Executor } from '../../../src/policy/executor.ts'
import { seededEntropy } from '../../../src/testing/virtual-time/seeded-entropy.ts'
import { type VirtualClock, virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'

const small = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max })
const orNull = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(one, { nil: null, freq: 3 })

const parts = fc.record({
  attemptsMax: small(1, 3),
  attemptTimeoutMs: small(1, 20),
  backoff: fc.record({
    baseMs: small(0, 5),
    capMs: small(5, 8),
    jitter: fc.constantFrom('full' as const, 'equal' as const, 'decorrelated' as const, 'none' as const),
  }),
  budget: orNull(
    fc.oneof(
      fc.record({
        kind: fc.constant('ratio' as const),
        ratio: fc.constantFrom(0, 0.3, 3),
        minPerSec: small(0, 50),
        ttlMs: small(1, 500),
      }),
      fc.record({ kind: fc.constant('tokens' as const), tokensMax: small(1, 5), tokenRatio: fc.constantFrom(0.1, 1) }),
    ),
  ),
  breaker: orNull(
    fc.record({
      failureRatio: fc.constantFrom(0.3, 0.5, 1),
      callsMin: small(1, 4),
      windowMs: small(10, 100),
      openMs: small(1, 40),
      probesMax: small(1, 3),
      slowMs: fc.constantFrom(null, 0.5),
    }),
  ),
  bulkhead: orNull(fc.record({ slots: small(1, 3), queueMax: small(0, 3), queueWaitMaxMs: small(1, 15) })),
  limit: orNull(
    fc.oneof(
      fc.record({
        kind: fc.constantFrom('vegas' as const, 'gradient2' as const),
        initial: fc.constant(2),
        min: fc.constant(1),
        max: small(2, 4),
      }),
      fc.record({
        kind: fc.constant('aimd' as const),
        initial: fc.constant(2),
        min: fc.constant(1),
        max: small(2, 4),
        backoff: fc.constant(0.5),
        timeoutMs: small(1, 9),
      }),
    ),
  ),
  hedge: orNull(fc.record({ after: fc.oneof(fc.constant('p95' as const), small(0, 8)), max: small(1, 3) })),
  sparesMs: small(0, 20),
})

/** A policy that is accepted: long enough a deadline, and a budget where there are hedges. */
const policies: fc.Arbitrary<Policy> = parts.map(({ sparesMs, hedge, budget, ...rest }) => {
  const after = typeof hedge?.after === 'number' ? Math.min(hedge.after, rest.attemptTimeoutMs - 1) : ('p95' as const)
  const hedges = hedge === null || budget === null ? null : { after, max: hedge.max }
  const needed = rest.attemptsMax * (rest.attemptTimeoutMs + rest.backoff.capMs) + (hedge?.max ?? 0) * 8
  const spec: PolicySpec = { ...rest, budget, hedge: hedges, deadlineMs: Math.max(needed, 17) + sparesMs }
  const slowMs = rest.attemptTimeoutMs > 1 ? 0.5 : null
  return policy(
    rest.breaker?.slowMs === null ? spec : { ...spec, ...(rest.breaker && { breaker: { ...rest.breaker, slowMs } }) },
  )
})

/** What code from outside does when it runs: on being sent, given up or told. */
type Mischief = 'nothing' | 'cancel' | 'start' | 'settle' | 'throw'
const mischief: fc.Arbitrary<Mischief> = fc.oneof(
  { weight: 12, arbitrary: fc.constant('nothing' as const) },
  { weight: 1, arbitrary: fc.constantFrom('cancel' as const, 'start' as const, 'settle' as const, 'throw' as const) },
)

const answers = ['ok', 'transient', 'throttled', 'permanent'] as const
type Answer = (typeof answers)[number]
/** How the other side treats an attempt: at once, after a while, twice, or not at all. */
const treatments = fc.record({
  answer: fc.constantFrom('ok' as const, ...answers),
  again: fc.option(fc.constantFrom(...answers), { nil: undefined }),
  inMs: fc.oneof(fc.constant(0), small(0, 12), small(0, 60), fc.constant(Number.POSITIVE_INFINITY)),
  afterMs: fc.constantFrom(0, 3, 30, -1, Number.NaN, Number.POSITIVE_INFINITY),
  looksAtSignal: fc.boolean(),
  onSent: mischief,
  onGivenUp: mischief,
})
type Treatment = typeof treatments extends fc.Arbitrary<infer T> ? T : never

const calls = fc.record({
  treatments: fc.array(treatments, { minLength: 1, maxLength: 4 }),
  idempotent: fc.constantFrom(true, true, true, false),
  shard: fc.constantFrom(undefined, undefined, 'a', 'b'),
  leftMs: fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.oneof(small(-2, 30), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY)) },
  ),
  onTold: mischief,
})
type CallPlan = typeof calls extends fc.Arbitrary<infer T> ? T : never

const steps = fc.oneof(
  { weight: 5, arbitrary: fc.record({ call: calls }) },
  { weight: 3, arbitrary: fc.record({ passMs: small(0, 12) }) },
  { weight: 1, arbitrary: fc.record({ passMs: small(0, 80) }) },
  { weight: 1, arbitrary: fc.record({ cancel: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ settle: fc.nat(60), answer: fc.constantFrom(...answers) }) },
)

class Mischievous extends Error {}

interface SentAttempt {
  readonly attempt: Attempt<string>
  readonly atMs: number
  readonly call: SeenCall
  /** What ended it, as far as it counts; undefined: under way. */
  end: 'ok' | 'failed' | 'given up' | undefined
  endedAtMs: number
}

interface SeenCall {
  readonly plan: CallPlan
  readonly deadlineAtMs: number
  readonly sent: SentAttempt[]
  /** Those that succeeded, in that order. */
  readonly succeeded: SentAttempt[]
  execution: Execution<string> | undefined
  /** Set before `cancel` is called. */
  isCancelled: boolean
  pausedUntilMs: number
  toldAtMs: number
  readonly told: (string | CallFailure)[]
}

/** Runs a plan and counts. */
class World {
  readonly clock: VirtualClock = virtualClock(0)
  readonly policy: Policy
  readonly executor: Executor
  readonly calls: SeenCall[] = []
  readonly sent: SentAttempt[] = []
  /** Claims that did not hold: the executor takes what a sender throws for an answer. */
  readonly faults: unknown[] = []
  #mischiefs = 0
  #ownTimers = 0

  constructor(one: Policy, seed: number) {
    this.policy = one
    this.executor = new Executor(one, { name: 'other', clock: this.clock, random: seededEntropy(seed).random })
  }

  start(plan: CallPlan): void {
    const { leftMs, idempotent, shard } = plan
    const now = this.clock.now()
    const left = leftMs === undefined || Number.isNaN(leftMs) ? Number.POSITIVE_INFINITY : leftMs
    const call: SeenCall = {
      plan,
      deadlineAtMs: now + Math.min(left, this.policy.deadlineMs),
      ...{ sent: [], succeeded: [], told: [] },
      ...{ execution: undefined, isCancelled: false, pausedUntilMs: 0, toldAtMs: -1 },
    }
    this.calls.push(call)
    const send = (attempt: Attempt<string>): void => this.#noting(() => this.#send(call, attempt))
    const tell = (what: string | CallFailure): void => this.#noting(() => this.#told(call, what))
    call.execution = this.executor.start(
      send,
      { succeeded: tell, failed: tell },
      {
        idempotent,
        ...(leftMs !== undefined && { deadlineAtMs: now + leftMs }),
        ...(shard !== undefined && { shard }),
      },
    )
  }

  cancel(call: SeenCall | undefined): void {
    if (call?.execution === undefined) return
    if (call.told.length === 0) call.isCancelled = true
    call.execution.cancel()
  }

  /** Answers an attempt, at any time and any number of times. */
  settle(one: SentAttempt | undefined, answer: Answer, afterMs = 0): void {
    if (one === undefined) return
    const { attempt, call } = one
    if (one.end === undefined) {
      this.#ended(one, answer === 'ok' ? 'ok' : 'failed')
      if (answer === 'ok') call.succeeded.push(one)
      if (answer === 'throttled' && afterMs > 0)
        call.pausedUntilMs = Math.max(call.pausedUntilMs, one.endedAtMs + afterMs)
    }
    if (answer === 'ok') attempt.succeed(`${call.sent.indexOf(one)}`)
    else attempt.fail({ kind: answer, ...(answer === 'throttled' && { afterMs }), error: answer })
  }

  #ended(one: SentAttempt, end: 'ok' | 'failed' | 'given up'): void {
    one.end = end
    one.endedAtMs = this.clock.now()
  }

  #send(call: SeenCall, attempt: Attempt<string>): void {
    this.#checkSent(call, attempt)
    const one: SentAttempt = { attempt, atMs: this.clock.now(), call, end: undefined, endedAtMs: 0 }
    call.sent.push(one)
    this.sent.push(one)
    const { treatments } = call.plan
    const treatment = treatments[Math.min(call.sent.length, treatments.length) - 1] as Treatment
    attempt.onGivenUp = () =>
      this.#noting(() => {
        assert.equal(one.end, undefined, 'I2 what has ended is not given up, and nothing is twice')
        this.#ended(one, 'given up')
        this.#misbehave(treatment.onGivenUp, call)
      })
    if (treatment.looksAtSignal) assert.equal(attempt.signal.aborted, false)
    try {
      this.#misbehave(treatment.onSent, call)
      this.#treat(one, treatment)
    } catch (error) {
      if (one.end === undefined) this.#ended(one, 'failed')
      throw error
    }
  }

  #checkSent(call: SeenCall, attempt: Attempt<string>): void {
    const { sent, plan, deadlineAtMs } = call
    const { attemptsMax, attemptTimeoutMs, hedge } = this.policy
    const now = this.clock.now()
    const alive = sent.filter(({ end }) => end === undefined).length
    const hedges = sent.filter((one) => one.attempt.isHedge).length
    assert.ok(!call.isCancelled && call.told.length === 0, 'I1 nothing is sent for a call that is over')
    assert.ok(now < deadlineAtMs, 'I3 nothing is sent at the deadline or after it')
    assert.ok(now >= call.pausedUntilMs, 'a pause that was asked for is kept')
    assert.ok(sent.length === 0 || plan.idempotent, 'I4 only what is idempotent is sent twice')
    if (attempt.isHedge) assert.ok(hedge !== null && hedges < hedge.max && alive > 0, 'a hedge stands beside another')
    else assert.ok(sent.length - hedges < attemptsMax && alive === 0, 'attempts come one after the other')
    assert.equal(attempt.number, sent.length + 1)
    assert.deepEqual(
      [attempt.deadlineAtMs, attempt.endsAtMs],
      [deadlineAtMs, Math.min(now + attemptTimeoutMs, deadlineAtMs)],
    )
  }

  #treat(one: SentAttempt, { answer, again, inMs, afterMs }: Treatment): void {
    if (inMs === Number.POSITIVE_INFINITY) return
    const run = (): void => {
      this.settle(one, answer, afterMs)
      if (again !== undefined) this.settle(one, again, afterMs)
    }
    if (inMs === 0) {
      run()
      return
    }
    this.#ownTimers++
    this.clock.schedule(inMs, () => {
      this.#ownTimers--
      run()
    })
  }

  #told(call: SeenCall, what: string | CallFailure): void {
    assert.equal(call.isCancelled, false, 'I1 not told after cancel')
    call.told.push(what)
    call.toldAtMs = this.clock.now()
    assert.equal(call.told.length, 1, 'I1 told once')
    this.#checkTold(call, what)
    this.#misbehave(call.plan.onTold, call)
  }

  #checkTold({ sent, succeeded, deadlineAtMs }: SeenCall, what: string | CallFailure): void {
    const ends = sent.map(({ end }) => end)
    assert.ok(!ends.includes(undefined), 'I1 nothing is alive of a call that is over')
    if (typeof what === 'string') {
      assert.equal(sent[Number(what)], succeeded[0])
      return
    }
    const { reason, attempts, budgetSpent } = what
    assert.equal(attempts, sent.length)
    if (budgetSpent) assert.notEqual(this.policy.budget, null)
    if (reason === 'deadline') assert.ok(this.clock.now() >= deadlineAtMs)
    else if (reason === 'failed') assert.ok(ends.includes('failed'))
    else if (reason === 'timeout') assert.ok(ends.includes('given up'))
    else assert.notEqual(this.policy[reason === 'open' ? 'breaker' : reason], null)
  }

  #misbehave(how: Mischief, call: SeenCall): void {
    if (how === 'nothing' || ++this.#mischiefs > 30) return
    const isOdd = this.#mischiefs % 2 === 1
    if (how === 'cancel') this.cancel(isOdd ? call : this.calls[(this.#mischiefs * 7) % this.calls.length])
    if (how === 'start') this.start({ ...call.plan, onTold: 'nothing' })
    if (how === 'settle') this.settle(this.#underWay()[0], isOdd ? 'ok' : 'transient')
    if (how === 'throw') throw new Mischievous(`${this.#mischiefs}`)
  }

  #noting(run: () => void): void {
    try {
      run()
    } catch (error) {
      if (!(error instanceof Mischievous)) this.faults.push(error)
      throw error
    }
  }

  /** Lets time pass, whatever is thrown meanwhile. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.clock.now() + ms
    while (!(await quiet(() => this.clock.advance(untilMs - this.clock.now()))));
    this.check()
  }

  #underWay(): readonly SentAttempt[] {
    return this.sent.filter(({ end }) => end === undefined)
  }

  get areAllOver(): boolean {
    return this.calls.every(({ told, isCancelled }) => told.length > 0 || isCancelled)
  }

  /** What holds whenever nothing is under way in the executor itself. */
  check(): void {
    if (this.faults.length > 0) throw this.faults[0]
    const { dependency } = this.executor
    const underWay = this.#underWay()
    const now = this.clock.now()
    assert.ok(
      underWay.every(({ attempt }) => attempt.endsAtMs > now),
      'who has had its time is given up',
    )
    for (const { end, endedAtMs, attempt, call } of this.sent)
      if (end === 'given up') assert.ok(endedAtMs >= attempt.endsAtMs || call.told.length > 0 || call.isCancelled)
    const waiting = this.calls.filter(({ told, isCancelled }) => told.length === 0 && !isCancelled)
    assert.ok(
      waiting.every(({ deadlineAtMs }) => deadlineAtMs > now),
      'nobody waits beyond the deadline',
    )
    if (this.policy.bulkhead !== null) {
      const { slots, queueMax } = this.policy.bulkhead
      const { busy, queued } = dependency.bulkhead ?? { busy: -1, queued: -1 }
      assert.equal(busy, underWay.length, 'I2 a slot per attempt under way')
      assert.ok(busy <= slots && queued <= queueMax && (queued === 0 || busy === slots))
    }
    if (dependency.limit !== null) assert.equal(dependency.limit.inFlight, underWay.length, 'I2 a place per attempt')
    if (waiting.length === 0)
      assert.ok(this.clock.pending - this.#ownTimers <= 2, 'I1 no timer but those of the two lines')
    this.#checkBudget(now)
  }

  #checkBudget(now: number): void {
    const { budget } = this.policy
    if (budget?.kind !== 'ratio') return
    const extra = this.sent.filter(({ attempt }) => attempt.number > 1).length
    const bound = 1 + budget.ratio * this.calls.length + (budget.minPerSec * now) / 1000
    assert.ok(extra <= bound + 1e-6, `I4 ${extra} retries and hedges, and ${bound} are paid for`)
  }

  /** What holds when all is over: everything has been given back. */
  checkEnd(): void {
    assert.ok(this.areAllOver, 'I1 every caller is told')
    assert.deepEqual([this.#underWay(), this.clock.pending], [[], 0])
    for (const { attempt, end } of this.sent) assert.equal(attempt.signal.aborted, end === 'given up')
  }

  /** At once, because a place that is not given back becomes free after `openMs` anyway. Takes them: the last look. */
  checkProbes(): void {
    const now = this.clock.now()
    for (const shard of [undefined, 'a', 'b']) {
      const breaker = this.executor.dependency.breaker(shard, now)
      if (breaker?.state(now) !== 'half-open') continue
      for (let i = 0; i < (this.policy.breaker?.probesMax ?? 0); i++) assert.ok(breaker.admit(now) >= 0, 'a free probe')
    }
  }
}

/** Whether it went through without mischief. */
async function quiet(run: () => unknown): Promise<boolean> {
  try {
    await run()
    return true
  } catch (error) {
    if (!(error instanceof Mischievous)) throw error
    return false
  }
}

test('I1-I5 whatever policy, senders, callers and time do, every caller is told once and every place is given back', async () => {
  const plans = fc.array(steps, { minLength: 1, maxLength: 60, size: 'max' })
  await fc.assert(
    fc.asyncProperty(policies, plans, fc.integer(), async (one, plan, seed) => {
      const world = new World(one, seed)
      for (const step of plan) {
        await quiet(() => {
          if ('call' in step) world.start(step.call)
          else if ('cancel' in step) world.cancel(world.calls[step.cancel])
          else if ('settle' in step) world.settle(world.sent[step.settle], step.answer)
        })
        if ('passMs' in step) await world.pass(step.passMs)
        else world.check()
      }
      while (!world.areAllOver && world.clock.now() < 100_000) await world.pass(3)
      world.checkProbes()
      await world.pass(1000)
      world.checkEnd()
    }),
    { numRuns: 400 },
  )
})

interface Course {
  readonly sentAtMs: readonly number[]
  readonly told: string
  readonly toldAtMs: number
}

/** What one call alone must do, by arithmetic; undefined where an answer comes at the very instant of an end. */
function courseOf({ attemptTimeoutMs, attemptsMax, deadlineMs, backoff }: Policy, plan: CallPlan): Course | undefined {
  const left = plan.leftMs === undefined || Number.isNaN(plan.leftMs) ? deadlineMs : Math.min(plan.leftMs, deadlineMs)
  const sentAtMs: number[] = []
  if (left <= 0) return { sentAtMs, told: 'deadline', toldAtMs: 0 }
  for (let now = 0; ; ) {
    const treatment = plan.treatments[Math.min(sentAtMs.length, plan.treatments.length - 1)] as Treatment
    sentAtMs.push(now)
    const endsAtMs = Math.min(now + attemptTimeoutMs, left)
    if (now + treatment.inMs === endsAtMs) return undefined
    const isAnswered = now + treatment.inMs < endsAtMs
    now = isAnswered ? now + treatment.inMs : endsAtMs
    const told = isAnswered ? (treatment.answer === 'ok' ? 'ok' : 'failed') : now === left ? 'deadline' : 'timeout'
    const isLast = sentAtMs.length === attemptsMax || !plan.idempotent
    const isFinal = told === 'ok' || told === 'deadline' || (isAnswered && treatment.answer === 'permanent')
    const delay = Math.min(backoff.capMs, backoff.baseMs * 2 ** (sentAtMs.length - 1))
    const pause = isAnswered && treatment.answer === 'throttled' && treatment.afterMs > 0 ? treatment.afterMs : 0
    const next = now + Math.max(delay, pause)
    if (isFinal || isLast || next >= left) return { sentAtMs, told, toldAtMs: now }
    now = next
  }
}

test('I3 a call alone is sent, tried again and told exactly when arithmetic says so', async () => {
  const quietly = { onSent: 'nothing', onGivenUp: 'nothing' } as const
  const alone = policies.map((one): Policy => {
    const none = { budget: null, breaker: null, bulkhead: null, limit: null, hedge: null }
    return policy({ ...one, ...none, backoff: { ...one.backoff, jitter: 'none' } })
  })
  await fc.assert(
    fc.asyncProperty(alone, calls, async (one, call) => {
      const treatments = call.treatments.map((treatment) => ({ ...treatment, ...quietly }))
      const plan: CallPlan = { ...call, treatments, onTold: 'nothing' }
      const expected = courseOf(one, plan)
      if (expected === undefined) return
      const world = new World(one, 1)
      world.start(plan)
      await world.pass(1000)
      const { told, toldAtMs } = world.calls[0] as SeenCall
      const sentAtMs = world.sent.map(({ atMs }) => atMs)
      const how = told.map((what) => (typeof what === 'string' ? 'ok' : what.reason)).join()
      assert.deepEqual({ sentAtMs, told: how, toldAtMs }, expected)
    }),
    { numRuns: 400 },
  )
})
