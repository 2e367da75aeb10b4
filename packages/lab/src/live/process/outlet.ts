import { isFirebreakError } from 'firebreak'
import type { PlacedDraws } from '../../math/random-streams.ts'
import type { QueueEdge } from '../../model/scenario.ts'
import { sample } from '../../sim/distributions.ts'
import type { ChannelFaults, QueuePart } from '../../sim/parts.ts'
import type { Outcome, Visit } from '../../sim/visit.ts'
import type { MessageEvent, Payload } from './message.ts'
import type { PublishedRecord } from './protocol.ts'
import type { Publisher } from './publisher.ts'
import type { LiveTime } from './time.ts'

export interface RealOutletOptions {
  readonly edge: QueueEdge
  readonly publisher: Publisher
  readonly time: LiveTime
  readonly draws: PlacedDraws
  /** What the time until a message can be seen is drawn with. */
  readonly purpose: number
  /** All that was published goes here. */
  readonly records: PublishedRecord[]
}

/**
 * A queue edge in the process of its publisher.
 *
 * `outbox`: the answer waits for the commit of the service's own database; `direct`: for the log.
 */
export class RealOutlet implements QueuePart {
  readonly edge: QueueEdge
  /** Published, and not yet committed. */
  pending = 0
  readonly #options: RealOutletOptions
  readonly #event: MessageEvent
  #number = 0

  constructor(options: RealOutletOptions) {
    this.edge = options.edge
    this.#options = options
    this.#event = options.publisher.eventOf(options.edge)
  }

  setFaults({ isBrokerDown }: ChannelFaults): void {
    this.#options.publisher.faultyLog.setAway(this.edge.id, isBrokerDown)
  }

  /** `done` is called when it is committed, or in the log. */
  publishAndWait(visit: Visit, done: (outcome: Outcome) => void): void {
    const { time, draws, purpose } = this.#options
    const { request, number } = visit
    const delayMs = sample(this.edge.network, draws.seek(purpose ^ request.salt, request.n, number).uniform)
    const publish = (): void => void this.#publish(visit).then((outcome) => time.enter(() => done(outcome)))
    this.pending++
    if (delayMs === 0) publish()
    else time.after(delayMs, publish)
  }

  async #publish({ request }: Visit): Promise<Outcome> {
    const { publisher, time, records } = this.#options
    const { n, salt, key, critical } = request
    const number = this.#number++
    const atUs = Math.round(time.clock.monotonic() * 1000)
    const own = this.edge.kind === 'stream' ? `${key}` : `${number}`
    const payload: Payload = { key: own, number, n, salt, keyNumber: key, critical }
    try {
      if (this.edge.publish === 'direct') await publisher.runtime.publish(this.#event, payload)
      else await publisher.runtime.transaction(async (tx) => tx.publish(this.#event, payload))
      records.push({ edge: this.edge.id, number, n, salt, atUs })
      return undefined
    } catch (error) {
      if (isFirebreakError(error) && error.kind === 'transient') return 'broker'
      throw error
    } finally {
      this.pending--
    }
  }
}
