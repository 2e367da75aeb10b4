/**
 * A service: instances with workers and queues, and what goes on in them.
 *
 * I1 A visit is in `#live` from its arrival until it leaves, and leaves once.
 * I2 A worker is held from the start of a visit until it leaves: its instance's `busy` counts exactly those.
 * I3 While the service is down nobody is there. While it hangs nothing ends.
 */
import { ServerQueue } from 'firebreak/internal'
import type { PlacedDraws } from '../math/random-streams.ts'
import type { ServiceModel } from '../model/scenario.ts'
import { sample } from './distributions.ts'
import { failureProbability, latencyFactor } from './overload.ts'
import type { Entry, Health } from './parts.ts'
import { StationStats, type VisitEnd } from './station-stats.ts'
import { toUs, type VirtualTime } from './virtual-time.ts'
import type { Outcome, OutgoingWork, Visit, VisitHost } from './visit.ts'

export const wellHealth: Health = { isDown: false, isHung: false, capacity: 1, latencyFactor: 1, errors: 0 }

export interface StationOptions {
  readonly model: ServiceModel
  /** Its number among the services. */
  readonly index: number
  readonly time: VirtualTime
  readonly draws: PlacedDraws
  /** What its demands and its luck are drawn with. */
  readonly purpose: number
  readonly measuredFromUs: number
}

export class Station implements Entry, VisitHost {
  readonly model: ServiceModel
  readonly index: number
  readonly stats: StationStats
  /** Makes what a visit sends out; undefined: the service calls nobody. */
  outgoingOf: ((visit: Visit) => OutgoingWork) | undefined
  readonly #time: VirtualTime
  readonly #draws: PlacedDraws
  readonly #purpose: number
  readonly #instances: readonly ServerQueue<Visit>[]
  #health = wellHealth
  #turn = 0
  #live: Visit[] = []
  #busy = 0
  /** Came back from their calls while the service hung. */
  #held: { readonly visit: Visit; readonly outcome: Outcome }[] = []

  constructor({ model, index, time, draws, purpose, measuredFromUs }: StationOptions) {
    this.model = model
    this.index = index
    this.stats = new StationStats(measuredFromUs)
    this.#time = time
    this.#draws = draws
    this.#purpose = purpose
    const { max, order, maxWaitMs } = model.queue
    const spec = { concurrency: model.concurrency, queueMax: max, order, waitMaxMs: maxWaitMs, codel: model.shed }
    this.#instances = Array.from({ length: model.instances }, () => {
      return new ServerQueue<Visit>(spec, (visit) => this.#leave(visit, 'shed'))
    })
  }

  /** Visits that have a worker. */
  get busy(): number {
    return this.#busy
  }

  get queued(): number {
    return this.#live.length - this.#busy
  }

  get live(): readonly Visit[] {
    return this.#live
  }

  /** Workers held and requests waiting by the instances' own count; for checks. */
  get counted(): { readonly busy: number; readonly queued: number } {
    const busy = this.#instances.reduce((sum, instance) => sum + instance.busy, 0)
    return { busy, queued: this.#instances.reduce((sum, instance) => sum + instance.queued, 0) }
  }

  /** How long a visit has been there. */
  presentUs(visit: Visit): number {
    return this.#time.nowUs - visit.arrivedUs
  }

  integrate(): void {
    this.stats.integrate(this.#time.nowUs, this.#live.length, this.#busy)
  }

  arrive(visit: Visit): void {
    visit.host = this
    visit.arrivedUs = this.#time.nowUs
    this.integrate()
    this.stats.arrived(visit)
    visit.place = this.#live.push(visit) - 1
    const refused = this.#refusal(visit)
    if (refused !== undefined) {
      this.#leave(visit, refused)
      return
    }
    visit.instance = this.#turn
    this.#turn = (this.#turn + 1) % this.#instances.length
    visit.state = 'queued'
    const queue = this.#queueOf(visit)
    const answer = queue.offer(this.#time.now(), visit, visit.request.critical)
    if (answer === 'start') this.#start(visit, false)
    else if (answer === 'full') this.#leave(visit, 'full')
    else this.stats.queued(this.#time.nowUs, this.queued)
  }

  /** The caller's word that it does not wait any more has arrived. */
  abandon(visit: Visit): void {
    if (this.model.onCancel === 'ignore' || this.#health.isHung) return
    if (visit.state === 'new' || visit.state === 'gone') return
    if (visit.state === 'queued') this.#queueOf(visit).remove(visit)
    if (visit.state === 'calling') visit.outgoing?.cancel()
    this.#leave(visit, 'given-up')
  }

  /** Its own work is done. */
  worked(visit: Visit): void {
    if (visit.fails) this.#leave(visit, 'error')
    else if (this.outgoingOf === undefined) this.#leave(visit, undefined)
    else {
      visit.state = 'calling'
      visit.outgoing = this.outgoingOf(visit)
      visit.outgoing.begin()
    }
  }

  returned(visit: Visit, outcome: Outcome): void {
    if (this.#health.isHung) this.#held.push({ visit, outcome })
    else this.#leave(visit, outcome)
  }

  setHealth(health: Health): void {
    const before = this.#health
    this.#health = health
    if (health.isDown && !before.isDown) this.#crash()
    if (health.capacity !== before.capacity) this.#staff(health.capacity)
    if (health.isHung && !before.isHung) this.#freeze()
    if (!health.isHung && before.isHung) this.#thaw()
  }

  #refusal(visit: Visit): Outcome {
    if (this.#health.isDown) return 'refused'
    return visit.deadlineAtMs <= this.#time.now() ? 'deadline' : undefined
  }

  #queueOf(visit: Visit): ServerQueue<Visit> {
    return this.#instances[visit.instance] as ServerQueue<Visit>
  }

  #start(visit: Visit, hadToWait: boolean): void {
    this.integrate()
    this.#busy++
    visit.state = 'working'
    visit.startedUs = this.#time.nowUs
    this.stats.started(visit, hadToWait)
    const load = { inService: this.#busy, capacity: this.#health.capacity }
    const draws = this.#draws.seek(this.#purpose ^ visit.request.salt, visit.request.n, visit.number)
    // Luck comes first: it is one draw, whatever the distribution of the latency needs.
    const luck = draws.uniform()
    visit.fails = luck < 1 - (1 - failureProbability(this.model, load)) * (1 - this.#health.errors)
    const factor = latencyFactor(this.model, load) * this.#health.latencyFactor
    visit.leftUs = toUs(sample(this.model.latency, draws.uniform) * factor)
    visit.endsUs = visit.startedUs + visit.leftUs
    if (!this.#health.isHung) this.#time.at(visit.endsUs, visit)
  }

  #leave(visit: Visit, outcome: Outcome | 'given-up'): void {
    if (visit.state === 'gone') return
    this.integrate()
    const hadWorker = visit.state !== 'new' && visit.state !== 'queued'
    visit.state = 'gone'
    this.#time.cancel(visit)
    const last = this.#live.pop() as Visit
    if (last !== visit) {
      last.place = visit.place
      this.#live[visit.place] = last
    }
    this.stats.left(visit, endOf(outcome, hadWorker), this.#time.nowUs, hadWorker)
    if (hadWorker) this.#release(this.#queueOf(visit))
    if (outcome !== 'given-up' && !visit.isGivenUp) visit.caller.answered(outcome)
  }

  #release(queue: ServerQueue<Visit>): void {
    this.#busy--
    queue.finish(this.#time.now())
    if (!this.#health.isDown) this.#pull(queue)
  }

  #pull(queue: ServerQueue<Visit>): void {
    const now = this.#time.now()
    for (let visit = queue.next(now); visit !== undefined; visit = queue.next(now)) {
      if (visit.deadlineAtMs > now) this.#start(visit, true)
      else {
        queue.finish(now)
        this.#leave(visit, 'deadline')
      }
    }
  }

  #crash(): void {
    for (const visit of this.#live.slice()) {
      if (visit.state === 'queued') this.#queueOf(visit).remove(visit)
      if (visit.state === 'calling') visit.outgoing?.cancel()
      this.#leave(visit, 'crash')
    }
  }

  #staff(capacity: number): void {
    const { instances, concurrency } = this.model
    const workers = Math.round(instances * concurrency * capacity)
    for (const [index, queue] of this.#instances.entries()) {
      const share = Math.floor(workers / instances) + (index < workers % instances ? 1 : 0)
      queue.setConcurrency(concurrency !== Number.POSITIVE_INFINITY ? share : capacity > 0 ? concurrency : 0)
      this.#pull(queue)
    }
  }

  #freeze(): void {
    for (const visit of this.#live) {
      if (visit.state !== 'working') continue
      visit.leftUs = visit.endsUs - this.#time.nowUs
      this.#time.cancel(visit)
    }
  }

  #thaw(): void {
    for (const visit of this.#live) {
      if (visit.state !== 'working') continue
      visit.endsUs = this.#time.nowUs + visit.leftUs
      this.#time.at(visit.endsUs, visit)
    }
    const held = this.#held
    this.#held = []
    for (const { visit, outcome } of held) this.#leave(visit, outcome)
  }
}

function endOf(outcome: Outcome | 'given-up', hadWorker: boolean): VisitEnd {
  if (outcome === undefined) return 'completed'
  if (outcome === 'given-up') return 'abandoned'
  return hadWorker ? 'failed' : 'rejected'
}
