import type { Queue } from './messages.ts'

/** Looks that are kept: as many as a sparkline draws, of one and a half minutes. */
const KEPT = 180

/** What waits for each service, since when, and how it has changed. */
export class Queues {
  readonly #queues = new Map<string, Queue>()
  /** Service -> records that are on their way to it at any moment, and are no backlog. */
  readonly #inPassing: Readonly<Record<string, number>>

  constructor(inPassing: Readonly<Record<string, number>> = {}) {
    this.#inPassing = inPassing
  }

  /** One look: records that each service has not finished. */
  take(backlog: Readonly<Record<string, number>>, nowMs: number): void {
    for (const [service, records] of Object.entries(backlog)) {
      const before = this.#queues.get(service)
      const waiting = records > (this.#inPassing[service] ?? 0) ? records : 0
      this.#queues.set(service, {
        waiting,
        sinceMs: waiting === 0 ? null : (before?.sinceMs ?? nowMs),
        history: [...(before?.history ?? []), waiting].slice(-KEPT),
      })
    }
  }

  snapshot(): Readonly<Record<string, Queue>> {
    return Object.fromEntries(this.#queues)
  }
}
