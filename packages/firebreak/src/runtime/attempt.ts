import type { Attempt } from '../contracts/disposition.ts'
import { FirebreakError, invariant } from '../contracts/errors.ts'
import { noteSuspect } from '../ledger/suspects.ts'
import type { Engine } from './engine.ts'
import type { Message } from './message.ts'
import { about, commitUntilDone, crashError, finalUnit } from './outcomes.ts'
import { bareUnit } from './unit.ts'
import { AlreadyHandled, UnitOfWork } from './unit-of-work.ts'

/** Why an attempt did not end in a commit. */
export interface Failure {
  readonly error: unknown
  readonly startedAtMs: number
}

/** The attempts before this one. */
export interface Before {
  /** Those that count. */
  readonly count: number
  readonly attempts: readonly Attempt[]
}

/**
 * Runs the handler once and commits its unit of work. Resolves with why it failed, or undefined when it is committed.
 *
 * The handler's place is taken here and given back when its code is through, so that neither a commit nor a wait holds it.
 */
export async function runAttempt(engine: Engine, message: Message, before: Before): Promise<Failure | undefined> {
  const number = before.count + 1
  const startedAtMs = engine.clock.now()
  let unit: UnitOfWork | undefined
  try {
    if (message.broken !== undefined) throw message.broken
    const screened = screen(message)
    const place = engine.slots.acquire(screened === 'alone')
    if (place !== undefined) await place
    unit = openUnit(engine, message, number)
    refuseFenced(message)
    refuseShut(engine, message, before)
    if (screened !== 'trusted') await note(engine, message, screened === 'alone')
    const result = run(message, unit)
    if (result instanceof Promise) {
      engine.watch.add(unit)
      await untilExpired(unit, result)
    }
    const kind = (await unit.complete()) === 'committed' ? 'done' : 'duplicate'
    engine.tell?.({ kind, attempt: number, ...about(message) })
    return undefined
  } catch (error) {
    return (await outcomeAfter(engine, message, { error, unit, number }))
      ? undefined
      : { error: unit?.failure?.error ?? error ?? new Error('the handler threw nothing'), startedAtMs }
  } finally {
    unit?.end(unit.failure?.error)
    if (unit !== undefined) engine.watch.remove(unit)
  }
}

// A handler can fail after its unit of work has been committed, or because somebody else handled the event: then there is
// an outcome all the same, and nothing is tried again.
async function outcomeAfter(
  engine: Engine,
  message: Message,
  { error, unit, number }: { error: unknown; unit: UnitOfWork | undefined; number: number },
): Promise<boolean> {
  const committed = (await unit?.settled()) ?? false
  const isDuplicate = error instanceof AlreadyHandled || unit?.outcome === 'duplicate'
  if (!isDuplicate && !committed) return false
  if (!isDuplicate) engine.tell?.({ kind: 'late-error', error, ...about(message) })
  engine.tell?.({ kind: isDuplicate ? 'duplicate' : 'done', attempt: number, ...about(message) })
  return true
}

function refuseFenced({ delivery: { partition } }: Message): void {
  if (partition.fenced) throw new FirebreakError('FB_FENCED', { partition: partition.id })
}

// Asked once the handler has its place: while it waited for one, a breaker may have opened.
function refuseShut({ gate }: Engine, { handler }: Message, { attempts }: Before): void {
  if (handler === null || handler.calls.length === 0) return
  const refusal = gate.refusal({ handler, last: attempts.at(-1) })
  if (refusal !== undefined) throw refusal
}

function run(message: Message, unit: UnitOfWork): Promise<void> | void {
  invariant(message.handler !== null, 'only what has a handler is run')
  return message.handler.run(message.payload as never, unit)
}

function openUnit(engine: Engine, message: Message, number: number): UnitOfWork {
  const { envelope, handler } = message
  invariant(envelope !== null && handler !== null, 'only what could be decoded is run')
  const unit = finalUnit(engine, message, 'done')
  return new UnitOfWork(engine, { envelope, attempt: number, handler, unit })
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
    ...bareUnit,
    partition,
    settle: (sql) => noteSuspect(sql, partition, suspect),
  })
}
