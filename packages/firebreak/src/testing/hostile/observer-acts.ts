import { type Act, actsOf, never, thenable, unit, untyped } from './act.ts'

const { done } = actsOf('observer')

function failing(): never {
  throw new Error('the observer fails')
}

/** The handler is as it should be; the observer is not. */
const observed = (name: string, observe: NonNullable<Act['observe']>): Act =>
  done(name, (setting) => unit(setting), { observe })

/** Observers that throw, reject, change what they are told, or use the runtime that tells them. */
export const observerActs: readonly Act[] = [
  observed('observer-throws', failing),
  observed('observer-throws-nothing', () => {
    throw undefined
  }),
  observed('observer-rejects', () => Promise.reject(new Error('the observer rejects'))),
  observed('observer-rejects-later', async () => {
    await null
    failing()
  }),
  observed('observer-never-ends', never),
  observed('observer-returns-a-thenable-that-throws', () => thenable(failing)),
  observed('observer-changes-the-fact', (fact) => {
    Object.assign(fact, { kind: 'halted', at: null, key: null, error: new Error('changed') })
  }),
  observed('observer-looks-at-the-runtime', (_, runtime) => runtime.stats()),
  observed('observer-publishes-what-it-may-not', (_, runtime) => {
    runtime.publish(untyped({ type: 'never.declared' }), untyped({})).catch(() => undefined)
  }),
  observed('observer-makes-a-transaction', (_, runtime) => {
    const insert = "insert into hostile_rows (k) values ('observed')"
    // The database may be away, and nobody but the observer has this promise.
    runtime.transaction(async (sql) => sql.query(insert)).catch(() => undefined)
  }),
]
