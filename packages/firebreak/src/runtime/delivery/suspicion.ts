import { sleep } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { chargesMax, noteSuspect } from '../../ledger/suspects.ts'
import { emptyUnit } from '../commit/unit.ts'
import type { Instance } from '../instance/instance.ts'
import type { Delivery } from '../partition/partition.ts'
import { commitUntilDone } from './settlements.ts'
import type { Party } from './unit-of-work.ts'

/**
 * How a record runs after a death of the process; see `ledger/suspects.ts`. `noted`: it is written down before it starts.
 * `alone`: nothing of this service runs beside it.
 */
type Screening = 'trusted' | 'noted' | 'alone'

// What has been charged once lets the others go first. Who kills the process from outside does not wait for it.
const restMs = 5000

/** **Errors** `FB_CRASH_SUSPECT` for a record that is guilty. */
export function screen(delivery: Delivery): Screening {
  const { partition, entry } = delivery
  if (!partition.suspicious) return 'trusted'
  const suspect = partition.suspects.get(entry.offset)
  if (suspect !== undefined) {
    if (suspect.charges >= chargesMax) throw new FirebreakError('FB_CRASH_SUSPECT', { deaths: chargesMax + 1 })
    return suspect.loaded ? 'alone' : 'trusted'
  }
  if (partition.suspectWindow === 0) return 'trusted'
  partition.suspectWindow--
  return 'noted'
}

/**
 * A charged record waits before it runs again. A process that is killed from outside dies meanwhile, and nobody is charged
 * with that; and between two deaths the others get on.
 */
export async function rest({ clock, stopping }: Instance, { partition, entry }: Delivery): Promise<void> {
  const suspect = partition.suspects.get(entry.offset)
  if (suspect === undefined || suspect.charges === 0 || suspect.rested) return
  partition.suspects.set(entry.offset, { ...suspect, rested: true })
  await sleep(clock, restMs * suspect.charges, AbortSignal.any([partition.signal, stopping]))
}

/** Written before it starts: afterwards there may be nobody to write it. */
export async function note(instance: Instance, delivery: Delivery, alone: boolean): Promise<void> {
  const { partition, entry } = delivery
  const known = partition.suspects.get(entry.offset) ?? { charges: 0, loaded: false, rested: false }
  const suspect = { ...known, position: entry.offset, alone }
  partition.suspects.set(entry.offset, suspect)
  await commitUntilDone(instance, { ...emptyUnit, partition, ledgerSql: (sql) => noteSuspect(sql, partition, suspect) })
}

/**
 * The process has survived an attempt that ran alone and came to nothing: a death from here on is not its own. Written before
 * the next one starts. Returns why the attempt failed, or why this could not be written.
 */
export async function survived(
  instance: Instance,
  delivery: Delivery,
  failure: { readonly error: unknown; readonly by: Party },
): Promise<{ readonly error: unknown; readonly by: Party }> {
  const { partition, entry } = delivery
  if (partition.fenced || partition.suspects.get(entry.offset)?.alone !== true) return failure
  try {
    await note(instance, delivery, false)
    return failure
  } catch (error) {
    return { error, by: 'engine' }
  }
}
