import type { Arm, Scenario } from '../model/scenario.ts'
import { ArmStats, type Span } from '../sim/arm-stats.ts'
import { Fifo } from '../sim/fifo.ts'
import { Request, type RequestContext } from '../sim/request.ts'
import type { ClosedWindow } from '../sim/simulation.ts'
import { toUs, VirtualTime } from '../sim/virtual-time.ts'
import type { PublishedRecord, Report, RequestRecord, SettledRecord, WindowSample } from './process/protocol.ts'

export interface ReplayOptions {
  readonly scenario: Scenario
  readonly arm: Arm
  /** Of all processes. */
  readonly reports: readonly Report[]
  /** By name. */
  readonly services: ReadonlyMap<string, Report>
  /** When the run was over. */
  readonly endUs: number
  /** Parts of the run to tally by themselves, beside the measured time. */
  readonly spans: readonly Span[]
}

export interface Replayed {
  readonly stats: ArmStats
  readonly windows: readonly ClosedWindow[]
  /** Messages that ended twice, or that nobody has published. */
  readonly strays: number
}

/**
 * Writes the records of all processes into the stats of one arm, in the order of their instants: figures of a real run are
 * drawn up by the code that draws up those of a simulation.
 */
export function replay(options: ReplayOptions): Replayed {
  const { scenario, reports, spans } = options
  const time = new VirtualTime()
  const stats = new ArmStats(toUs(scenario.warmupMs), spans)
  const messages = new Messages(time, stats)
  const published = reports.flatMap((report) => report.published)
  const requests = new Map<string, Request>()
  const perRequest = Map.groupBy(published, ({ n, salt }) => `${salt}/${n}`)
  const needsProcessing = options.arm.success === 'processed'
  const context = { time, stats, services: 1, needsProcessing }
  for (const record of reports.flatMap((report) => report.requests)) {
    const id = `${record.salt}/${record.n}`
    const count = perRequest.get(id)?.length ?? 0
    at(time, record.arrivedUs, () => requests.set(id, arrive(context, record, count)))
    const { answeredUs, outcome } = record
    if (answeredUs !== null) at(time, Math.max(answeredUs, record.arrivedUs), () => requests.get(id)?.answered(outcome))
  }
  const requestOf = ({ n, salt }: PublishedRecord): Request | undefined => requests.get(`${salt}/${n}`)
  messages.plan(
    published,
    reports.flatMap((report) => report.settled),
    requestOf,
  )
  return { stats, windows: windowsOf(options, { time, stats, messages }), strays: messages.strays }
}

const at = (time: VirtualTime, us: number, fire: () => void): void => time.at(us, { ticket: 0, fire })

/** All its messages are known from the start: it has succeeded when the last of them is done, whatever the clocks say. */
function arrive(context: RequestContext, { n, salt, key, critical, needs }: RequestRecord, messages: number): Request {
  const request = new Request(context, { n, salt, key, critical, needs }, undefined)
  for (let i = 0; i < messages; i++) request.published()
  return request
}

interface Kept {
  readonly record: PublishedRecord
  isSettled: boolean
}

/** The messages of all queue edges. */
class Messages {
  strays = 0
  readonly #time: VirtualTime
  readonly #stats: ArmStats
  /** Per edge, in the order of publishing; settled ones leave when they are the oldest. */
  readonly #byAge = new Map<string, Fifo<Kept>>()

  constructor(time: VirtualTime, stats: ArmStats) {
    this.#time = time
    this.#stats = stats
  }

  get oldestAgeUs(): number {
    let oldestUs = this.#time.nowUs
    for (const line of this.#byAge.values()) oldestUs = Math.min(oldestUs, line.peek()?.record.atUs ?? oldestUs)
    return this.#time.nowUs - oldestUs
  }

  plan(
    published: readonly PublishedRecord[],
    settled: readonly SettledRecord[],
    requestOf: (record: PublishedRecord) => Request | undefined,
  ): void {
    const idOf = ({ edge, number }: PublishedRecord | SettledRecord): string => `${edge} ${number}`
    const kept = new Map(published.map((record) => [idOf(record), { record, isSettled: false }]))
    for (const one of kept.values()) at(this.#time, one.record.atUs, () => this.#publish(one))
    for (const { edge, number, atUs, outcome } of settled) {
      const one = kept.get(`${edge} ${number}`)
      if (one === undefined || !kept.delete(`${edge} ${number}`)) this.strays++
      else
        at(this.#time, Math.max(atUs, one.record.atUs), () => {
          this.#settle(one)
          requestOf(one.record)?.processed(outcome)
        })
    }
  }

  noteAge(): void {
    this.#stats.messageAge(this.#time.nowUs, this.oldestAgeUs)
  }

  #publish(one: Kept): void {
    const line = this.#byAge.get(one.record.edge) ?? new Fifo<Kept>()
    this.#byAge.set(one.record.edge, line)
    line.push(one)
    this.#stats.published(this.#time.nowUs)
  }

  #settle(one: Kept): void {
    one.isSettled = true
    this.#stats.messageSettled()
    const line = this.#byAge.get(one.record.edge) as Fifo<Kept>
    for (let oldest = line.peek(); oldest?.isSettled === true; oldest = line.peek()) {
      this.noteAge()
      line.shift()
    }
  }
}

function windowsOf(
  { scenario, arm, reports, services, endUs }: ReplayOptions,
  { time, stats, messages }: { time: VirtualTime; stats: ArmStats; messages: Messages },
): readonly ClosedWindow[] {
  const windows: ClosedWindow[] = []
  const stopUs = toUs(scenario.durationMs + scenario.drainMaxMs)
  const leastUs = Math.max(toUs(scenario.durationMs), endUs)
  const sampleOf = (name: string, window: number): WindowSample =>
    services.get(name)?.samples[window] ?? { busy: 0, queued: 0, open: 0 }
  for (let fromUs = 0; fromUs < stopUs && (fromUs < leastUs || time.waiting > 0); ) {
    const index = windows.length
    const untilUs = Math.min(fromUs + Math.max(1, toUs(scenario.windowMs)), stopUs)
    time.advance(untilUs, Number.POSITIVE_INFINITY)
    const attempts = reports.reduce((sum, report) => sum + (report.attempts[index] ?? 0), 0)
    for (let i = 0; i < attempts; i++) stats.attempted()
    messages.noteAge()
    const there = arm.services.map(({ name }) => sampleOf(name, index))
    windows.push({
      fromUs,
      toUs: untilUs,
      counts: stats.closeWindow(),
      backlog: stats.messages,
      oldestAgeUs: messages.oldestAgeUs,
      open: there.reduce((sum, { open }) => sum + open, 0),
      services: there.map(({ busy, queued }) => ({ busy, queued })),
    })
    fromUs = untilUs
  }
  return windows
}
