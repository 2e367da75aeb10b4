import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call } from '../../../src/define/call.ts'
import { guarded } from '../../../src/gateway/guarded.ts'
import type { Fetch } from '../../../src/node/fetch.ts'
import { policy } from '../../../src/policy/definition/policy.ts'
import type { PolicySpec } from '../../../src/policy/definition/policy-spec.ts'
import { type Caller, createCaller } from '../../../src/runtime/calls/caller.ts'
import { seededEntropy } from '../../../src/testing/virtual-time/seeded-entropy.ts'
import { type VirtualClock, virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'
import { json } from '../../call-scene.ts'

interface Chain {
  readonly clock: VirtualClock
  readonly client: Caller
  /** When something started anywhere, for which call of the client. */
  readonly starts: { readonly atMs: number; readonly at: 'first' | 'second' | 'leaf'; readonly root: string }[]
  /** Sends one call, whatever becomes of it. */
  send(): void
  /** Sends `perSec` calls a second for so long. Resolves to the attempts at the leaf per call. */
  offer(seconds: number, perSec: number): Promise<number>
}

/**
 * client -> first -> second -> leaf, each a process of its own that calls the next one with three attempts, in virtual time.
 * The leaf is dead.
 */
function chain(spec: PolicySpec, options: { servers: 'naive' | 'guarded'; leaf?: 'fails' | 'hangs' }): Chain {
  const clock = virtualClock(0)
  const starts: Chain['starts'] = []
  const next = call({
    name: 'next.get',
    to: 'next',
    method: 'GET',
    path: '/',
    policy: policy({ bulkhead: null, ...spec }),
  })
  const callerOf = (fetch: Fetch, seed: number): Caller =>
    createCaller({ endpoints: { next: 'http://next' }, clock, entropy: seededEntropy(seed, clock), fetch })
  const note = (at: Chain['starts'][number]['at'], headers: Headers): void => {
    starts.push({ atMs: clock.now(), at, root: headers.get('x-correlation-id') ?? '' })
  }
  const leaf: Fetch = async (_, init) => {
    note('leaf', new Headers(init.headers))
    return options.leaf === 'hangs' ? new Promise(() => {}) : json({}, 500)
  }
  const server = (name: 'first' | 'second', behind: Caller): Fetch => {
    const work = guarded(
      async (request, ctx) => {
        note(name, request.headers)
        return json(await behind.call(next, {}, ctx))
      },
      { concurrency: 100_000, clock },
    )
    const naive = async (request: Request): Promise<Response> => {
      note(name, request.headers)
      const correlationId = request.headers.get('x-correlation-id') ?? ''
      return behind.call(next, {}, { correlationId }).then(json, () => json({}, 500))
    }
    const handler = options.servers === 'guarded' ? work : naive
    return (url, init) => handler(new Request(url, init))
  }
  const client = callerOf(server('first', callerOf(server('second', callerOf(leaf, 3)), 2)), 1)
  const send = (): void => {
    const correlationId = `${clock.now()}#${starts.length}`
    client.call(next, {}, { correlationId }).catch(() => undefined)
  }
  return {
    clock,
    client,
    starts,
    send,
    async offer(seconds, perSec) {
      for (let sent = 0; sent < seconds * perSec; sent++) {
        send()
        await clock.advance(1000 / perSec)
      }
      await clock.advance(60_000)
      return starts.filter(({ at }) => at === 'leaf').length / (seconds * perSec)
    },
  }
}

const noWait = { jitter: 'none', baseMs: 0, capMs: 0 } as const

test('three layers of three attempts without budgets send 27 requests to a dead leaf for each call', async () => {
  const naive = chain({ budget: null, breaker: null, backoff: noWait }, { servers: 'naive' })
  assert.equal(await naive.offer(2, 20), 27)
})

test('with the default budgets they send less than 1.2, without the help of any breaker', async () => {
  const budgets = chain({ breaker: null }, { servers: 'naive' })
  const attempts = await budgets.offer(40, 200)
  assert.ok(attempts > 1.1 && attempts <= 1.2, `${attempts} attempts per call`)
})

test('servers that say that they have tried again already keep retries to one layer', async () => {
  const budgets = chain({ breaker: null }, { servers: 'guarded' })
  const attempts = await budgets.offer(20, 200)
  assert.ok(attempts > 1 && attempts <= 1.08, `${attempts} attempts per call`)
  const alone = chain({ breaker: null, budget: null, backoff: noWait }, { servers: 'guarded' })
  assert.equal(await alone.offer(2, 20), 3)
})

test('with the default policy the breaker before the dead leaf opens, and next to nothing reaches it', async () => {
  const defaults = chain({}, { servers: 'guarded' })
  const attempts = await defaults.offer(20, 200)
  assert.ok(attempts <= 0.05, `${attempts} attempts per call`)
})

test('nothing starts anywhere after the deadline of the call that it is for', async () => {
  const hanging = chain({ breaker: null, budget: null }, { servers: 'guarded', leaf: 'hangs' })
  await hanging.offer(20, 20)
  assert.ok(hanging.starts.length > 1000)
  for (const { atMs, at, root } of hanging.starts) {
    const deadlineAtMs = Number(root.split('#')[0]) + 2000
    assert.ok(atMs < deadlineAtMs, `${at} started ${atMs - deadlineAtMs} ms too late`)
  }
})
