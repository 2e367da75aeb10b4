import type { Sql } from '../../contracts/database.ts'
import type { Accounts } from '../../ledger/accounts.ts'
import { endReplay, resolvedAt } from '../../ledger/letters.ts'
import { unpark } from '../../ledger/parked.ts'
import { clearSuspect } from '../../ledger/suspects.ts'
import { emptyUnit, type Unit } from '../commit/unit.ts'
import type { Instance } from '../instance/instance.ts'
import type { Delivery } from '../partition/partition.ts'

type FinalAccount = 'done' | 'duplicate' | 'skipped' | 'dead'

const doneOnce: Readonly<Partial<Accounts>> = { done: 1 }

/** The unit that ends a delivery under an account; the caller adds body and events. */
export function finalUnit(
  instance: Pick<Instance, 'clock' | 'database'>,
  delivery: Delivery,
  account: FinalAccount,
  own?: (sql: Sql) => Promise<void>,
): Unit {
  const { partition, entry, parked } = delivery
  const marks = account === 'done' ? delivery.inboxId : null
  const suspected = partition.suspects.has(entry.offset)
  if (parked === null && !suspected && own === undefined) {
    const accountChanges = account === 'done' ? doneOnce : { [account]: 1 }
    return { ...emptyUnit, partition, position: entry.offset, accountChanges, inboxId: marks }
  }
  return {
    ...emptyUnit,
    partition,
    inboxId: marks,
    position: parked === null ? entry.offset : null,
    accountChanges: parked === null ? { [account]: 1 } : { parked: -1, [account]: 1 },
    ledgerSql: async (sql) => {
      if (suspected) await clearSuspect(sql, partition, entry.offset)
      if (parked !== null) await unpark(sql, entry)
      if (parked?.letterId && account !== 'dead')
        await endReplay(sql, instance.database.capabilities, parked.letterId, resolvedAt(instance.clock.now()))
      await own?.(sql)
    },
  }
}
