import { sleep } from '../../contracts/clock.ts'
import type { Cursor, LogEntry } from '../../contracts/log.ts'
import { nextTurn } from '../../node/turn.ts'
import type { Backpressure } from '../instance/backpressure.ts'
import { classify, failedEngine } from '../instance/decide.ts'
import type { Instance } from '../instance/instance.ts'
import { retryUntilDone } from '../instance/retry-until-done.ts'
import type { Acceptance } from './acceptance.ts'
import type { Assignment } from './assignment.ts'
import type { IntakeLimits } from './intake-limits.ts'
import type { Membership } from './membership.ts'
import type { PositionCommits } from './position-commits.ts'

const pollWaitMs = 5000
// Nothing wakes a poll when an outbox or a parked lane drains; looking again costs next to nothing.
const pausedWaitMs = 250

export interface PollParts {
  readonly instance: Instance
  readonly membership: Membership
  readonly assignment: Assignment
  readonly acceptance: Acceptance
  readonly positions: PositionCommits
  readonly limits: IntakeLimits
  readonly backpressure: Backpressure
  readonly stop: AbortSignal
}

/** Polls until the stop: follow the assignment, take what has come. Never rejects. */
export class PollLoop {
  readonly #parts: PollParts

  constructor(parts: PollParts) {
    this.#parts = parts
  }

  async run(): Promise<void> {
    const { instance, membership, assignment, stop } = this.#parts
    for (let failures = 0; !stop.aborted; ) {
      try {
        await this.#turn(membership.cursor ?? (await membership.join()))
        if (membership.isAhead || assignment.claims.some((claimed) => claimed.fenced)) await this.#rejoin()
        failures = 0
      } catch (error) {
        if (stop.aborted) return
        if (classify(error).kind === 'halt') return instance.halt(error as Error)
        instance.emit({ kind: 'infrastructure-error', where: failedEngine(error), error })
        if (membership.hasHandedOut) await this.#rejoin()
        failures++
        await sleep(instance.clock, Math.min(1000, 50 * failures), stop)
      }
    }
  }

  /**
   * Starts again from what is committed: the database gave a partition to somebody else while the log had not, or records that
   * were handed out could not be accepted.
   */
  async #rejoin(): Promise<void> {
    const { instance, membership, assignment } = this.#parts
    await assignment.release(assignment.claims, instance.limits.drainMs)
    await membership.leave().catch((error) => instance.emit({ kind: 'infrastructure-error', where: 'log', error }))
  }

  async #turn(cursor: Cursor): Promise<void> {
    const { membership, assignment, acceptance, positions, limits, stop } = this.#parts
    // A log may assign at once: what is parked there must not wait for the first record.
    if (assignment.claims.length === 0) await this.#follow(cursor)
    if (membership.isAhead) return
    const entries = await this.#poll(cursor)
    if (stop.aborted) return
    if (entries.length > 0) membership.handedOut()
    await this.#follow(cursor)
    if (membership.isAhead) return
    if (entries.length > 0) {
      await acceptance.accept(entries)
      positions.commitSoon()
    }
    membership.accepted()
    if (limits.manyHandlersRun) await new Promise<void>(nextTurn)
  }

  async #follow(cursor: Cursor): Promise<void> {
    const { instance, assignment, stop } = this.#parts
    await retryUntilDone(instance, stop, () => assignment.follow(cursor))
  }

  #poll(cursor: Cursor): Promise<readonly LogEntry[]> {
    const { assignment, limits, backpressure, stop } = this.#parts
    const paused = limits.paused(assignment.claims)
    cursor.pause(paused)
    const { recordsMax } = limits
    if (paused.length === 0) return cursor.poll({ recordsMax, waitMs: pollWaitMs, signal: stop })
    const signal = AbortSignal.any([backpressure.untilRoom(), stop])
    return cursor.poll({ recordsMax, waitMs: pausedWaitMs, signal })
  }
}
