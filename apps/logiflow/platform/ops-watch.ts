import { every, nowMs } from './machine.ts'
import type { LetterSummary, OpsSnapshot, ReplayResult } from './messages.ts'
import type { Notices } from './notices.ts'
import type { OpsDesk } from './ops-desk.ts'
import { Queues } from './queues.ts'
import type { Supervisor } from './supervisor.ts'

const LOOK_EVERY_MS = 500
/** Every truck reports at the same moment: that many positions on their way to the portal are no backlog. */
const inPassing = { portal: 40 }

/** Looks twice a second and tells everybody; notes dead letters and the end of their replays in the terminal. */
export class OpsWatch {
  readonly #supervisor: Supervisor
  readonly #desk: OpsDesk
  readonly #notices: Notices
  readonly #queues = new Queues(inPassing)
  readonly #known = new Set<string>()
  readonly #timer: NodeJS.Timeout
  #isFirst = true
  #isAsking = false
  #letters: readonly LetterSummary[] = []
  #replays: readonly ReplayResult[] = []

  constructor(supervisor: Supervisor, desk: OpsDesk, notices: Notices) {
    this.#supervisor = supervisor
    this.#desk = desk
    this.#notices = notices
    this.#timer = every(LOOK_EVERY_MS, () => this.#look())
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    // Log or database is unavailable for a moment: all are told who is up all the same.
    if (this.#isAsking) {
      this.#tell()
      return
    }
    this.#isAsking = true
    this.#ask()
      .catch(() => {})
      .finally(() => {
        this.#isAsking = false
        this.#tell()
      })
  }

  async #ask(): Promise<void> {
    const [backlog, letters, replays] = await Promise.all([
      this.#desk.backlog(),
      this.#desk.letters(),
      this.#desk.replays(),
    ])
    this.#queues.take(backlog, nowMs())
    this.#letters = letters
    this.#replays = replays
    for (const { id, service, message } of letters)
      this.#note(id, service, `✖ dead letter: ${message}. Everything else goes on; replay it on the page.`)
    for (const { id, service, eventType, key } of replays)
      this.#note(
        `replayed ${id}`,
        service,
        `✔ replayed ${eventType} of ${key}: handled. No other service saw it again.`,
      )
    this.#isFirst = false
  }

  /** Once each; what was there before the start is no news. */
  #note(what: string, service: string, text: string): void {
    if (!this.#known.has(what) && !this.#isFirst) this.#notices.note(service, text)
    this.#known.add(what)
  }

  #tell(): void {
    const snapshot: OpsSnapshot = {
      ...{ atMs: nowMs(), services: this.#supervisor.statuses(), queues: this.#queues.snapshot() },
      ...{ letters: this.#letters, replays: this.#replays },
    }
    this.#supervisor.tell({ kind: 'ops', ops: snapshot })
  }
}
