import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Attempt, AttemptFailure, Caller, CallFailure } from '../../../src/policy/attempt.ts'
import { policy } from '../../../src/policy/definition/policy.ts'
import type { PolicySpec } from '../../../src/policy/definition/policy-spec.ts'
import { Executor } from '../../../src/policy/executor.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'

const bare = { backoff: { jitter: 'none', baseMs: 50, capMs: 200 }, breaker: null, budget: null } as const
const broken = new Error('broken')
const transient: AttemptFailure = { kind: 'transient', error: broken }

function scene(spec: PolicySpec = {}) {
  const clock = virtualClock(0)
  const executor = new Executor(policy({ ...bare, ...spec }), { name: 'pricing', clock, random: () => 0.5 })
  const sent: Attempt<string>[] = []
  const keep = (attempt: Attempt<string>): void => void sent.push(attempt)
  return { clock, executor, sent, keep, bulkhead: executor.dependency.bulkhead }
}

/** A caller that notes what it is told, and then does `then`. */
function caller(then: () => void = () => {}) {
  const told: string[] = []
  const succeeded = (value: string): void => {
    told.push(value)
    then()
  }
  const failed = ({ reason }: CallFailure): void => {
    told.push(reason)
    then()
  }
  return { told, succeeded, failed } satisfies Caller<string> & { told: string[] }
}

const fail = (): void => {
  throw broken
}

const oneSlot = { bulkhead: { slots: 1, queueMax: 100_000, queueWaitMaxMs: 1000 } } as const

test('the next in the queue is sent after the call that made way for it was told', () => {
  const { executor, sent, bulkhead } = scene(oneSlot)
  const order: string[] = []
  const send = (attempt: Attempt<string>): void => {
    sent.push(attempt)
    order.push(`sent ${sent.length}`)
  }
  executor.start(
    send,
    caller(() => order.push('told')),
  )
  executor.start(send, caller())
  sent[0]?.succeed('yes')
  assert.deepEqual(order, ['sent 1', 'told', 'sent 2'])
  assert.equal(bulkhead?.busy, 1)
})

test('a call that is cancelled while another takes over its slot is told before that or not at all', () => {
  const { executor, sent, keep } = scene(oneSlot)
  const first = caller()
  const call = executor.start(keep, first)
  let toldBefore = -1
  executor.start(() => {
    toldBefore = first.told.length
    call.cancel()
  }, caller())
  sent[0]?.succeed('yes')
  assert.deepEqual([toldBefore, first.told], [1, ['yes']])
})

test('a call that its caller starts when it is told does not get past those that wait', () => {
  const { executor, sent, keep, bulkhead } = scene({ bulkhead: { slots: 1, queueMax: 1, queueWaitMaxMs: 1000 } })
  const newcomer = caller()
  const starts = caller(() => executor.start(keep, newcomer))
  executor.start(keep, starts)
  const waiting = caller()
  executor.start(keep, waiting)
  sent[0]?.succeed('one')
  assert.equal(bulkhead?.queued, 1)
  sent[1]?.succeed('two')
  assert.deepEqual(waiting.told, ['two'])
  sent[2]?.succeed('three')
  assert.deepEqual(newcomer.told, ['three'])
})

test('a long queue of senders that answer at once is worked off', () => {
  const { executor, sent, keep, bulkhead } = scene(oneSlot)
  executor.start(keep, caller())
  const all = caller()
  for (let i = 0; i < 50_000; i++) executor.start((attempt: Attempt<string>) => attempt.succeed('yes'), all)
  sent[0]?.succeed('first')
  assert.equal(all.told.length, 50_000)
  assert.deepEqual([bulkhead?.busy, bulkhead?.queued], [0, 0])
})

test('a long queue is turned away when the breaker opens', () => {
  const { executor, sent, keep, bulkhead } = scene({ ...oneSlot, attemptsMax: 1, breaker: { callsMin: 1 } })
  executor.start(keep, caller())
  const all = caller()
  for (let i = 0; i < 50_000; i++) executor.start(keep, all)
  sent[0]?.fail(transient)
  assert.deepEqual([all.told.length, new Set(all.told)], [50_000, new Set(['open'])])
  assert.deepEqual([bulkhead?.busy, bulkhead?.queued], [0, 0])
})

test('a caller that throws when it is told harms neither its own places nor those that wait', () => {
  for (const end of [(one: Attempt<string>) => one.succeed('yes'), (one: Attempt<string>) => one.fail(transient)]) {
    const { executor, sent, keep, bulkhead } = scene({ ...oneSlot, attemptsMax: 1 })
    executor.start(keep, caller(fail))
    executor.start((attempt: Attempt<string>) => attempt.succeed('at once'), caller(fail))
    executor.start(keep, caller())
    assert.throws(() => end(sent[0]!), /broken/)
    assert.deepEqual([sent.length, bulkhead?.busy, bulkhead?.queued], [2, 1, 0])
    sent[1]?.succeed('yes')
    assert.equal(bulkhead?.busy, 0)
  }
})

test('a caller that throws when its time is over does not keep others waiting', async () => {
  const { clock, executor, keep, bulkhead } = scene({ attemptsMax: 1 })
  const others = [caller(), caller()]
  executor.start(keep, caller(fail))
  for (const other of others) executor.start(keep, other)
  await assert.rejects(clock.advance(500), /broken/)
  await clock.advance(1)
  assert.deepEqual(
    others.map(({ told }) => told),
    [['timeout'], ['timeout']],
  )
  assert.equal(bulkhead?.busy, 0)
})

test('a sender that throws on being given up leaves its call told and its places free', async () => {
  const { clock, executor, sent, bulkhead } = scene({ budget: { ratio: 5 }, hedge: { after: 100, max: 2 } })
  let givenUp = 0
  const send = (attempt: Attempt<string>): void => {
    sent.push(attempt)
    attempt.onGivenUp = () => {
      givenUp++
      fail()
    }
  }
  const one = caller()
  executor.start(send, one)
  await clock.advance(250)
  assert.equal(sent.length, 3)
  assert.throws(() => sent[2]?.succeed('hedge'), /broken/)
  assert.deepEqual([one.told, givenUp, bulkhead?.busy], [['hedge'], 2, 0])
})

test('who cancels the call on being given up is obeyed', async () => {
  const { clock, executor, sent, bulkhead } = scene()
  const one = caller()
  const call = executor.start((attempt: Attempt<string>) => {
    sent.push(attempt)
    attempt.onGivenUp = () => call.cancel()
  }, one)
  await clock.advance(5000)
  assert.deepEqual([one.told, sent.length, bulkhead?.busy], [[], 1, 0])
  assert.equal(clock.pending, 0)
})

test('an attempt that ends its sibling on being given up does not tell the caller twice', async () => {
  const { clock, executor, sent, keep, bulkhead } = scene({ budget: { ratio: 5 }, hedge: { after: 100, max: 2 } })
  const one = caller()
  executor.start(keep, one)
  await clock.advance(250)
  sent[0]!.onGivenUp = () => sent[1]?.succeed('sibling')
  sent[2]?.succeed('winner')
  assert.deepEqual([one.told, bulkhead?.busy], [['winner'], 0])
})

test('who cancels a call when its other attempt is given up is not told any more, whether it was won or lost', async () => {
  for (const end of [
    (one: Attempt<string>) => one.succeed('yes'),
    (one: Attempt<string>) => one.fail({ kind: 'permanent', error: broken }),
  ]) {
    const { clock, executor, sent, keep, bulkhead } = scene({ budget: { ratio: 5 }, hedge: { after: 100, max: 1 } })
    const one = caller()
    const call = executor.start(keep, one)
    await clock.advance(100)
    sent[0]!.onGivenUp = () => call.cancel()
    end(sent[1]!)
    assert.deepEqual([one.told, bulkhead?.busy], [[], 0])
  }
})

test('a call that fails although giving up its other attempt throws is told so', async () => {
  const { clock, executor, sent, keep, bulkhead } = scene({ budget: { ratio: 5 }, hedge: { after: 100, max: 1 } })
  const one = caller()
  executor.start(keep, one)
  await clock.advance(100)
  sent[0]!.onGivenUp = fail
  assert.throws(() => sent[1]?.fail({ kind: 'permanent', error: broken }), /broken/)
  assert.deepEqual([one.told, bulkhead?.busy], [['failed'], 0])
})
