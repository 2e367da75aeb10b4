/**
 * A service of the scenario as a process of its own.
 *
 * I1 Every request that arrives is a visit of the station from then on, and is answered once, unless its caller has gone.
 * I2 Whatever reaches the station, its calendar and its outgoing calls from outside does so within `LiveTime.enter`.
 */

import type { Agent, Server } from 'node:http'
import { PlacedDraws, randomStream, seedFor } from '../../math/random-streams.ts'
import type { QueueEdge, ServiceModel, SyncEdge } from '../../model/scenario.ts'
import { groupsOf } from '../../sim/arm-graph.ts'
import { OutgoingCalls } from '../../sim/outgoing-calls.ts'
import { Station } from '../../sim/station.ts'
import { toUs } from '../../sim/virtual-time.ts'
import { type Outcome, Visit } from '../../sim/visit.ts'
import { AttemptStats } from './attempt-stats.ts'
import { setRealFaults } from './faults.ts'
import { serviceReport } from './figures.ts'
import { type Arrival, answer, createAgent, listen, warmUp } from './http.ts'
import { RealLink } from './link.ts'
import { Origins } from './origins.ts'
import { RealOutlet } from './outlet.ts'
import type { ProcessRole } from './process-role.ts'
import {
  emptyReport,
  type Ports,
  type PublishedRecord,
  type Report,
  type Setup,
  type Status,
  type WindowSample,
} from './protocol.ts'
import type { Publisher } from './publisher.ts'
import type { LiveTime } from './time.ts'

/** A service of the scenario as a process: HTTP in front, the model of its work inside, calls and messages behind. */
export async function openService(setup: Setup, model: ServiceModel): Promise<ProcessRole> {
  const edges = setup.arm.edges.filter((edge): edge is QueueEdge => edge.kind !== 'sync' && edge.from === model.name)
  // Most services publish nothing, and start sooner without what they would need for it.
  const publisher =
    edges.length === 0 ? undefined : await (await import('./publisher.ts')).openPublisher(setup, model.name, edges)
  let part: RealService | undefined
  const { server, port } = await listen((arrival) => part?.arrived(arrival))
  part = new RealService(setup, { model, publisher, server, port })
  return part
}

interface Parts {
  readonly model: ServiceModel
  /** undefined: it publishes nothing. */
  readonly publisher: Publisher | undefined
  readonly server: Server
  readonly port: number
}

/** What there is once the run has begun. */
interface Life {
  readonly time: LiveTime
  readonly station: Station
  readonly links: readonly RealLink[]
  readonly outlets: readonly RealOutlet[]
  readonly stats: AttemptStats
  readonly marks: { readonly warmup: number[]; readonly end: number[] }
}

class RealService implements ProcessRole {
  readonly port: number
  readonly #setup: Setup
  readonly #parts: Parts
  readonly #agent: Agent = createAgent()
  readonly #origins = new Origins()
  readonly #published: PublishedRecord[] = []
  readonly #samples: WindowSample[] = []
  #ports: Ports = {}
  #life: Life | undefined

  constructor(setup: Setup, parts: Parts) {
    this.#setup = setup
    this.#parts = parts
    this.port = parts.port
  }

  async connect(ports: Ports): Promise<void> {
    this.#ports = ports
    const called = new Set(this.#syncEdges().map(({ to }) => to))
    await Promise.all([...called].map((name) => warmUp(this.#agent, ports[name] as number)))
  }

  start(time: LiveTime): void {
    const life = this.#begin(time)
    const { station, links, outlets } = life
    this.#life = life
    // The answer waits for the commit of what is published, or for the log: nothing that was answered is lost.
    const plan = { host: station, groups: groupsOf(links), direct: outlets, outbox: [] }
    if (links.length + outlets.length > 0) station.outgoingOf = (visit) => new OutgoingCalls(plan, visit)
    setRealFaults(
      this.#setup.arm.faults,
      {
        stations: new Map([[station.model.name, station]]),
        links: new Map(links.map((link) => [link.edge.id, link])),
        channels: new Map(outlets.map((outlet) => [outlet.edge.id, outlet])),
      },
      time.calendar,
    )
    this.#observe(life)
    time.start()
  }

  arrived(arrival: Arrival): void {
    const life = this.#life
    if (life === undefined) {
      answer(arrival, 'refused')
      return
    }
    const { time, station } = life
    time.enter(() => {
      const caller = { answered: (outcome: Outcome) => answer(arrival, outcome) }
      const deadlineAtMs = time.calendar.now() + arrival.remainingMs
      const visit = new Visit(this.#origins.of(arrival.identity), 0, caller, deadlineAtMs)
      arrival.response.on('close', () => {
        if (arrival.response.writableFinished || visit.state === 'gone') return
        visit.isGivenUp = true
        time.enter(() => station.abandon(visit))
      })
      station.arrive(visit)
    })
  }

  status(): Status {
    const { station, outlets = [] } = this.#life ?? {}
    const pending = outlets.reduce((sum, outlet) => sum + outlet.pending, 0)
    return { open: (station?.live.length ?? 0) + pending, published: this.#published.length, settled: 0 }
  }

  report(): Report {
    const life = this.#life
    if (life === undefined) return emptyReport
    life.time.enter(() => undefined)
    return {
      ...emptyReport,
      published: this.#published,
      attempts: life.stats.perWindow,
      calls: life.stats.calls,
      samples: this.#samples,
      breakerOpens: life.links.reduce((sum, { breakerOpens }) => sum + breakerOpens, 0),
      service: serviceReport(this.#setup, life),
    }
  }

  async stop(): Promise<void> {
    this.#life?.time.stop()
    this.#agent.destroy()
    this.#parts.server.close()
    this.#parts.server.closeAllConnections()
    await this.#parts.publisher?.close()
  }

  #syncEdges(): readonly SyncEdge[] {
    const { name } = this.#parts.model
    return this.#setup.arm.edges.filter((edge): edge is SyncEdge => edge.kind === 'sync' && edge.from === name)
  }

  #begin(time: LiveTime): Life {
    const { scenario, arm } = this.#setup
    const { model, publisher } = this.#parts
    const seed = seedFor(scenario.seed, 0)
    const stats = new AttemptStats(time, scenario.windowMs)
    const station = new Station({
      model,
      index: 0,
      time: time.calendar,
      draws: new PlacedDraws(),
      purpose: seedFor(seed, 'work', model.name),
      measuredFromUs: toUs(scenario.warmupMs),
    })
    const draws = new PlacedDraws()
    const purposeOf = ({ from, to }: SyncEdge | QueueEdge): number => seedFor(seed, 'network', from, to)
    const links = this.#syncEdges().map((edge, index) => {
      const randomOf = (instance: number): (() => number) => randomStream(seedFor(seed, 'policy', edge.id, instance))
      const way = { edge, port: this.#ports[edge.to] as number, agent: this.#agent, place: index + 1 }
      return new RealLink({
        ...way,
        time,
        draws,
        stats,
        purpose: purposeOf(edge),
        instances: model.instances,
        randomOf,
      })
    })
    const outgoing = arm.edges.filter((edge): edge is QueueEdge => edge.kind !== 'sync' && edge.from === model.name)
    const outlets = outgoing.map((edge) => {
      const own = { edge, publisher: publisher as Publisher, purpose: purposeOf(edge), records: this.#published }
      return new RealOutlet({ ...own, time, draws })
    })
    return { time, station, links, outlets, stats, marks: { warmup: [], end: [] } }
  }

  /** Marks the areas under its busy workers, and looks at itself at the end of every window. */
  #observe({ time: { calendar }, station, links, marks }: Life): void {
    const { warmupMs, durationMs, windowMs } = this.#setup.scenario
    const mark = (ms: number, areas: number[]): void => {
      const fire = (): void => {
        station.integrate()
        areas.push(station.stats.busyArea)
      }
      calendar.at(toUs(ms), { ticket: 0, fire })
    }
    mark(warmupMs, marks.warmup)
    mark(durationMs, marks.end)
    const look = {
      ticket: 0,
      fire: (): void => {
        const open = links.reduce((sum, { openBreakers }) => sum + openBreakers, 0)
        this.#samples.push({ busy: station.busy, queued: station.queued, open })
        calendar.after(toUs(windowMs), look)
      },
    }
    calendar.at(toUs(windowMs), look)
  }
}
