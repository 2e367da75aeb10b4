import assert from 'node:assert/strict'
import type { Database, Sql } from '../src/contracts/database.ts'
import { isFirebreakError } from '../src/contracts/errors.ts'
import type { LogRecord } from '../src/contracts/log.ts'
import { openLedger } from '../src/ledger/schema.ts'
import { systemClock } from '../src/node/clock.ts'
import { Committer } from '../src/runtime/commit/committer.ts'
import { emptyUnit, type Unit, type UnitOutcome } from '../src/runtime/commit/unit.ts'
import { gate } from '../src/testing/conformance/database-scene.ts'

const nothing = (): void => {}

/** A committer on a ledger of its own, with a table for effects. */
export async function committerOn(database: Database): Promise<Committer> {
  await openLedger(database, 'one', 0)
  await database.query('create table effects (n bigint)')
  const rest = { clock: systemClock, inboxWindowMs: 1000, random: () => 0.5, onError: nothing, instance: 'one-1' }
  return new Committer({ database, ...rest })
}

/** A unit that marks its event, writes a row, publishes an event, and then does what `before` says. */
export function effectUnit(n: number, before: (sql: Sql) => Promise<unknown> = async () => {}): Unit {
  const record: LogRecord = { topic: 'followed', key: `${n}`, value: new Uint8Array(), headers: {} }
  return {
    ...emptyUnit,
    inboxId: `id-${n}`,
    body: async (sql) => {
      await sql.query('insert into effects (n) values ($1)', [n])
      await before(sql)
    },
    outgoing: () => [record],
  }
}

/** What is left of units: their rows, marks and events, by number. */
async function leftOf(database: Database, committer: Committer, numbers: readonly number[]): Promise<unknown> {
  const marks = await committer.inbox.find(numbers.map((n) => `id-${n}`))
  const { schema } = database.capabilities
  const outbox = schema === null ? 'fb_outbox' : `"${schema}".fb_outbox`
  const rows = await database.query<{ n: number }>('select n from effects order by n')
  const events = await database.query<{ n: string }>(`select msg_key as n from ${outbox} order by msg_key`)
  return {
    rows: rows.map(({ n }) => n),
    marks: [...marks].map((id) => Number(id.slice(3))).sort((a, b) => a - b),
    events: events.map(({ n }) => Number(n)),
  }
}

/**
 * A body that is out of time, between two that are not, and that ends while the last of them still runs; `wait` lets time
 * pass.
 */
export async function outOfTime(database: Database, wait: (ms: number) => Promise<unknown>): Promise<void> {
  const committer = await committerOn(database)
  const [goOn, ended] = [gate(), gate()]
  const late = effectUnit(2, async () => {
    await goOn.reached
    ended.open()
  })
  const last = effectUnit(3, async () => {
    goOn.open()
    await ended.reached
  })
  const ends = Promise.all([effectUnit(1), late, last].map((unit) => committer.commit(unit)))
  await wait(1000)
  const [first, second, third] = await ends
  assert.deepEqual([first, third], ['committed', 'committed'])
  assert.ok(isFailed(second) && isFirebreakError(second.failed, 'FB_TRANSACTION_TIMEOUT'))
  assert.deepEqual(await leftOf(database, committer, [1, 2, 3]), { rows: [1, 3], marks: [1, 3], events: [1, 3] })
}

/** Somebody else holds a table of the ledger for longer than a transaction may take: nothing of the units is left. */
export async function ledgerOutOfTime(
  database: Database,
  hold: (table: string) => Promise<() => Promise<unknown>>,
): Promise<void> {
  const committer = await committerOn(database)
  for (const table of ['fb_inbox', 'fb_outbox']) {
    const release = await hold(table)
    const ends = await Promise.allSettled([1, 2, 3].map((n) => committer.commit(effectUnit(n))))
    await release()
    for (const end of ends)
      assert.ok(end.status === 'rejected' && isFirebreakError(end.reason, 'FB_DATABASE_BUSY'), table)
    assert.deepEqual(await leftOf(database, committer, [1, 2, 3]), { rows: [], marks: [], events: [] }, table)
  }
  assert.deepEqual(await Promise.all([1, 2].map((n) => committer.commit(effectUnit(n)))), ['committed', 'committed'])
  assert.deepEqual(await leftOf(database, committer, [1, 2, 3]), { rows: [1, 2], marks: [1, 2], events: [1, 2] })
}

export const isFailed = (outcome: UnitOutcome | undefined): outcome is { readonly failed: unknown } =>
  typeof outcome === 'object'
