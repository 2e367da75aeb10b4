import type { Attempt } from '../../contracts/disposition.ts'
import { FirebreakError, invariant } from '../../contracts/errors.ts'
import type { Engine } from '../instance/engine.ts'
import type { Message } from '../message/message.ts'
import { isThenable } from '../user-code/thenable.ts'
import { HandlerContext } from './handler-context.ts'
import { about, cleared, finalUnit } from './outcomes.ts'
import { note, rest, screen, survived } from './suspicion.ts'
import { type CommitFailure, type Party, UnitOfWork } from './unit-of-work.ts'

/** Why an attempt did not end in a commit. */
export interface Failure {
  readonly error: unknown
  readonly by: Party
  readonly startedAtMs: number
  readonly durationMs: number
}

/** The attempts before this one. */
export interface Before {
  /** Those that count. */
  readonly count: number
  readonly attempts: readonly Attempt[]
  /** Those that came to nothing because the database, or the log, was away. */
  readonly infrastructureFailures: number
}

/**
 * Runs the handler once and commits its unit of work. Resolves with why it failed, or undefined when it is committed.
 *
 * The handler's place is taken here and given back when its code is through, so that neither a commit nor a wait holds it.
 */
export async function runAttempt(engine: Engine, message: Message, before: Before): Promise<Failure | undefined> {
  const number = before.count + 1
  const { clock } = engine
  const startedAtMs = clock.now()
  const sinceMs = clock.monotonic()
  let unit: UnitOfWork | undefined
  let by: Party = 'engine'
  try {
    if (message.broken !== undefined) throw message.broken
    const screened = screen(message)
    if (screened === 'alone') await rest(engine, message)
    const place = engine.slots.acquire(screened === 'alone')
    if (place !== undefined) await place
    unit = openUnit(engine, message, before)
    refuseLate(engine, message)
    refuseShut(engine, message, before)
    if (screened !== 'trusted') await note(engine, message, screened === 'alone')
    by = 'handler'
    const result = run(message, unit)
    if (isThenable(result)) {
      engine.watch.add(unit)
      await untilExpired(unit, result)
    }
    by = 'engine'
    const kind = (await unit.complete()) === 'committed' ? 'done' : 'duplicate'
    cleared(message)
    engine.tell?.({ kind, attempt: number, ...about(message) })
    return undefined
  } catch (error) {
    if (await outcomeAfter(engine, message, { error, unit, number })) return undefined
    const { error: reason, by: party } = await survived(engine, message, unit?.failure ?? failureOf(error, by, unit))
    const durationMs = Math.round(clock.monotonic() - sinceMs)
    return { error: reason ?? new Error('the handler threw nothing'), by: party, startedAtMs, durationMs }
  } finally {
    unit?.end(unit.failure?.error)
    if (unit !== undefined) engine.watch.remove(unit)
  }
}

// What a handler passes on of its own database is not its failure.
function failureOf(error: unknown, by: Party, unit: UnitOfWork | undefined): CommitFailure {
  return { error, by: error !== undefined && error === unit?.readFailure ? 'engine' : by }
}

// A handler can fail after its unit of work has been committed, or because somebody else handled the event: then there is
// an outcome all the same, and nothing is tried again.
async function outcomeAfter(
  engine: Engine,
  message: Message,
  { error, unit, number }: { error: unknown; unit: UnitOfWork | undefined; number: number },
): Promise<boolean> {
  const committed = (await unit?.settled()) ?? false
  const isDuplicate = unit?.outcome === 'duplicate'
  if (!isDuplicate && !committed) return false
  cleared(message)
  if (!isDuplicate && error !== unit?.lost) engine.tell?.({ kind: 'late-error', error, ...about(message) })
  engine.tell?.({ kind: isDuplicate ? 'duplicate' : 'done', attempt: number, ...about(message) })
  return true
}

// While it waited for its place the partition may have gone, or the runtime been told to stop: whoever comes next has it.
function refuseLate({ stopping }: Engine, { delivery: { partition } }: Message): void {
  if (partition.fenced || stopping.aborted) throw new FirebreakError('FB_FENCED', { partition: partition.id })
}

// Asked once the handler has its place: while it waited for one, a breaker may have opened.
function refuseShut({ gate }: Engine, { handler }: Message, { attempts }: Before): void {
  if (handler === null || handler.calls.length === 0) return
  const refusal = gate.refusal({ handler, last: attempts.at(-1) })
  if (refusal !== undefined) throw refusal
}

function run(message: Message, unit: UnitOfWork): unknown {
  invariant(message.handler !== null, 'only what has a handler is run')
  return message.handler.run(message.payload as never, new HandlerContext(unit))
}

function openUnit(engine: Engine, message: Message, { count, infrastructureFailures }: Before): UnitOfWork {
  const { envelope, handler } = message
  invariant(envelope !== null && handler !== null, 'only what could be decoded is run')
  const unit = finalUnit(engine, message, 'done')
  // A unit that ends its own connection takes those along that share its commit: once is enough.
  const own = infrastructureFailures > 0 && engine.database.capabilities.shared
  return new UnitOfWork(engine, { message, envelope, attempt: count + 1, handler, unit: own ? { ...unit, own } : unit })
}

// What it resolves to is not looked at: it could be a promise again, and go round for ever.
function untilExpired(unit: UnitOfWork, result: PromiseLike<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    unit.onExpire = reject
    result.then(() => resolve(), reject)
  })
}
