import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sql } from '../../../src/contracts/database.ts'
import { type Claim, claimPartition } from '../../../src/ledger/partitions.ts'
import { CommitGroup } from '../../../src/runtime/commit/commit-group.ts'
import { emptyUnit } from '../../../src/runtime/commit/unit.ts'
import { ClaimedPartition } from '../../../src/runtime/partition/partition.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { gate, rejectsWithCode } from '../../../src/testing/conformance/database-scene.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'
import { committerOn } from '../../commit-scene.ts'

test('the end of a group that is out of time leaves positions in memory alone, also when it goes on', async () => {
  const clock = virtualClock()
  const database = sqliteDatabase({ path: ':memory:', clock, transactionMaxMs: 100 })
  const { inbox } = await committerOn(database)
  const at = { topic: 'happened', partition: 0 }
  const [claimed] = await database.commit<Claim>([
    (_, { ledger }) => claimPartition(ledger, at, { holder: 'me', kept: database.capabilities }),
  ])
  assert.ok(claimed?.ok)
  const partition = new ClaimedPartition(at, claimed.value, { window: 0, suspects: [], highestMarked: '' })
  for (const position of [0, 1]) partition.offsets.accept(position)
  const [takingBack, goOn, wentOn] = [gate(), gate(), gate()]
  const inLedger = (sql: Sql): Sql => ({
    query: (text, params) => sql.query(text, params),
    batch: async (text, rows) => {
      const changes = await sql.batch(text, rows)
      if (!text.startsWith('DELETE FROM fb_inbox')) return changes
      takingBack.open()
      await goOn.reached
      setImmediate(wentOn.open)
      return changes
    },
  })
  const fails = async (): Promise<void> => {
    throw new Error('no')
  }
  const units = [fails, async () => {}].map((body, position) => {
    return { ...emptyUnit, partition, position, inboxId: `id-${position}`, delta: { done: 1 }, body }
  })
  const group = new CommitGroup(units, { instance: 'one-1', inbox, time: { now: async () => 0 }, nowMs: 0, inLedger })
  const committing = database.commit(group.sqlUnits)
  await takingBack.reached
  await clock.advance(200)
  await rejectsWithCode(committing, 'FB_DATABASE_BUSY')
  group.undo()
  const positions = (): unknown => [partition.offsets.next, partition.offsets.above()]
  const before = positions()
  goOn.open()
  await wentOn.reached
  assert.deepEqual(positions(), before)
  await database.close()
})
