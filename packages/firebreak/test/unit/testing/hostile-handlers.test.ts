import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { sleep } from '../../../src/contracts/clock.ts'
import type { Context } from '../../../src/contracts/context.ts'
import { FirebreakError, permanent } from '../../../src/contracts/errors.ts'
import type { Schema } from '../../../src/contracts/schema.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { type OddValue, oddThenables, oddValues } from '../../../src/testing/hostile/values.ts'
import { named } from '../../named.ts'
import { Followed, Happened, laneRetry, publishAll, type Scene, scene, type Thing } from '../../thing-scene.ts'

const half = (): number => 0.5

type Body = (body: never) => Promise<unknown>
type Run = (thing: Thing, ctx: Context) => unknown

// Somebody who asks for a pause is not counted: its age ends it.
const retry = { ...laneRetry, ageMaxMs: 3000 } as const

/** A service whose handler is `run`; what it returns goes back to the runtime as it is. */
const raw = (run: Run, deadlineMs = 1000): Parameters<typeof scene>[0][number] =>
  service({
    name: 'one',
    publishes: [Followed],
    handlers: [handle(Happened, run as (it: Thing, ctx: Context) => void, { retry, deadlineMs })],
  })

const letterOf = async (
  { app }: Scene,
  key: string,
): Promise<{ reason: string; message: string; attempts: number }> => {
  const letter = (await named(app, 'one').deadLetters.list({ max: 1000 })).find(({ entry }) => entry.key === key)
  assert.ok(letter !== undefined, `${key} is a letter`)
  return { reason: letter.reason, message: letter.message, attempts: letter.attempts.length }
}

async function assertAlive({ app, count }: Scene): Promise<void> {
  assert.equal(count('halted'), 0)
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
}

test('an error that cannot be described is a failed attempt, in the end a dead letter, and other keys go on', async () => {
  const row = Object.assign(Object.create(null), { id: 'bad' })
  const set = await scene([
    raw((it, ctx) => {
      if (it.id === 'bad') throw new Error('there already', { cause: row })
      return ctx.transaction((sql) => sql.query('insert into effects (key, n) values ($1, $2)', [it.id, it.n]))
    }),
  ])
  const { app, effects } = set
  await publishAll(app, [
    ['bad', 1],
    ['good', 1],
  ])
  await app.advance(10_000)
  assert.deepEqual(await effects('one'), ['good:1'])
  assert.deepEqual(await letterOf(set, 'bad'), { reason: 'exhausted', message: 'there already', attempts: 3 })
  await assertAlive(set)
  await app.stop()
})

test('whatever a handler throws, rejects with or throws in its transaction ends within its policy', async () => {
  const random = (): number => 0.5
  const set = await scene([
    raw((it, ctx) => {
      const { make } = oddValues[it.n] as (typeof oddValues)[number]
      const value = make(random)
      if (it.id.startsWith('throw')) throw value
      if (it.id.startsWith('reject')) return Promise.reject(value)
      return ctx.transaction(() => Promise.reject(value))
    }),
  ])
  const { app } = set
  const ways = ['throw', 'reject', 'body']
  const things = oddValues.flatMap(({ name }, n) => ways.map((way): [string, number] => [`${way}-${name}`, n]))
  await publishAll(app, things)
  await app.advance(30_000)
  const letters = await named(app, 'one').deadLetters.list({ max: 1000 })
  const dead = new Set(letters.map(({ entry }) => entry.key))
  assert.deepEqual(
    things.map(([id]) => id).filter((id) => !dead.has(id)),
    [],
  )
  assert.ok(letters.every(({ crash }) => !crash))
  await assertAlive(set)
  await app.stop()
})

test('what a handler returns is nobody’s business, and promises of any make are waited for once', async () => {
  const set = await scene([raw((it) => (oddThenables[it.n] as (typeof oddThenables)[number]).make(() => 0.5))])
  const { app, told } = set
  await publishAll(
    app,
    oddThenables.map(({ name }, n) => [name, n]),
  )
  await app.advance(30_000)
  const done = oddThenables.map(({ name }) => name).filter((name) => told(name).includes('done'))
  assert.deepEqual(done, ['then-calls-twice', 'then-resolves-to-itself', 'promise-of-another-realm'])
  assert.equal(
    (await letterOf(set, 'then-never-calls')).message,
    'the handler of thing.happened did not end within 1000 ms',
  )
  assert.equal((await letterOf(set, 'then-throws')).message, 'this must not be touched')
  await assertAlive(set)
  await app.stop()
})

test('an event whose asynchronous schema refuses it ends no process when the transaction around it fails', async () => {
  const schema = { '~standard': { version: 1, vendor: 'any', validate: () => Promise.reject(new Error('no idea')) } }
  const Late = event({
    type: 'late.said',
    topic: 'late',
    key: 'id' as never,
    schema: schema as unknown as Schema<Thing>,
  })
  const one = service({ name: 'one', publishes: [Late] })
  const { app } = await scene([one])
  const failing = named(app, 'one').runtime.transaction(async (tx) => {
    tx.publish(Late, { id: 'k', n: 1 })
    throw new Error('the body failed first')
  })
  await assert.rejects(failing, /the body failed first/)
  await app.stop()
})

test('a builder of queries that a handler returns is waited for, like a promise', async () => {
  let ran = 0
  // biome-ignore lint/suspicious/noThenProperty: a builder of queries has one
  const builder = { then: (resolve: () => void) => sleep(set.app.clock, 100).then(() => ++ran && resolve()) }
  const set: Scene = await scene([raw(() => builder)])
  await publishAll(set.app, [['k', 1]])
  assert.deepEqual(set.told('k'), [])
  await set.app.advance(200)
  assert.deepEqual([set.told('k'), ran], [['done'], 1])
  await set.app.stop()
})

test('an error of another firebreak object is a failed attempt: it says nothing of our own ledger', async () => {
  const errors = {
    config: () => event({ type: 'NOT LOWER', topic: 't', key: 'id', schema: z.object({ id: z.string() }) }),
    invariant: () => Promise.reject(new FirebreakError('FB_INVARIANT', { claim: 'of somebody else' })),
    fenced: () => Promise.reject(new FirebreakError('FB_FENCED', { partition: 'other/0' })),
    closed: () => Promise.reject(new FirebreakError('FB_CLOSED', { what: 'another runtime' })),
    corrupt: () => Promise.reject(new FirebreakError('FB_DATABASE_CORRUPT', { path: 'other', reason: 'torn' })),
    away: () => Promise.reject(new FirebreakError('FB_LOG_UNAVAILABLE', { path: 'other', reason: 'away' })),
    crash: () => Promise.reject(new FirebreakError('FB_CRASH_SUSPECT', { deaths: 3 })),
  }
  const set = await scene([raw((it) => errors[it.id as keyof typeof errors]())])
  await publishAll(
    set.app,
    Object.keys(errors).map((name) => [name, 1]),
  )
  await set.app.advance(10_000)
  const found: Record<string, string> = {}
  for (const name of Object.keys(errors)) {
    const { reason, attempts } = await letterOf(set, name)
    found[name] = `${reason} after ${attempts}`
  }
  const [once, often] = ['permanent after 1', 'exhausted after 3']
  assert.deepEqual(found, {
    ...{ config: once, invariant: once, fenced: often, closed: often, corrupt: often, away: often },
    crash: once,
  })
  await assertAlive(set)
  await set.app.stop()
})

test('the methods of a context can be taken off it, and what a handler sets on it reaches nobody', async () => {
  const set = await scene([
    raw(async (it, ctx) => {
      const { transaction, publish, envelope } = ctx
      Object.assign(ctx, { outcome: 'duplicate', failure: new Error('mine'), note: 'own' })
      assert.throws(() => Object.assign(envelope, { id: 'other' }), TypeError)
      await transaction(async (sql) => {
        await sql.query('insert into effects (key, n) values ($1, $2)', [it.id, it.n])
        publish(Followed, it)
      })
    }),
  ])
  await publishAll(set.app, [['k', 1]])
  assert.deepEqual(await set.effects('one'), ['k:1'])
  assert.deepEqual(set.told('k'), ['done'])
  assert.equal((await set.app.published(Followed)).length, 1)
  await set.app.stop()
})

test('a context that is kept is refused to the next event, and an error that is kept changes nothing', async () => {
  let kept: Context | undefined
  let keptError: unknown
  const set = await scene([
    raw(async (it, ctx) => {
      kept ??= ctx
      if (it.n === 1) {
        await ctx.transaction(async () => {})
        await ctx
          .transaction(async () => {})
          .catch((error) => {
            keptError = error
          })
        return
      }
      if (it.n === 2) return kept.publish(Followed, it)
      throw keptError
    }),
  ])
  await publishAll(set.app, [
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ])
  await set.app.advance(5000)
  for (const key of ['b', 'c'])
    assert.match(
      (await letterOf(set, key)).message,
      /^the unit of work of thing.happened \(attempt 1\)[^)]* has already ended/,
    )
  await assertAlive(set)
  await set.app.stop()
})

test('what cannot be written as JSON, or has no key, is a contract error at once', async () => {
  const schema = { '~standard': { version: 1, vendor: 'any', validate: (value: unknown) => ({ value }) } }
  const Said = event({ type: 'loose.said', topic: 'loose', key: 'id' as never, schema: schema as Schema<Thing> })
  const cyclic: Record<string, unknown> = { id: 'k' }
  cyclic['self'] = cyclic
  const touchy = { id: 'k', toJSON: () => assert.fail('no') }
  const payloads: Record<string, unknown> = {
    ...{ bigint: { id: 'k', n: 1n }, cyclic, touchy, nothing: undefined, none: null, keyless: {} },
    proxy: new Proxy({}, { get: () => assert.fail('no'), ownKeys: () => assert.fail('no') }),
  }
  const one = service({
    name: 'one',
    publishes: [Said],
    handlers: [handle(Happened, (it, ctx) => ctx.publish(Said, payloads[it.id] as Thing), { retry: laneRetry })],
  })
  const set = await scene([one])
  await publishAll(
    set.app,
    Object.keys(payloads).map((name) => [name, 1]),
  )
  await set.app.advance(5000)
  for (const name of Object.keys(payloads)) {
    const { reason, attempts, message } = await letterOf(set, name)
    assert.deepEqual([reason, attempts], ['contract', 1], name)
    assert.match(
      message,
      /^loose.said v1 does not fit its schema: (it cannot be written as JSON|it is null, a tombstone|id: is the key)/,
    )
  }
  await assertAlive(set)
  await set.app.stop()
})

test('promises of a context that nobody awaits end no process, and the attempt knows of them', async () => {
  const set = await scene([
    raw((it, ctx) => {
      void ctx.transaction(() => Promise.reject(permanent(`refused ${it.id}`)))
      void ctx.call({ kind: 'call' } as never, {} as never)
    }),
  ])
  await publishAll(set.app, [['k', 1]])
  await set.app.advance(1000)
  assert.deepEqual(await letterOf(set, 'k'), { reason: 'permanent', message: 'refused k', attempts: 1 })
  await assertAlive(set)
  await set.app.stop()
})

test('each attempt gets the payload as it was published, whatever the attempt before did to it', async () => {
  const seen: number[] = []
  const set = await scene([
    raw((it) => {
      seen.push(it.n)
      it.n += 100
      throw new Error('again')
    }),
  ])
  await publishAll(set.app, [['k', 1]])
  await set.app.advance(5000)
  assert.deepEqual(seen, [1, 1, 1])
  await set.app.stop()
})

test('a transaction without a body, and one whose body returns a promise of itself, end at once', async () => {
  const itself = (): object =>
    (oddThenables.find(({ name }) => name === 'then-resolves-to-itself') as OddValue).make(half) as object
  const bodies: Record<string, unknown> = { none: undefined, text: 'select 1', itself }
  const set: Scene = await scene([
    raw(async (it, ctx) => {
      const [where = '', what = ''] = it.id.split(' ')
      const transaction: Body = where === 'ctx' ? ctx.transaction : named(set.app, 'one').runtime.transaction
      await transaction.call(named(set.app, 'one').runtime, bodies[what] as never)
    }),
  ])
  const { app, told } = set
  const kinds = ['ctx', 'runtime'].flatMap((where) => Object.keys(bodies).map((what) => `${where} ${what}`))
  await publishAll(
    app,
    kinds.map((kind) => [kind, 1]),
  )
  await app.advance(5000)
  for (const where of ['ctx', 'runtime']) {
    const message = `a statement cannot be run as written: its body is no function; it is: ${where}.transaction(body)`
    for (const what of ['none', 'text'])
      assert.deepEqual(await letterOf(set, `${where} ${what}`), { reason: 'permanent', message, attempts: 1 })
    assert.deepEqual(told(`${where} itself`), ['done'])
  }
  await assertAlive(set)
  await app.stop()
})

test('a cause that no header can carry is a contract error, and no failure of the database', async () => {
  const set: Scene = await scene([
    raw((it) => {
      const odd = {
        a: { correlationId: 7n },
        b: { correlationId: 'c', causationId: {} },
        c: { correlationId: Symbol('c') },
      }
      const cause = odd[it.id as 'a'] as never
      const runtime = named(set.app, 'one').runtime
      if (it.n === 1) return runtime.publish(Followed, it, cause)
      return runtime.transaction(async (tx) => tx.publish(Followed, it), cause)
    }),
  ])
  await publishAll(set.app, [
    ['a', 1],
    ['b', 2],
    ['c', 2],
  ])
  await set.app.advance(5000)
  const messages = await Promise.all(['a', 'b', 'c'].map(async (key) => (await letterOf(set, key)).message))
  const said = 'thing.followed v1 does not fit its schema:'
  assert.deepEqual(messages, [
    `${said} correlationId of its cause must be text, not 7`,
    `${said} causationId of its cause must be text, not {}`,
    `${said} correlationId of its cause must be text, not Symbol(c)`,
  ])
  await assertAlive(set)
  await set.app.stop()
})
