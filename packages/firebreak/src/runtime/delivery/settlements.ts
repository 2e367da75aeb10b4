import type { Sql } from '../../contracts/database.ts'
import type { DeadReason } from '../../contracts/disposition.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { type DeadLetter, findLetter, insertLetter, reopenLetter } from '../../ledger/letters.ts'
import { park, repark } from '../../ledger/parked.ts'
import { clearSuspect } from '../../ledger/suspects.ts'
import { emptyUnit, type Unit, type UnitOutcome } from '../commit/unit.ts'
import type { Instance } from '../instance/instance.ts'
import { retryUntilDone } from '../instance/retry-until-done.ts'
import { type DescribedError, fingerprintOf } from '../message/fingerprint.ts'
import { mirrored, mirrorTopic } from '../message/mirror.ts'
import type { Delivery } from '../partition/partition.ts'
import { about, cleared, reportEnd } from './about.ts'
import type { AttemptState } from './attempt-state.ts'
import { finalUnit } from './delivery-unit.ts'

/** What has happened to a record so far: what parks with it, or dies with it. */
type History = Pick<AttemptState, 'attempts' | 'failingSinceMs'>

/**
 * Commits, and tries until it works: an outcome that is known must not be lost. `gone` aborts when it is not ours any more.
 *
 * **Errors** `FB_FENCED`, and what no time heals.
 */
export async function commitUntilDone(
  instance: Instance,
  unit: Unit,
  gone: AbortSignal | undefined = unit.partition?.signal,
): Promise<UnitOutcome> {
  const outcome = await retryUntilDone(instance, gone, async () => {
    const end = await instance.committer.commit(unit)
    // Nothing of the user's is in it.
    if (typeof end === 'object') throw end.failed
    return end
  })
  // A partition that went away while the database was: nobody waits for this outcome here any more.
  if (outcome === undefined) throw new FirebreakError('FB_FENCED', { partition: unit.partition?.id })
  return outcome
}

export async function settleWithoutRunning(
  instance: Instance,
  delivery: Delivery,
  account: 'duplicate' | 'skipped',
): Promise<void> {
  await commitUntilDone(instance, finalUnit(instance, delivery, account))
  cleared(delivery)
  reportEnd(instance, delivery, { kind: account, attempt: delivery.parked?.attempts.length ?? 0 })
}

/**
 * Moves a record to the parked table, or gives a parked one a new date. `dueMs` is on the monotonic scale; resolves to the
 * date that was written for it.
 */
export async function settleParked(
  instance: Instance,
  delivery: Delivery,
  dueMs: number | null,
  { attempts, failingSinceMs }: History,
): Promise<number | null> {
  const { partition, entry, lane, parked } = delivery
  const [atMs, nowMs] = [instance.clock.now(), instance.clock.monotonic()]
  // The time between them is exact; what they are called is for people.
  const dated = (ms: number | null): number | null => (ms === null ? null : atMs + Math.round(ms - nowMs))
  const dueAtMs = dated(dueMs)
  const firstFailedAtMs = dated(failingSinceMs)
  const row = { entry, lane, dueAtMs, atMs, attempts, firstFailedAtMs, letterId: parked?.letterId ?? null }
  const suspected = partition.suspects.has(entry.offset)
  await commitUntilDone(instance, {
    ...emptyUnit,
    partition,
    position: parked === null ? entry.offset : null,
    accountChanges: parked === null ? { parked: 1 } : {},
    ledgerSql: async (sql) => {
      if (suspected) await clearSuspect(sql, partition, entry.offset)
      await (parked === null ? park(sql, row) : repark(sql, row))
    },
  })
  cleared(delivery)
  instance.emit({ kind: 'parked', dueAtMs, ...about(delivery) })
  return dueAtMs
}

/** Why a record dies. `described`: as it was when it came, before any listener could change it. */
export interface LetterCause {
  readonly reason: DeadReason
  readonly hold: boolean
  readonly error: unknown
  readonly described: DescribedError
}

/** Keeps a record as a dead letter, with its bytes and its attempts; a replay that failed goes back into its letter. */
export async function settleDead(
  instance: Instance,
  delivery: Delivery,
  cause: LetterCause,
  history: History,
): Promise<void> {
  const letter = letterOf(instance, delivery, cause, history)
  const kept = instance.database.capabilities
  const own = async (sql: Sql): Promise<void> => {
    const before = delivery.parked?.letterId ? await findLetter(sql, letter.id, kept) : undefined
    if (before === undefined) return insertLetter(sql, letter)
    const attempts = [...before.attempts, ...letter.attempts].slice(-instance.limits.attemptsKept)
    await reopenLetter(sql, before, { ...letter, attempts, history: [...before.history, ...letter.history] })
  }
  const unit = finalUnit(instance, delivery, 'dead', own)
  const { mirror, service, topics } = instance
  const records = mirror
    ? () => [mirrored(service.name, letter, topics.recordBytesMax(mirrorTopic(service.name).name))]
    : null
  await commitUntilDone(instance, { ...unit, outgoing: records })
  cleared(delivery)
  instance.emit({
    kind: 'dead-lettered',
    letterId: letter.id,
    reason: letter.reason,
    error: cause.error,
    ...about(delivery),
  })
}

function letterOf(instance: Instance, delivery: Delivery, cause: LetterCause, history: History): DeadLetter {
  const { entry, lane, parked } = delivery
  const { described } = cause
  const nowMs = instance.clock.now()
  return {
    id: parked?.letterId ?? instance.entropy.uuid(),
    state: 'open',
    reason: cause.reason,
    crash: cause.reason === 'crash',
    hold: cause.hold,
    entry,
    lane,
    eventId: delivery.envelope?.id ?? null,
    eventType: delivery.envelope?.type ?? null,
    correlationId: delivery.envelope?.correlationId ?? null,
    errorClass: described.errorClass,
    message: described.message,
    fingerprint: fingerprintOf(described),
    attempts: history.attempts,
    replays: 0,
    atMs: nowMs,
    history: [
      {
        atMs: nowMs,
        action: 'dead-lettered',
        by: instance.name,
        note: cause.reason,
      },
    ],
  }
}
