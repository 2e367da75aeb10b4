import assert from 'node:assert/strict'
import type { Database } from '../src/contracts/database.ts'
import { isFirebreakError } from '../src/contracts/errors.ts'
import { openLedger } from '../src/ledger/schema.ts'
import { systemClock } from '../src/node/clock.ts'
import { Committer } from '../src/runtime/committer.ts'
import { bareUnit, type Unit } from '../src/runtime/unit.ts'
import { gate } from '../src/testing/database-scene.ts'

const nothing = (): void => {}

/** A body that is still going when its unit is out of time, between two that are not; `wait` lets time pass. */
export async function outOfTime(database: Database, wait: (ms: number) => Promise<unknown>): Promise<void> {
  await openLedger(database, 'one', 0)
  await database.query('create table effects (n bigint)')
  const rest = { clock: systemClock, inboxWindowMs: 1000, random: () => 0.5, onTrouble: nothing, onOutbox: nothing }
  const committer = new Committer({ database, ...rest })
  const goOn = gate()
  const unit = (n: number, before = Promise.resolve()): Unit => ({
    ...bareUnit,
    inboxId: `id-${n}`,
    body: async (sql) => {
      await sql.query('insert into effects (n) values ($1)', [n])
      await before
    },
  })
  const ends = Promise.allSettled([unit(1), unit(2, goOn.reached), unit(3)].map((one) => committer.commit(one)))
  await wait(1000)
  const [first, second, third] = await ends
  assert.deepEqual([first?.status, third?.status], ['fulfilled', 'fulfilled'])
  assert.ok(second?.status === 'rejected' && isFirebreakError(second.reason, 'FB_TRANSACTION_TIMEOUT'))
  goOn.open()
  const marks = await committer.inbox.find(['id-1', 'id-2', 'id-3'])
  assert.deepEqual([...marks].sort(), ['id-1', 'id-3'])
  const rows = await database.query<{ n: number }>('select n from effects order by n')
  assert.deepEqual(
    rows.map(({ n }) => n),
    [1, 3],
  )
}
