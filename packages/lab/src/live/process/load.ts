import type { Agent } from 'node:http'
import { seedFor } from '../../math/random-streams.ts'
import { attemptsNeeded } from '../../sim/arm-graph.ts'
import { ArmStats } from '../../sim/arm-stats.ts'
import type { Request } from '../../sim/request.ts'
import { startSource } from '../../sim/source.ts'
import type { Outcome, Visit } from '../../sim/visit.ts'
import { AttemptStats } from './attempt-stats.ts'
import { ask, createAgent, warmUp } from './http.ts'
import type { ProcessRole } from './process-role.ts'
import { emptyReport, type Ports, type Report, type RequestRecord, type Setup, type Status } from './protocol.ts'
import type { LiveTime } from './time.ts'

/**
 * Sends the requests of an arm: the same ones as the simulation, at the same instants.
 *
 * It does not wait for answers before it goes on, and a request counts from the instant for which it was planned, however
 * late it was sent.
 */
export function openLoad(setup: Setup): ProcessRole {
  return new Load(setup)
}

/** What there is once the run has begun. */
interface Life {
  readonly time: LiveTime
  readonly stats: AttemptStats
}

class Load implements ProcessRole {
  readonly port = null
  readonly #setup: Setup
  readonly #agent: Agent = createAgent()
  readonly #answered: RequestRecord[] = []
  readonly #open = new Set<RequestRecord>()
  #ports: Ports = {}
  #life: Life | undefined

  constructor(setup: Setup) {
    this.#setup = setup
  }

  async connect(ports: Ports): Promise<void> {
    this.#ports = ports
    const entries = new Set(this.#setup.arm.traffic.map(({ to }) => to))
    for (const name of entries) await warmUp(this.#agent, ports[name] as number)
  }

  start(time: LiveTime): void {
    const { scenario, arm } = this.#setup
    this.#life = { time, stats: new AttemptStats(time, scenario.windowMs) }
    // What becomes of a request is known only when the records of all processes are together.
    const context = { time: time.calendar, stats: new ArmStats(0, []), services: 1, needsProcessing: false }
    for (const [index, traffic] of arm.traffic.entries()) {
      const needs = attemptsNeeded(arm, traffic.to)
      const entry = { index: 0, arrive: (visit: Visit) => this.#send(visit, traffic.to, needs) }
      const seed = seedFor(seedFor(scenario.seed, 0), 'traffic', index)
      startSource({ traffic, entry, needs, context, untilMs: scenario.durationMs, seed })
    }
    time.start()
  }

  status(): Status {
    const isOver = (this.#life?.time.calendar.nowUs ?? 0) >= this.#setup.scenario.durationMs * 1000
    return { open: this.#open.size + (isOver ? 0 : 1), published: 0, settled: 0 }
  }

  report(): Report {
    return { ...emptyReport, requests: [...this.#answered, ...this.#open], calls: this.#life?.stats.calls ?? {} }
  }

  async stop(): Promise<void> {
    this.#life?.time.stop()
    this.#agent.destroy()
  }

  #send(visit: Visit, to: string, needs: number): void {
    const { time, stats } = this.#life as Life
    const { n, salt, key, critical, arrivedUs } = visit.request as Request
    const record = { n, salt, key, critical, needs, arrivedUs, answeredUs: null, outcome: undefined }
    this.#open.add(record)
    const question = {
      port: this.#ports[to] as number,
      identity: { n, salt, key, critical },
      remainingMs: Number.POSITIVE_INFINITY,
    }
    ask(this.#agent, question, stats.callsTo(to), (outcome: Outcome) => {
      time.enter(() => {
        this.#open.delete(record)
        this.#answered.push({ ...record, answeredUs: time.calendar.nowUs, outcome })
        visit.caller.answered(outcome)
      })
    })
  }
}
