import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep } from '../../../src/contracts/clock.ts'
import type { Context } from '../../../src/contracts/context.ts'
import type { Sql } from '../../../src/contracts/database.ts'
import { FirebreakError, isFirebreakError } from '../../../src/contracts/errors.ts'
import { type HandlerOptions, handle } from '../../../src/define/handle.ts'
import { type ServiceDefinition, service } from '../../../src/define/service.ts'
import { named } from '../../named.ts'
import { Followed, Happened, laneRetry, Outage, publishAll, scene, type Thing } from '../../thing-scene.ts'

const raw = (run: (it: Thing, ctx: Context) => Promise<void> | void, options: HandlerOptions = {}): ServiceDefinition =>
  service({ name: 'one', handlers: [handle(Happened, run, { retry: laneRetry, ...options })], publishes: [Followed] })

const write =
  (it: Thing): ((sql: Sql) => Promise<void>) =>
  async (sql) =>
    void (await sql.query('insert into effects (key, n) values ($1, $2)', [it.id, it.n]))

test('at its deadline an attempt ends, its signal aborts, and what the handler does later has no effect', async () => {
  const late: unknown[] = []
  const aborted: boolean[] = []
  const one = raw(
    async (it, ctx) => {
      const { signal } = ctx
      if (ctx.attempt > 1) return ctx.transaction(write(it))
      await sleep(app.clock, 5000)
      aborted.push(signal.aborted)
      await ctx.transaction(write({ id: 'late', n: 0 })).catch((error) => late.push(error))
      assert.throws(() => ctx.publish(Followed, it), /has already ended/)
    },
    { deadlineMs: 1000 },
  )
  const { app, effects, facts } = await scene([one])
  await publishAll(app, [['k', 1]])
  await app.advance(10_000)
  assert.deepEqual(await effects('one'), ['k:1'])
  assert.deepEqual(aborted, [true])
  assert.ok(isFirebreakError(late[0], 'FB_UNIT_ENDED'))
  const failed = facts.find((fact) => fact.kind === 'failed')
  assert.ok(failed?.kind === 'failed' && isFirebreakError(failed.error, 'FB_DELIVERY_TIMEOUT'))
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('the deadline is met at most one step late and never early', async () => {
  const one = raw(async () => sleep(app.clock, 60_000), { deadlineMs: 1000, retry: { ...laneRetry, attemptsMax: 1 } })
  const { app } = await scene([one])
  const from = app.clock.now()
  await publishAll(app, [['k', 1]])
  await app.advance(5000)
  const [letter] = await named(app, 'one').deadLetters.list()
  assert.ok(letter!.atMs >= from + 1000 && letter!.atMs <= from + 1050, `ended after ${letter!.atMs - from} ms`)
  await app.stop()
})

test('a second transaction of one delivery is refused and the first one stands', async () => {
  const one = raw(async (it, ctx) => {
    await ctx.transaction(write(it))
    await ctx.transaction(write({ id: 'twice', n: 0 }))
  })
  const { app, effects, told } = await scene([one])
  await publishAll(app, [['k', 1]])
  await app.advance(5000)
  assert.deepEqual(await effects('one'), ['k:1'])
  assert.deepEqual(told('k'), ['error-after-commit', 'done'])
  await app.stop()
})

test('a handler that hides the failure of its commit has failed all the same', async () => {
  const one = raw(async (it, ctx) => {
    await ctx
      .transaction(async (sql) => {
        await write(it)(sql)
        if (ctx.attempt < 3) throw new Error('constraint')
      })
      .catch(() => undefined)
  })
  const { app, effects, told } = await scene([one])
  await publishAll(app, [['k', 1]])
  await app.advance(5000)
  assert.deepEqual(told('k'), ['failed', 'failed', 'done'])
  assert.deepEqual(await effects('one'), ['k:1'])
  await app.stop()
})

test('a handler that hangs after its commit gives its key back at the deadline', async () => {
  const one = raw(
    async (it, ctx) => {
      await ctx.transaction(write(it))
      if (it.n === 1) await new Promise(() => {})
    },
    { deadlineMs: 1000 },
  )
  const { app, effects, told } = await scene([one])
  await publishAll(app, [
    ['k', 1],
    ['k', 2],
  ])
  await app.advance(5000)
  assert.deepEqual(await effects('one'), ['k:1', 'k:2'])
  assert.deepEqual(told('k'), ['error-after-commit', 'done', 'done'])
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('a commit that ends after the deadline of a hanging handler gives the key back too', async () => {
  const around = new Outage()
  const call = around.call.bind(around)
  around.call = async (at, run) => {
    if (at.method === 'commit' && at.port === 'database' && slow) await sleep(app.clock, 3000)
    return call(at, run)
  }
  let slow = false
  const one = raw(
    async (it, ctx) => {
      slow = it.n === 1
      await ctx.transaction(write(it))
      slow = false
      if (it.n === 1) await new Promise(() => {})
    },
    { deadlineMs: 1000 },
  )
  const { app, effects } = await scene([one], { around })
  await publishAll(app, [
    ['k', 1],
    ['k', 2],
  ])
  await app.advance(20_000)
  assert.deepEqual(await effects('one'), ['k:1', 'k:2'])
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('a handler that throws while its transaction is under way counts by what the commit says', async () => {
  const one = raw(async (it, ctx) => {
    void ctx.transaction(write(it))
    throw new Error('did not wait')
  })
  const { app, effects, told, count } = await scene([one])
  await publishAll(app, [
    ['k', 1],
    ['k', 2],
  ])
  await app.advance(5000)
  assert.deepEqual(await effects('one'), ['k:1', 'k:2'])
  assert.deepEqual(told('k'), ['error-after-commit', 'done', 'error-after-commit', 'done'])
  assert.equal(count('halted'), 0)
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

test('a transaction that nobody awaits and that fails is a failed attempt, not the end of the process', async () => {
  const one = raw((it, ctx) => {
    void ctx.transaction(async (sql) => {
      await write(it)(sql)
      if (ctx.attempt === 1) throw new Error('constraint')
    })
  })
  const { app, effects, told } = await scene([one])
  await publishAll(app, [['k', 1]])
  await app.advance(5000)
  assert.deepEqual(told('k'), ['failed', 'done'])
  assert.deepEqual(await effects('one'), ['k:1'])
  await app.stop()
})

test('an event published too late for its commit is refused, never lost in silence', async () => {
  const refused: unknown[] = []
  const around = new Outage()
  let isWatching = false
  let late: (() => void) | undefined
  around.statement = (sql) => {
    // The ledger writes progress last: the events of the unit have been collected by then.
    if (isWatching && sql.startsWith('UPDATE fb_partitions SET first_position')) late?.()
  }
  const one = raw(async (it, ctx) => {
    late = () => {
      try {
        ctx.publish(Followed, it)
      } catch (error) {
        refused.push(error)
      }
    }
    isWatching = true
    await ctx.transaction(write(it))
    isWatching = false
  })
  const { app } = await scene([one], { around })
  await publishAll(app, [['k', 1]])
  assert.equal(refused.length + (await app.published(Followed)).length, 1)
  assert.ok(isFirebreakError(refused[0], 'FB_UNIT_ENDED'))
  await app.stop()
})

test('an event that is published after its commit is refused and told, at once or later, hidden or not', async () => {
  let kept: (() => void) | undefined
  const one = raw(async (it, ctx) => {
    await ctx.transaction(write(it))
    kept = () => ctx.publish(Followed, it)
    if (it.n === 1) kept()
    if (it.n === 2) assert.throws(kept, /after whose commit thing\.followed was added, has already ended/)
  })
  const { app, told, facts } = await scene([one])
  await publishAll(app, [['k', 1]])
  assert.deepEqual(told('k'), ['error-after-commit', 'done'])
  await publishAll(app, [['l', 2]])
  assert.deepEqual(told('l'), ['error-after-commit', 'done'])
  await publishAll(app, [['m', 3]])
  assert.deepEqual(told('m'), ['done'])
  assert.throws(() => kept?.(), { code: 'FB_UNIT_ENDED' })
  assert.deepEqual(told('m'), ['done', 'error-after-commit'])
  const errors = facts.filter((fact) => fact.kind === 'error-after-commit').map(({ error }) => error)
  assert.ok(errors.every((error) => isFirebreakError(error, 'FB_UNIT_ENDED')))
  assert.equal((await app.published(Followed)).length, 0)
  await app.stop()
})

test('an event that is published while a failed attempt ends is published by the next attempt, and nothing is told as lost', async () => {
  const one = raw(async (it, ctx) => {
    await ctx.transaction(async (sql) => {
      await write(it)(sql)
      ctx.publish(Followed, it)
      if (ctx.attempt === 1) throw new Error('once')
    })
  })
  const { app, facts } = await scene([one])
  await publishAll(app, [['k', 1]])
  await app.advance(10_000)
  assert.equal((await app.published(Followed)).length, 1)
  assert.ok(!facts.some(({ kind }) => kind === 'error-after-commit'))
  await app.stop()
})

test('an event published through an outside transaction that has ended is refused', async () => {
  const { app } = await scene([raw(() => {})])
  let kept: ((n: number) => void) | undefined
  await named(app, 'one').runtime.transaction(async (tx) => {
    kept = (n) => tx.publish(Followed, { id: 'k', n })
    kept(1)
  })
  assert.throws(() => kept!(2), /has already ended/)
  await app.settle()
  assert.equal((await app.published(Followed)).length, 1)
  await app.stop()
})

test('a transaction body that throws leaves neither rows nor events nor a mark', async () => {
  const one = raw((it, ctx) =>
    ctx.transaction(async (sql) => {
      await write(it)(sql)
      ctx.publish(Followed, it)
      if (ctx.attempt < 3) throw new Error('constraint')
    }),
  )
  const { app, effects } = await scene([one])
  await publishAll(app, [['k', 1]])
  assert.equal((await named(app, 'one').ledger()).marks, 0)
  await app.advance(5000)
  assert.deepEqual(await effects('one'), ['k:1'])
  assert.equal((await app.published(Followed)).length, 1)
  await app.stop()
})

test('a failing unit does not drag its neighbours in the group commit along', async () => {
  const { app, effects } = await scene([
    raw((it, ctx) =>
      ctx.transaction(async (sql) => {
        await write(it)(sql)
        if (it.id === 'bad') await sql.query('insert into no_such_table values (1)')
      }),
    ),
  ])
  await named(app, 'one').crash()
  await publishAll(app, [
    ['a', 1],
    ['bad', 1],
    ['b', 1],
  ])
  await named(app, 'one').restart()
  await app.advance(5000)
  assert.deepEqual((await effects('one')).toSorted(), ['a:1', 'b:1'])
  assert.equal((await named(app, 'one').deadLetters.list()).length, 1)
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('when the commit fails after the handler has returned, its signal ends what goes on without it', async () => {
  const around = new Outage()
  const signals: AbortSignal[] = []
  const one = raw((_, { signal }) => {
    signals.push(signal)
    around.databaseAway = signals.length === 1
  })
  const { app, count } = await scene([one], { around })
  await publishAll(app, [['k', 1]])
  around.databaseAway = false
  await app.advance(5000)
  assert.equal(count('done'), 1)
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, false],
  )
  await app.stop()
})

test('a constraint that fails only at the commit costs its own unit, and its neighbours publish once', async () => {
  const one = raw((it, ctx) =>
    ctx.transaction(async (sql) => {
      await write(it)(sql)
      ctx.publish(Followed, it)
      if (it.id === 'bad') await sql.query('insert into child (parent) values (1)')
    }),
  )
  const { app, effects } = await scene([one])
  await named(app, 'one').database.query('create table parent (id integer primary key)')
  const late = 'references parent (id) deferrable initially deferred'
  await named(app, 'one').database.query(`create table child (parent integer ${late})`)
  await named(app, 'one').crash()
  await publishAll(app, [
    ['a', 1],
    ['bad', 1],
    ['b', 1],
  ])
  await named(app, 'one').restart()
  await app.advance(5000)
  assert.deepEqual((await effects('one')).toSorted(), ['a:1', 'b:1'])
  assert.deepEqual((await app.published(Followed)).map(({ key }) => key).toSorted(), ['a', 'b'])
  assert.equal((await named(app, 'one').deadLetters.list()).length, 1)
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

test('an event that is not declared is a bug of the handler: a dead letter, no effect', async () => {
  const one = service({ name: 'one', handlers: [handle(Happened, (it, ctx) => ctx.publish(Followed, it))] })
  const { app } = await scene([one])
  await publishAll(app, [['k', 1]])
  const [letter] = await named(app, 'one').deadLetters.list()
  assert.equal(letter?.errorClass, 'FB_NOT_PUBLISHABLE')
  await app.stop()
})

test('a ledger in doubt halts the service before another record of that key is handled', async () => {
  const around = new Outage()
  const call = around.call.bind(around)
  let isBroken = false
  around.call = async (at, run) => {
    if (isBroken && at.method === 'commit') throw new FirebreakError('FB_INVARIANT', { claim: 'planted' })
    return call(at, run)
  }
  const one = raw((it, ctx) => {
    isBroken = true
    return ctx.transaction(write(it))
  })
  const { app, effects, count } = await scene([one], { around })
  await publishAll(app, [
    ['k', 1],
    ['k', 2],
    ['k', 3],
  ])
  await app.advance(10_000)
  assert.equal(count('halted'), 1)
  assert.deepEqual(await effects('one'), [])
  await assert.rejects(named(app, 'one').runtime.done, /planted/)
  await app.stop()
})
