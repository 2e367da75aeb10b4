import { sleep } from '../../contracts/clock.ts'
import type { Sql } from '../../contracts/database.ts'
import { type Act, actsOf, follow, never, type Setting, thenable, unit, untyped } from './act.ts'
import { trespass } from './tables.ts'

const { done, letter, either } = actsOf('context')

/** Does what must be refused, and goes on as if nothing had been. */
async function regardless(attempt: () => unknown): Promise<void> {
  try {
    await attempt()
  } catch {}
}

const body = (sql: Sql): Promise<unknown> => sql.query(trespass)

/** Ways to write through something else than the handle of the unit, while the unit is open. */
const besides: readonly (readonly [kind: string, write: (setting: Setting) => Promise<unknown>])[] = [
  ['its-own-transaction', ({ ctx }) => ctx.transaction(body)],
  ['a-transaction-of-the-runtime', ({ runtime }) => runtime.transaction(body)],
  ['a-statement-of-the-database', ({ database }) => database.query(trespass)],
  ['a-transaction-of-the-database', ({ database }) => database.transaction(body)],
  ['a-commit-of-the-database', ({ database }) => database.commit([async (sql) => void (await body(sql))])],
]

/** Payloads that no event may carry. */
const payloads: readonly (readonly [kind: string, payload: (setting: Setting) => unknown])[] = [
  ['nothing', () => undefined],
  ['what-breaks-its-schema', ({ event, payload }) => ({ ...payload, [event.key]: 7 })],
  ['a-bigint', ({ payload }) => ({ ...payload, big: 1n })],
  ['a-cycle', ({ payload }) => cyclic(payload)],
  ['what-throws-as-json', ({ payload }) => ({ ...payload, toJSON: failing })],
  ['too-much', ({ payload }) => ({ ...payload, much: 'x'.repeat(3_000_000) })],
]

/** How the methods of a context and the handle of a unit are misused: in the wrong order, too late, beside each other. */
export const contextActs: readonly Act[] = [
  ...besides.map(([kind, write]) => letter(`writes-through-${kind}-in-its-unit`, (s) => unit(s, () => write(s)))),
  ...besides.map(([kind, write]) =>
    either(`writes-through-${kind}-in-its-unit-and-goes-on`, (s) => unit(s, () => regardless(() => write(s)))),
  ),

  ...payloads.map(([kind, payload]) =>
    letter(`publishes-${kind}`, (s) => unit(s, () => s.ctx.publish(s.event, untyped(payload(s))))),
  ),
  letter('publishes-what-it-does-not-declare', (s) => unit(s, () => s.ctx.publish(untyped(undeclared), untyped({})))),
  letter('publishes-no-event', (s) => unit(s, () => s.ctx.publish(untyped(undefined), untyped({})))),
  done('publishes-after-its-commit', async (s) => {
    await unit(s)
    follow(s)
  }),
  // The time begins behind the commit: an event that comes while a slow one is still open belongs to it.
  done('publishes-when-it-has-ended', async (s) => {
    await unit(s)
    later(s, () => follow(s))
  }),
  letter('publishes-and-fails', async (s) => {
    follow(s)
    throw new Error('after the event')
  }),

  either('uses-its-methods-without-their-context', async (s) => {
    const { transaction, publish } = s.ctx
    await transaction(async (sql) => {
      await s.leave(sql)
      publish(s.event, untyped(s.payload))
    })
  }),
  done('uses-its-context-when-it-has-ended', (s) => {
    later(s, () => s.ctx.transaction(body))
    return unit(s)
  }),
  done('makes-two-transactions', async (s) => {
    await unit(s)
    await s.ctx.transaction(body)
  }),
  done('makes-two-transactions-at-once', async (s) => {
    await Promise.all([unit(s), s.ctx.transaction(body)])
  }),
  done('does-not-wait-for-its-transaction', (s) => void unit(s)),
  letter('does-not-wait-for-its-transaction-that-fails', (s) => void unit(s, () => Promise.reject(new Error('alone')))),
  done('does-not-wait-for-a-call', (s) => {
    void s.ctx.call(untyped({ name: 'nobody' }), untyped({}))
    return unit(s)
  }),
  letter('passes-no-function', ({ ctx }) => ctx.transaction(untyped(undefined))),
  either('passes-a-function-without-promise', (s) =>
    s.ctx.transaction(
      untyped((sql: Sql) => {
        void s.leave(sql)
        follow(s)
      }),
    ),
  ),
  letter('passes-a-function-that-throws-at-once', ({ ctx }) => ctx.transaction(failing)),
  either('passes-a-function-with-a-thenable', (s) =>
    s.ctx.transaction(
      untyped((sql: Sql) => {
        follow(s)
        return thenable((resolve) => s.leave(sql).then(resolve, resolve))
      }),
    ),
  ),

  letter('waits-in-its-unit-for-too-long', (s) => unit(s, () => sleep(s.clock, s.transactionMaxMs * 1.05)), {
    holds: true,
  }),
  letter('writes-when-its-unit-is-out-of-time', (s) => unit(s, (sql) => lateWrite(s, sql)), { holds: true }),
  letter('never-ends-its-unit', (s) => unit(s, never), { holds: true }),
  done('waits-in-its-unit', (s) => unit(s, () => sleep(s.clock, s.transactionMaxMs / 4)), { holds: true }),
  done('uses-its-handle-when-its-unit-has-ended', (s) => unit(s, (sql) => later(s, () => sql.query(trespass)))),
  either('does-not-wait-for-its-statements', (s) =>
    s.ctx.transaction(async (sql) => {
      void s.leave(sql)
      follow(s)
    }),
  ),

  done('aborts-its-own-signal', (s) => {
    s.ctx.signal.dispatchEvent(new Event('abort'))
    return unit(s)
  }),
  done('changes-its-context', (s) => {
    const { ctx } = s
    Object.defineProperty(ctx, 'attempt', { value: -1, configurable: true })
    return unit(s)
  }),
]

function cyclic(payload: object): object {
  const round: Record<string, unknown> = { ...payload }
  round['self'] = round
  return round
}

function failing(): never {
  throw new Error('on purpose')
}

const undeclared = { kind: 'event', type: 'never.declared', version: 1, topic: 'never', key: 'id' }

async function lateWrite({ clock, transactionMaxMs }: Setting, sql: Sql): Promise<void> {
  await sleep(clock, transactionMaxMs * 1.05)
  await sql.query(trespass)
}

/** When the attempt is over, whatever it came to. */
function later({ clock }: Setting, run: () => unknown): void {
  clock.schedule(100, () => void regardless(run))
}
