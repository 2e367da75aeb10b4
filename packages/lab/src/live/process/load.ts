import type { Agent } from 'node:http'
import { seedFor } from '../../math/random-streams.ts'
import { ArmBooks } from '../../sim/arm-books.ts'
import { attemptsNeeded } from '../../sim/arm-graph.ts'
import type { Request } from '../../sim/request.ts'
import { startSource } from '../../sim/source.ts'
import type { Outcome, Visit } from '../../sim/visit.ts'
import { AttemptBooks } from './attempts.ts'
import { ask, createAgent, warmUp } from './http.ts'
import type { Part } from './part.ts'
import { emptyReport, type Ports, type Report, type RequestRecord, type Setup, type Status } from './protocol.ts'
import type { LiveTime } from './time.ts'

/**
 * Sends the requests of an arm: the same ones as the simulation, at the same instants.
 *
 * It does not wait for answers before it goes on, and a request counts from the instant for which it was planned, however
 * late it was sent.
 */
export function openLoad(setup: Setup): Part {
  return new Load(setup)
}

/** What there is once the run has begun. */
interface Life {
  readonly time: LiveTime
  readonly books: AttemptBooks
}

class Load implements Part {
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
    this.#life = { time, books: new AttemptBooks(time, scenario.windowMs) }
    // What becomes of a request is known only when the records of all processes are together.
    const desk = { time: time.calendar, books: new ArmBooks(0, []), services: 1, needsProcessing: false }
    for (const [index, traffic] of arm.traffic.entries()) {
      const needs = attemptsNeeded(arm, traffic.to)
      const entry = { index: 0, arrive: (visit: Visit) => this.#send(visit, traffic.to, needs) }
      const seed = seedFor(seedFor(scenario.seed, 0), 'traffic', index)
      startSource({ traffic, entry, needs, desk, untilMs: scenario.durationMs, seed })
    }
    time.start()
  }

  status(): Status {
    const isOver = (this.#life?.time.calendar.nowUs ?? 0) >= this.#setup.scenario.durationMs * 1000
    return { open: this.#open.size + (isOver ? 0 : 1), published: 0, settled: 0 }
  }

  report(): Report {
    return { ...emptyReport, requests: [...this.#answered, ...this.#open], calls: this.#life?.books.calls ?? {} }
  }

  async stop(): Promise<void> {
    this.#life?.time.stop()
    this.#agent.destroy()
  }

  #send(visit: Visit, to: string, needs: number): void {
    const { time, books } = this.#life as Life
    const { n, salt, key, critical, arrivedUs } = visit.request as Request
    const record = { n, salt, key, critical, needs, arrivedUs, answeredUs: null, outcome: undefined }
    this.#open.add(record)
    const question = {
      port: this.#ports[to] as number,
      traveller: { n, salt, key, critical },
      remainingMs: Number.POSITIVE_INFINITY,
    }
    ask(this.#agent, question, books.callsTo(to), (outcome: Outcome) => {
      time.enter(() => {
        this.#open.delete(record)
        this.#answered.push({ ...record, answeredUs: time.calendar.nowUs, outcome })
        visit.caller.answered(outcome)
      })
    })
  }
}
