import { FirebreakError, invariant } from '../../contracts/errors.ts'
import type { HandlerTerms } from '../../define/handle.ts'
import type { Instance } from '../instance/instance.ts'
import type { Delivery } from '../partition/partition.ts'
import { isThenable } from '../user-code/thenable.ts'
import { about, cleared, reportEnd } from './about.ts'
import type { AttemptFailure, AttemptState } from './attempt-state.ts'
import { finalUnit } from './delivery-unit.ts'
import { HandlerContext } from './handler-context.ts'
import { note, rest, screen, survived } from './suspicion.ts'
import { type CommitFailure, type Party, UnitOfWork } from './unit-of-work.ts'

/**
 * Runs the handler once and commits its unit of work. Resolves with why it failed, or undefined when it is committed.
 *
 * The handler's place is taken here and given back when its code is through, so that neither a commit nor a wait holds it.
 */
export async function runAttempt(
  instance: Instance,
  delivery: Delivery,
  state: AttemptState,
): Promise<AttemptFailure | undefined> {
  const number = state.count + 1
  const { clock } = instance
  const startedAtMs = clock.now()
  const sinceMs = clock.monotonic()
  let unit: UnitOfWork | undefined
  let by: Party = 'engine'
  try {
    if (delivery.broken !== undefined) throw delivery.broken
    const screened = screen(delivery)
    if (screened === 'alone') await rest(instance, delivery)
    const place = instance.slots.acquire(screened === 'alone')
    if (place !== undefined) await place
    unit = openUnit(instance, delivery, state)
    refuseLate(instance, delivery)
    if (delivery.handler !== null) refuseShut(instance, delivery.handler, state)
    if (screened !== 'trusted') await note(instance, delivery, screened === 'alone')
    by = 'handler'
    const result = run(delivery, unit)
    if (isThenable(result)) {
      instance.deadlines.add(unit)
      await untilExpired(unit, result, nothing)
    }
    by = 'engine'
    const kind = (await unit.complete()) === 'committed' ? 'done' : 'duplicate'
    cleared(delivery)
    reportEnd(instance, delivery, { kind, attempt: number, sinceMs })
    return undefined
  } catch (error) {
    if (await outcomeAfter(instance, delivery, { error, unit, number, sinceMs })) return undefined
    const { error: reason, by: party } = await survived(instance, delivery, unit?.failure ?? failureOf(error, by, unit))
    const durationMs = clock.monotonic() - sinceMs
    return { error: reason ?? new Error('the handler threw nothing'), by: party, startedAtMs, durationMs }
  } finally {
    unit?.end(unit.failure?.error)
    if (unit !== undefined) instance.deadlines.remove(unit)
  }
}

// What a handler passes on of its own database is not its failure.
function failureOf(error: unknown, by: Party, unit: UnitOfWork | undefined): CommitFailure {
  return { error, by: error !== undefined && error === unit?.readFailure ? 'engine' : by }
}

// A handler can fail after its unit of work has been committed, or because somebody else handled the event: then there is
// an outcome all the same, and nothing is tried again.
async function outcomeAfter(
  instance: Instance,
  delivery: Delivery,
  { error, unit, number, sinceMs }: { error: unknown; unit: UnitOfWork | undefined; number: number; sinceMs: number },
): Promise<boolean> {
  const committed = (await unit?.settled()) ?? false
  const isDuplicate = unit?.outcome === 'duplicate'
  if (!isDuplicate && !committed) return false
  cleared(delivery)
  if (!isDuplicate && error !== unit?.lost) instance.emit({ kind: 'error-after-commit', error, ...about(delivery) })
  reportEnd(instance, delivery, { kind: isDuplicate ? 'duplicate' : 'done', attempt: number, sinceMs })
  return true
}

// While it waited for its place the partition may have gone, or the stop have begun: the next owner has it.
function refuseLate({ stopping }: Instance, { partition }: Delivery): void {
  if (partition.fenced || stopping.aborted) throw new FirebreakError('FB_FENCED', { partition: partition.id })
}

/** Asked once a handler has its place: while it waited for one, a breaker may have opened. */
export function refuseShut({ gate }: Instance, handler: HandlerTerms, { attempts }: AttemptState): void {
  if (handler.calls.length === 0) return
  const refusal = gate.refusal({ handler, last: attempts.at(-1) })
  if (refusal !== undefined) throw refusal
}

function run(delivery: Delivery, unit: UnitOfWork): unknown {
  invariant(delivery.handler !== null, 'only what has a handler is run')
  return delivery.handler.run(delivery.payload as never, new HandlerContext(unit))
}

function openUnit(instance: Instance, delivery: Delivery, { count, infrastructureFailures }: AttemptState): UnitOfWork {
  const { envelope, handler } = delivery
  invariant(envelope !== null && handler !== null, 'only what could be decoded is run')
  const unit = finalUnit(instance, delivery, 'done')
  // A unit that ends its own connection takes those along that share its commit: once is enough.
  const own = infrastructureFailures > 0 && instance.database.capabilities.shared
  return new UnitOfWork(instance, {
    subject: delivery,
    envelope,
    slots: instance.slots,
    attempt: count + 1,
    handler,
    unit: own ? { ...unit, own } : unit,
  })
}

/** Waits for a handler until its deadline. What it resolves to is boxed or dropped: it could be a promise again, and go round forever. */
export function untilExpired<T>(
  unit: UnitOfWork,
  result: PromiseLike<unknown>,
  take: (value: unknown) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    unit.onExpire = reject
    result.then((value) => resolve(take(value)), reject)
  })
}

const nothing = (): void => undefined
