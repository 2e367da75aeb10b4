import { beginTries, endTries, type Refusal } from '../../ledger/blocked-events.ts'
import { type OutboxRow, readOutbox } from '../../ledger/outbox.ts'
import { emptyUnit } from '../commit/unit.ts'
import type { Instance } from '../instance/instance.ts'
import { describeError } from '../message/fingerprint.ts'
import { recordSize } from '../message/record-size.ts'
import { fateOf } from './append-fate.ts'
import type { BlockedLane } from './blocked-lanes.ts'
import type { OutboxQueue } from './outbox-queue.ts'

export interface ProberDeps {
  readonly instance: Instance
  readonly queue: OutboxQueue
  readonly holdsLease: () => boolean
  /** The log has these, which were blocked. */
  readonly sent: (rows: readonly OutboxRow[]) => void
  /** The key may go on: what waits of it is to be read. */
  readonly free: (lane: BlockedLane) => void
}

/**
 * Tries again what the log has refused.
 *
 * I1 While one is tried, nobody decides about it: the ledger says so before the log is asked.
 */
export class Prober {
  readonly #deps: ProberDeps

  constructor(deps: ProberDeps) {
    this.#deps = deps
  }

  /** **Errors** those that halt, and those of the database. */
  async probe(lanes: readonly BlockedLane[]): Promise<void> {
    const { instance, queue, free } = this.#deps
    try {
      const waiting = await this.#begin(lanes)
      const refusals: Refusal[] = []
      // The first one alone: where nothing is taken at all, the others need not hear it too.
      const [first, ...others] = waiting
      const outcome = first === undefined ? 'away' : await this.#try(first, refusals)
      // Where the first is still refused, those that are known to be too large are too: each comes first in its turn.
      const hopeful = outcome === 'refused' ? others.filter(({ row }) => this.#mayFit(row)) : others
      if (outcome !== 'away') await Promise.all(hopeful.map((one) => this.#try(one, refusals)))
      await this.#end(waiting, refusals)
    } finally {
      queue.blocked.tried(lanes, instance.clock.monotonic())
      for (const lane of lanes) if (!queue.blocked.has(lane.lane)) free(lane)
    }
  }

  #mayFit({ record }: OutboxRow): boolean {
    const { topics } = this.#deps.instance
    const fits = recordSize(record) <= topics.recordBytesMax(record.topic)
    if (!fits) topics.askAgain()
    return fits
  }

  async #begin(lanes: readonly BlockedLane[]): Promise<readonly Tried[]> {
    const { instance, queue } = this.#deps
    const { committer, clock, database } = instance
    let still: ReadonlySet<number> = new Set()
    const seqs = lanes.map(({ seq }) => seq)
    const ledgerSql = async (sql: Parameters<typeof beginTries>[0]): Promise<void> => {
      still = await beginTries(sql, seqs, clock.now())
    }
    await committer.commit({ ...emptyUnit, ledgerSql })
    const found: Tried[] = []
    for (const lane of lanes) {
      const [row] = still.has(lane.seq) ? await readOutbox(database, lane.shard, lane.seq - 1, 1) : []
      // Somebody has decided meanwhile, or its reason could not be kept: it goes the usual way.
      if (row?.seq === lane.seq) found.push({ lane, row })
      else queue.blocked.remove(lane)
    }
    return found
  }

  async #try({ lane, row }: Tried, refusals: Refusal[]): Promise<'gone' | 'refused' | 'away'> {
    const { instance, queue, holdsLease, sent } = this.#deps
    if (!holdsLease()) return 'away'
    // Until it is removed, a look at the outbox must not bring it.
    queue.remember(row.seq)
    try {
      await instance.log.append([row.record])
    } catch (error) {
      queue.forget(row.seq)
      const fate = fateOf(error)
      if (fate === 'halt') throw error
      if (fate !== 'place') refusals.push({ row, ...describeError(error) })
      return fate === 'record' ? 'refused' : 'away'
    }
    queue.blocked.remove(lane)
    sent([row])
    return 'gone'
  }

  /** People may decide again about what has not gone. */
  async #end(tried: readonly Tried[], refusals: readonly Refusal[]): Promise<void> {
    const { instance, queue } = this.#deps
    const known = new Map(refusals.map((one) => [one.row.seq, one]))
    const stuck = tried.filter(({ lane }) => queue.blocked.has(lane.lane))
    const ended = stuck.map(({ row }) => known.get(row.seq) ?? { row, errorClass: null, message: null })
    await instance.committer.commit({ ...emptyUnit, ledgerSql: (sql) => endTries(sql, ended) })
  }
}

interface Tried {
  readonly lane: BlockedLane
  readonly row: OutboxRow
}
