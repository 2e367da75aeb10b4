import { contextOfNow } from '../../node/open-units.ts'
import { nextTurn } from '../../node/turn.ts'
import type { GroupCommitter, PendingUnit } from './group-committer.ts'
import type { Unit, UnitOutcome } from './unit.ts'

const groupMax = 1024

/**
 * Commits units of work in groups: all that arrive in one turn of the event loop share one transaction and one fsync.
 *
 * I1 One group at a time; groups and the units in them keep their order, so outbox order is commit order. Two copies of an
 *    event are never in one group: the later one has to see what became of the first.
 * I2 Positions and accounts of a unit become durable in the same commit as its effects, or not at all.
 * I3 A unit whose partition somebody else has claimed fails with `FB_FENCED` before its body runs.
 * I4 A unit that may have failed because of those beside it is run in a commit of its own before it counts as failed.
 * I5 It runs in nobody's async context: what a handler has put there must not reach the units of others.
 */
export class CommitQueue {
  readonly #committer: GroupCommitter
  readonly #sweep: () => Promise<void>
  readonly #inOwnContext = contextOfNow()
  #queue: PendingUnit[] = []
  #isRunning = false
  #idlers: (() => void)[] = []

  /** `sweep` is called after each commit; it forgets what may be forgotten, and never rejects. */
  constructor(committer: GroupCommitter, sweep: () => Promise<void>) {
    this.#committer = committer
    this.#sweep = sweep
  }

  /**
   * Resolves when it is durable, or when the user's code has failed it. Rejects with `FB_FENCED`, or with what the database
   * or the ledger is to blame for.
   */
  commit(unit: Unit): Promise<UnitOutcome> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ unit, resolve, reject })
      if (this.#isRunning) return
      this.#isRunning = true
      this.#inOwnContext(() => nextTurn(() => this.#run()))
    })
  }

  /** Resolves when nothing waits or runs. */
  idle(): Promise<void> {
    if (!this.#isRunning) return Promise.resolve()
    return new Promise((resolve) => this.#idlers.push(resolve))
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#committer.commit(this.#takeGroup())
      void this.#sweep()
    }
    this.#isRunning = false
    for (const resolve of this.#idlers.splice(0)) resolve()
  }

  /**
   * The units of the queue that can share a commit. What wants its own waits until it is the first, and so does the second
   * copy of an event; those behind it need not.
   */
  #takeGroup(): readonly PendingUnit[] {
    const [group, rest]: [PendingUnit[], PendingUnit[]] = [[], []]
    const ids = new Set<string>()
    for (const one of this.#queue) {
      const { inboxId, own } = one.unit
      const fits = group.length === 0 || (!own && group.length < groupMax && !group[0]?.unit.own)
      const isCopy = inboxId !== null && ids.has(inboxId)
      if (fits && !isCopy) {
        group.push(one)
        if (inboxId !== null) ids.add(inboxId)
      } else rest.push(one)
    }
    this.#queue = rest
    return group
  }
}
