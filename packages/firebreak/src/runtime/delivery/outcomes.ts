import type { Sql } from '../../contracts/database.ts'
import type { Attempt, DeadReason } from '../../contracts/disposition.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { Accounts } from '../../ledger/accounts.ts'
import { changeLetter, type DeadLetter, findLetter, insertLetter, reopenLetter } from '../../ledger/letters.ts'
import { park, repark, unpark } from '../../ledger/parked.ts'
import { clearSuspect } from '../../ledger/suspects.ts'
import { bareUnit, type Unit, type UnitOutcome } from '../commit/unit.ts'
import type { Engine } from '../instance/engine.ts'
import { persist } from '../instance/persist.ts'
import { type DescribedError, fingerprintOf } from '../message/fingerprint.ts'
import type { Message } from '../message/message.ts'
import { mirrored, mirrorTopic } from '../message/mirror.ts'

type FinalAccount = 'done' | 'duplicate' | 'skipped' | 'dead'

const doneOnce: Readonly<Partial<Accounts>> = { done: 1 }

/** The unit that ends a delivery under an account; the caller adds body and events. */
export function finalUnit(
  engine: Pick<Engine, 'clock' | 'database'>,
  message: Message,
  account: FinalAccount,
  own?: (sql: Sql) => Promise<void>,
): Unit {
  const { partition, entry, parked } = message.delivery
  const marks = account === 'done' ? message.delivery.inboxId : null
  const suspected = partition.suspects.has(entry.offset)
  if (parked === null && !suspected && own === undefined) {
    const delta = account === 'done' ? doneOnce : { [account]: 1 }
    return { ...bareUnit, partition, position: entry.offset, delta, inboxId: marks }
  }
  return {
    ...bareUnit,
    partition,
    inboxId: marks,
    position: parked === null ? entry.offset : null,
    delta: parked === null ? { [account]: 1 } : { parked: -1, [account]: 1 },
    settle: async (sql) => {
      if (suspected) await clearSuspect(sql, partition, entry.offset)
      if (parked !== null) await unpark(sql, entry)
      if (parked?.letterId && account !== 'dead') await resolveLetter(engine, sql, parked.letterId)
      await own?.(sql)
    },
  }
}

/** Commits, and tries until it works: an outcome that is known must not be lost. **Errors** `FB_FENCED`, and what no time heals. */
export async function commitUntilDone(engine: Engine, unit: Unit): Promise<UnitOutcome> {
  const outcome = await persist(engine, unit.partition?.signal, async () => {
    const end = await engine.committer.commit(unit)
    // Nothing of the user's is in it.
    if (typeof end === 'object') throw end.failed
    return end
  })
  // A partition that went away while the database was: nobody waits for this outcome here any more.
  if (outcome === undefined) throw new FirebreakError('FB_FENCED', { partition: unit.partition?.id })
  return outcome
}

export async function settleAs(engine: Engine, message: Message, account: 'duplicate' | 'skipped'): Promise<void> {
  await commitUntilDone(engine, finalUnit(engine, message, account))
  cleared(message)
  engine.tell?.({
    kind: account,
    attempt: message.attempts.length,
    ...about(message),
  })
}

/** What has happened to a record so far: what parks with it, or dies with it. */
export interface History {
  readonly attempts: readonly Attempt[]
  /** When it first failed, on the monotonic scale of this process; it may lie before its start. */
  readonly failingSinceMs: number | null
}

/**
 * Moves a record to the parked table, or gives a parked one a new date. `dueMs` is on the monotonic scale; resolves to the
 * date that was written for it.
 */
export async function settleParked(
  engine: Engine,
  message: Message,
  dueMs: number | null,
  { attempts, failingSinceMs }: History,
): Promise<number | null> {
  const { partition, entry, lane, parked } = message.delivery
  const [atMs, nowMs] = [engine.clock.now(), engine.clock.monotonic()]
  // The time between them is exact; what they are called is for people.
  const dated = (ms: number | null): number | null => (ms === null ? null : atMs + Math.round(ms - nowMs))
  const dueAtMs = dated(dueMs)
  const firstFailedAtMs = dated(failingSinceMs)
  const row = { entry, lane, dueAtMs, atMs, attempts, firstFailedAtMs, letterId: parked?.letterId ?? null }
  const suspected = partition.suspects.has(entry.offset)
  await commitUntilDone(engine, {
    ...bareUnit,
    partition,
    position: parked === null ? entry.offset : null,
    delta: parked === null ? { parked: 1 } : {},
    settle: async (sql) => {
      if (suspected) await clearSuspect(sql, partition, entry.offset)
      await (parked === null ? park(sql, row) : repark(sql, row))
    },
  })
  cleared(message)
  engine.tell?.({ kind: 'parked', dueAtMs, ...about(message) })
  return dueAtMs
}

/** Why a record dies. `described`: as it was when it came, before anybody was told of it and could change it. */
export interface Verdict {
  readonly reason: DeadReason
  readonly hold: boolean
  readonly error: unknown
  readonly described: DescribedError
}

/** Keeps a record as a dead letter, with its bytes and its attempts; a replay that failed goes back into its letter. */
export async function settleDead(engine: Engine, message: Message, verdict: Verdict, history: History): Promise<void> {
  const letter = letterOf(engine, message, verdict, history)
  const kept = engine.database.capabilities
  const own = async (sql: Sql): Promise<void> => {
    const before = message.delivery.parked?.letterId ? await findLetter(sql, letter.id, kept) : undefined
    if (before === undefined) return insertLetter(sql, letter)
    const attempts = [...before.attempts, ...letter.attempts].slice(-engine.limits.attemptsKept)
    await reopenLetter(sql, before, { ...letter, attempts, history: [...before.history, ...letter.history] })
  }
  const unit = finalUnit(engine, message, 'dead', own)
  const { mirror, service, topics } = engine
  const records = mirror
    ? () => [mirrored(service.name, letter, topics.recordBytesMax(mirrorTopic(service.name).name))]
    : null
  await commitUntilDone(engine, { ...unit, records })
  cleared(message)
  engine.tell?.({
    kind: 'dead-lettered',
    letterId: letter.id,
    reason: letter.reason,
    error: verdict.error,
    ...about(message),
  })
}

function letterOf(engine: Engine, message: Message, verdict: Verdict, history: History): DeadLetter {
  const { entry, lane, parked } = message.delivery
  const { described } = verdict
  const nowMs = engine.clock.now()
  return {
    id: parked?.letterId ?? engine.entropy.uuid(),
    state: 'open',
    reason: verdict.reason,
    crash: verdict.reason === 'crash',
    hold: verdict.hold,
    entry,
    lane,
    eventId: message.envelope?.id ?? null,
    eventType: message.envelope?.type ?? null,
    correlationId: message.envelope?.correlationId ?? null,
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
        by: engine.instance,
        note: verdict.reason,
      },
    ],
  }
}

async function resolveLetter(
  { clock, database }: Pick<Engine, 'clock' | 'database'>,
  sql: Sql,
  id: string,
): Promise<void> {
  const letter = await findLetter(sql, id, database.capabilities)
  if (letter === undefined) return
  const action = {
    atMs: clock.now(),
    action: 'resolved',
    by: 'replay',
    note: '',
  } as const
  await changeLetter(sql, letter, {
    from: 'replaying',
    to: 'resolved',
    action,
  })
}

/** Adds an attempt to a bounded history: the first one stays, because it often says more than the last. */
export function withAttempt(attempts: readonly Attempt[], attempt: Attempt, max: number): readonly Attempt[] {
  if (attempts.length < max) return [...attempts, attempt]
  return [attempts[0] as Attempt, ...attempts.slice(attempts.length - max + 2), attempt]
}

export function about(message: Message): {
  at: { topic: string; partition: number; offset: number }
  key: string | null
  eventId: string | null
  eventType: string | null
  correlationId: string | null
} {
  const { topic, partition, offset, key } = message.delivery.entry
  return {
    at: { topic, partition, offset },
    key,
    eventId: message.envelope?.id ?? null,
    eventType: message.envelope?.type ?? null,
    correlationId: message.envelope?.correlationId ?? null,
  }
}

/** Its row among the suspects has gone with the commit of its outcome. */
export function cleared({ delivery: { partition, entry } }: Message): void {
  partition.suspects.delete(entry.offset)
}
