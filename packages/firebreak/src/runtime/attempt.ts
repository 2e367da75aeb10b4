import { FirebreakError, invariant } from '../contracts/errors.ts'
import { noteSuspect } from '../ledger/suspects.ts'
import type { UnitOutcome } from './committer.ts'
import type { Engine } from './engine.ts'
import type { Message } from './message.ts'
import { about, commitUntilDone, crashError, finalUnit } from './outcomes.ts'
import { AlreadyHandled, UnitOfWork } from './unit-of-work.ts'

/**
 * Runs the handler once and commits its unit of work. Resolves with what became of it, rejects with why it failed.
 *
 * The handler's place is taken here and given back when its code is through, so that neither a commit nor a wait holds it.
 */
export async function runAttempt(engine: Engine, message: Message, number: number): Promise<UnitOutcome> {
  const { partition } = message.delivery
  const screened = screen(message)
  const place = engine.slots.acquire(screened === 'alone')
  if (place !== undefined) await place
  const unit = openUnit(engine, message, number)
  engine.watch.add(unit)
  try {
    if (partition.fenced) throw new FirebreakError('FB_FENCED', { partition: partition.id })
    if (screened !== 'trusted') await note(engine, message, screened === 'alone')
    const result = run(message, unit)
    if (result instanceof Promise) await untilExpired(unit, result)
    return await unit.complete()
  } catch (error) {
    const committed = await unit.settled()
    if (error instanceof AlreadyHandled || unit.outcome === 'duplicate') return 'duplicate'
    if (committed) {
      engine.tell?.({ kind: 'late-error', error, ...about(message) })
      return 'committed'
    }
    throw unit.failure ?? error
  } finally {
    unit.end(unit.failure)
    engine.watch.remove(unit)
  }
}

function run(message: Message, unit: UnitOfWork): Promise<void> | void {
  invariant(message.handler !== null, 'only what has a handler is run')
  return message.handler.run(message.payload as never, unit)
}

function openUnit(engine: Engine, message: Message, number: number): UnitOfWork {
  const { envelope, handler } = message
  invariant(envelope !== null && handler !== null, 'only what could be decoded is run')
  const unit = finalUnit(engine, message, 'done')
  return new UnitOfWork(engine, { envelope, attempt: number, deadlineMs: handler.deadlineMs, unit })
}

function untilExpired(unit: UnitOfWork, result: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    unit.onExpire = reject
    result.then(resolve, reject)
  })
}

type Screening = 'trusted' | 'noted' | 'alone'

/** See `ledger/suspects.ts`. **Errors** `FB_CRASH_SUSPECT` for a record that died alone. */
function screen(message: Message): Screening {
  const { partition, entry } = message.delivery
  if (!partition.suspicious) return 'trusted'
  const suspect = partition.suspects.get(entry.offset)
  if (suspect === undefined) {
    if (partition.suspectWindow === 0) return 'trusted'
    partition.suspectWindow--
    return 'noted'
  }
  if (suspect.alone && suspect.loaded) throw crashError()
  return suspect.loaded || suspect.alone ? 'alone' : 'noted'
}

async function note(engine: Engine, message: Message, alone: boolean): Promise<void> {
  const { partition, entry } = message.delivery
  const suspect = { position: entry.offset, alone }
  partition.suspects.set(entry.offset, { ...suspect, loaded: false })
  await commitUntilDone(engine, {
    partition,
    position: null,
    delta: {},
    inboxId: null,
    body: null,
    records: null,
    settle: (sql) => noteSuspect(sql, partition, suspect),
  })
}
