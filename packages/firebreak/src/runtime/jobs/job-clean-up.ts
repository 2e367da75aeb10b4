import type { Timer } from '../../contracts/clock.ts'
import { inTransaction } from '../../contracts/sql/in-transaction.ts'
import { forgetEnds } from '../../ledger/jobs/job-ends.ts'
import { forgetRequests } from '../../ledger/requests.ts'
import type { Instance } from '../instance/instance.ts'

const everyMs = 60_000
/** In one commit; where there are more, the next one comes soon. */
const atOnce = 500
const soonMs = 1000

/** Forgets the ends of jobs, and the requests for them, when they need not be kept any more. Every instance does; they do not wait for each other. */
export class JobCleanUp {
  readonly #instance: Instance
  #timer: Timer | undefined
  #stopped = false

  constructor(instance: Instance) {
    this.#instance = instance
  }

  start(): void {
    this.#after(everyMs)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #after(ms: number): void {
    if (!this.#stopped) this.#timer = this.#instance.clock.schedule(ms, () => void this.#clean())
  }

  async #clean(): Promise<void> {
    const { database, clock, emit } = this.#instance
    let forgotten = 0
    try {
      forgotten = await inTransaction(database, (sql) => forgetEnds(sql, clock.now(), atOnce))
      // Behind it, as what is kept of a job says how long its requests are.
      forgotten += await inTransaction(database, (sql) => forgetRequests(sql, clock.now(), atOnce))
    } catch (error) {
      if (!this.#stopped) emit({ kind: 'infrastructure-error', where: 'database', error })
    }
    this.#after(forgotten >= atOnce ? soonMs : everyMs)
  }
}
