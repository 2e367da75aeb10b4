import type { Timer } from '../../contracts/clock.ts'
import { inTransaction } from '../../contracts/sql/in-transaction.ts'
import { dropJobLease, dropStillLease, readJobLeases, renewJobLease } from '../../ledger/job-leases.ts'
import { suspectTypes } from '../../ledger/jobs/claim-jobs.ts'
import { cancelledOf, holdersOf, releaseHolder } from '../../ledger/jobs/holders.ts'
import { lostReplay } from '../../ledger/jobs/job-decisions.ts'
import { type LeaseRow, LeaseWatch } from '../../ledger/leases.ts'
import { endReplay } from '../../ledger/letters.ts'
import type { Instance } from '../instance/instance.ts'

/** After how long without a sign of it an instance is dead. Instances that share a file are few, and a renewal costs them little. */
const leaseOnServerMs = 30_000
const leaseOnFileMs = 10_000
const renewalsPerLease = 3
const lookEveryMs = 1000

/** A job of this instance whose end somebody asks for. */
export interface AskedCancel {
  readonly id: string
  readonly claim: number
}

export interface HolderTargets {
  /** Whether this instance holds any job. */
  readonly isBusy: () => boolean
  readonly cancel: (asked: readonly AskedCancel[]) => void
  /** Types of which a job is due that must run alone. */
  readonly suspects: (types: readonly string[]) => void
  /** Jobs were set free. */
  readonly freed: () => void
}

/**
 * Who holds jobs and lives: keeps the lease of this instance, frees the jobs of those that do not keep theirs, and hears what is to be
 * cancelled.
 *
 * I1 This instance claims nothing before its lease is written, nor after it has not been renewed for its whole time.
 * I2 A holder is dead when its lease is gone, or has not moved for its whole time as this instance's own clock counts: clocks need not agree.
 */
export class JobHolders {
  readonly #instance: Instance
  readonly #holder: string
  readonly #targets: HolderTargets
  readonly #leaseMs: number
  readonly #watch = new LeaseWatch()
  #timer: Timer | undefined
  #renewedAtMs = Number.NEGATIVE_INFINITY
  #stopped = false

  constructor(instance: Instance, holder: string, targets: HolderTargets) {
    this.#instance = instance
    this.#holder = holder
    this.#targets = targets
    this.#leaseMs = instance.database.capabilities.shared ? leaseOnServerMs : leaseOnFileMs
  }

  get hasLease(): boolean {
    return this.#instance.clock.monotonic() - this.#renewedAtMs < this.#leaseMs
  }

  async start(): Promise<void> {
    await this.#renew()
    this.#again()
  }

  /** Resolves when nothing of it goes on. The jobs of this instance are free before. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await inTransaction(this.#instance.database, (sql) => dropJobLease(sql, this.#holder))
  }

  #again(): void {
    if (!this.#stopped) this.#timer = this.#instance.clock.schedule(lookEveryMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    const { database, clock, emit } = this.#instance
    try {
      if (clock.monotonic() - this.#renewedAtMs >= this.#leaseMs / renewalsPerLease) await this.#renew()
      if (this.#targets.isBusy()) this.#targets.cancel(await cancelledOf(database, this.#holder))
      await this.#freeDead()
      this.#targets.suspects(await suspectTypes(database, clock.now()))
    } catch (error) {
      if (!this.#stopped) emit({ kind: 'infrastructure-error', where: 'database', error })
    }
    this.#again()
  }

  async #renew(): Promise<void> {
    const { clock, database } = this.#instance
    const askedAtMs = clock.monotonic()
    await inTransaction(database, (sql) => renewJobLease(sql, this.#holder, clock.now() + this.#leaseMs))
    this.#renewedAtMs = askedAtMs
  }

  async #freeDead(): Promise<void> {
    const { database, clock } = this.#instance
    const [holders, rows] = [await holdersOf(database), await readJobLeases(database)]
    const atMs = clock.monotonic()
    this.#watch.look(rows, atMs)
    const byHolder = new Map(rows.map((row) => [row.holder, row]))
    for (const holder of new Set([...holders, ...byHolder.keys()])) {
      const row = byHolder.get(holder)
      const isDead = row === undefined || this.#watch.stillMs(row, atMs) >= this.#leaseMs
      if (holder !== this.#holder && isDead && !this.#stopped) await this.#release(holder, row)
    }
  }

  async #release(holder: string, row: LeaseRow | undefined): Promise<void> {
    const { clock, database } = this.#instance
    const freed = await inTransaction(database, async (sql): Promise<number> => {
      if (row !== undefined && !(await dropStillLease(sql, row))) return 0
      const atMs = clock.now()
      return releaseHolder(sql, holder, atMs, async (replays) => {
        for (const { letterId, decision } of replays) {
          const end = { by: decision?.by ?? holder, note: lostReplay('cancelled', decision?.note), atMs }
          await endReplay(sql, database.capabilities, letterId, { to: 'discarded', ...end })
        }
      })
    })
    if (freed > 0) this.#targets.freed()
  }
}
