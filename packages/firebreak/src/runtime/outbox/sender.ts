import { FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import { type LogRecord, storedOf } from '../../contracts/log.ts'
import { insertBlocked, type Refusal } from '../../ledger/blocked-events.ts'
import type { OutboxRow } from '../../ledger/outbox.ts'
import { type Backoff, backoffMs } from '../../policy/definition/backoff.ts'
import { emptyUnit } from '../commit/unit.ts'
import type { Instance } from '../instance/instance.ts'
import { describeError } from '../message/fingerprint.ts'
import { recordSize } from '../message/record-size.ts'
import { fateOf } from './append-fate.ts'
import type { OutboxQueue } from './outbox-queue.ts'
import type { Outlet } from './outlet.ts'

const batchMax = 1000
const awayRetry: Backoff = { baseMs: 50, capMs: 2000, jitter: 'full' }
const closedRetry: Backoff = { baseMs: 500, capMs: 30_000, jitter: 'equal' }

export interface SenderDeps {
  readonly instance: Instance
  readonly queue: OutboxQueue
  /** Asked before every append: a process that froze, or waited long for the log, may have lost its shards meanwhile. */
  readonly holdsLease: () => boolean
  /** The log has these; they are to be removed. */
  readonly sent: (rows: readonly OutboxRow[]) => void
}

interface Rest {
  readonly rows: readonly OutboxRow[]
  /** Undefined: the log was not asked. */
  readonly error: unknown
}

const nothing: Rest = { rows: [], error: undefined }

/**
 * Appends what waits for one outlet, and finds out what is the matter when the log refuses.
 *
 * I1 Nothing of a key is appended before what failed of it: bundles are divided and tried in their order, and leave out the
 *    keys that were blocked on the way.
 * I2 What a rejected call has stored is gone: it is never appended again.
 */
export class Sender {
  readonly #deps: SenderDeps

  constructor(deps: SenderDeps) {
    this.#deps = deps
  }

  /** Until nothing is left, or the log takes nothing for this outlet. **Errors** those that halt. */
  async send(outlet: Outlet): Promise<void> {
    const { instance, queue, holdsLease } = this.#deps
    for (;;) {
      // For each call anew: an outlet with much to send is not a slow one.
      outlet.move({ kind: 'begin', nowMs: instance.clock.monotonic() })
      const rows = holdsLease() ? outlet.take(batchMax) : []
      if (rows.length === 0) return outlet.move({ kind: 'end' })
      const left = await this.#settle(rows)
      // Those of keys that were blocked by the way are not given back (I1).
      outlet.giveBack(queue.withoutBlocked(left.rows))
      if (left.error !== undefined) return this.#rest(outlet, left.error)
      if (outlet.failures > 0) queue.blocked.hurry(outlet.id, instance.clock.monotonic())
      outlet.wentWell(instance.clock.monotonic())
    }
  }

  /** Appends them, in halves when one is refused. **Shape** what the log did not take, and why. */
  async #settle(rows: readonly OutboxRow[]): Promise<Rest> {
    const { instance, holdsLease, sent } = this.#deps
    if (rows.length === 0) return nothing
    if (!holdsLease()) return { rows, error: undefined }
    let failure: unknown
    try {
      await instance.log.append(rows.map((row): LogRecord => row.record))
      sent(rows)
      return nothing
    } catch (error) {
      failure = error
    }
    const stored = storedOf(failure)
    if (stored.size > 0) sent(rows.filter((_, i) => stored.has(i)))
    const left = stored.size > 0 ? rows.filter((_, i) => !stored.has(i)) : rows
    switch (fateOf(failure)) {
      case 'halt':
        throw failure
      case 'place':
        return { rows: left, error: failure }
      case 'closed':
        await this.#block(left, failure)
        return { rows: [], error: failure }
      case 'record':
        return left.length > 1 ? this.#sort(left, failure) : this.#block(left, failure)
    }
  }

  /** One of them is refused. Those that are known to be too large need not be asked for one by one. */
  async #sort(rows: readonly OutboxRow[], failure: unknown): Promise<Rest> {
    const { queue, instance } = this.#deps
    if (!isFirebreakError(failure, 'FB_RECORD_TOO_LARGE')) return this.#divide(rows)
    const large = rows.filter(({ record }) => recordSize(record) > instance.topics.recordBytesMax(record.topic))
    if (large.length === 0) return this.#divide(rows)
    instance.topics.askAgain()
    await this.#block(large, failure)
    return this.#settle(queue.withoutBlocked(rows))
  }

  async #divide(rows: readonly OutboxRow[]): Promise<Rest> {
    const { queue } = this.#deps
    const half = rows.length >> 1
    const first = await this.#settle(rows.slice(0, half))
    const later = rows.slice(half)
    if (first.rows.length > 0 || first.error !== undefined)
      return { rows: [...first.rows, ...later], error: first.error }
    return this.#settle(queue.withoutBlocked(later))
  }

  /** The first of each key is refused; all of the key waits from here on, and it is reported once. */
  async #block(rows: readonly OutboxRow[], error: unknown): Promise<Rest> {
    const { instance, queue } = this.#deps
    const refusals = queue.block(rows).map((row) => ({ row, error: this.#errorOf(row, error) }))
    await recordBlocked(instance, refusals)
    return nothing
  }

  /** What is said of a bundle, said of one of its records. */
  #errorOf({ record }: OutboxRow, error: unknown): unknown {
    const [limit, bytes] = [this.#deps.instance.topics.recordBytesMax(record.topic), recordSize(record)]
    if (!isFirebreakError(error, 'FB_RECORD_TOO_LARGE') || bytes <= limit) return error
    return new FirebreakError('FB_RECORD_TOO_LARGE', { type: record.headers['ce_type'] ?? record.topic, bytes, limit })
  }

  #rest(outlet: Outlet, error: unknown): void {
    const { clock, entropy, emit } = this.#deps.instance
    // Told once: it is tried until it works.
    if (outlet.failures === 0) emit({ kind: 'infrastructure-error', where: 'relay', error })
    const retry = fateOf(error) === 'closed' ? closedRetry : awayRetry
    const pauseMs = backoffMs(retry, ++outlet.failures, 0, entropy.random)
    outlet.move({ kind: 'fail', untilMs: clock.monotonic() + pauseMs })
  }
}

/** Keeps why they do not go. Where that fails they are refused once more, and kept then. */
async function recordBlocked(
  instance: Instance,
  refused: readonly { row: OutboxRow; error: unknown }[],
): Promise<void> {
  const { committer, clock, emit } = instance
  const refusals = refused.map(({ row, error }): Refusal => ({ row, ...describeError(error) }))
  try {
    await committer.commit({ ...emptyUnit, ledgerSql: (sql) => insertBlocked(sql, refusals, clock.now()) })
  } catch (failure) {
    emit({ kind: 'infrastructure-error', where: 'database', error: failure })
    return
  }
  if (emit === undefined) return
  for (const { row, error } of refused) {
    const { topic, key, headers } = row.record
    const about = { topic, key, eventId: headers['ce_id'] ?? null, eventType: headers['ce_type'] ?? null }
    emit({ kind: 'blocked', number: row.seq, ...about, error })
  }
}
