import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Log } from 'firebreak'
import type { DispatchRequest } from '../contracts/requests.ts'
import { openLog } from '../platform/engines.ts'
import { after, every, pause } from '../platform/machine.ts'
import type { ServiceStatus } from '../platform/messages.ts'
import { OpsDesk } from '../platform/ops-desk.ts'
import { type ChildSpec, Supervisor } from '../platform/supervisor.ts'
import { exchange } from '../rest/exchange.ts'
import { systemIn } from '../system.ts'
import { type Addresses, Load } from './load.ts'
import { countInvoices, invoiceDelay, ledgerImbalance } from './reconcile.ts'
import { type EventFigures, judge, type Mode, type Result } from './result.ts'
import type { Scenario, Trace } from './scenario.ts'

const READY_MAX_MS = 30_000
const SETTLE_MAX_MS = 180_000
const SERVICES = ['portal', 'routing', 'tracking', 'invoicing'] as const

export type Progress = (atS: number, text: string) => void
type Ports = Readonly<Record<(typeof SERVICES)[number], number>>

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })

const specsFor = (mode: Mode, dataDir: string, ports: Ports): readonly ChildSpec[] => {
  const env = {
    LOGIFLOW_DATA: dataDir,
    LOGIFLOW_HARDENED: mode === 'rest-hardened' ? '1' : '0',
    ...Object.fromEntries(SERVICES.map((name) => [`LOGIFLOW_PORT_${name.toUpperCase()}`, String(ports[name])])),
  }
  const entry = (name: string): URL =>
    new URL(mode === 'events' ? `../services/${name}/main.ts` : `../rest/${name}.ts`, import.meta.url)
  return SERVICES.map((name) => ({ name, env, entry: entry(name), port: ports[name] }))
}

/** The same invoice process in every wiring: a small heap, and the PDF module that never forgets. */
const leaking = (spec: ChildSpec, heapMb: number): ChildSpec => ({
  ...spec,
  env: { ...spec.env, LOGIFLOW_PDF: 'leaky' },
  nodeArgs: [`--max-old-space-size=${heapMb}`],
})

type Watch = {
  crashedAtMs: number[]
  repairedAtMs: number | null
  backlog: number
  backlogPeak: number
  drainedAtMs: number | null
}

/** One night in one wiring, in a data folder of its own, from the first process to the last invoice. */
export class Night {
  readonly #mode: Mode
  readonly #scenario: Scenario
  readonly #trace: Trace
  readonly #progress: Progress
  readonly #watch: Watch = { crashedAtMs: [], repairedAtMs: null, backlog: 0, backlogPeak: 0, drainedAtMs: null }
  #startMs = 0
  #isFixed = false

  constructor(mode: Mode, scenario: Scenario, trace: Trace, progress: Progress) {
    this.#mode = mode
    this.#scenario = scenario
    this.#trace = trace
    this.#progress = progress
  }

  async run(): Promise<Result> {
    const dataDir = await mkdtemp(join(tmpdir(), `logiflow-${this.#mode}-`))
    const ports: Ports = {
      portal: await freePort(),
      routing: await freePort(),
      tracking: await freePort(),
      invoicing: await freePort(),
    }
    const specs = specsFor(this.#mode, dataDir, ports)
    const repaired = specs[3] as ChildSpec
    const children = [...specs.slice(0, 3), leaking(repaired, this.#scenario.heapMb)]
    // This process writes the log, as the supervisor does in production: it outlives every service.
    const log = this.#mode === 'events' ? openLog(dataDir) : undefined
    await log?.ensureTopics([{ name: 'routing.events', partitions: 6 }])
    const supervisor = new Supervisor(children, { onStatus: (status) => this.#seen(status) })
    const killAll = (): void => {
      supervisor.killAll()
      rmSync(dataDir, { recursive: true, force: true })
    }
    process.once('exit', killAll)
    try {
      supervisor.start()
      await supervisor.ready(READY_MAX_MS)
      const load = await this.#play(
        supervisor,
        repaired,
        addressesOf(ports),
        log === undefined ? undefined : new OpsDesk(log, systemIn(dataDir)),
      )
      await this.#settle(dataDir, load)
      const events = log === undefined ? {} : await this.#eventFigures(dataDir, log, load)
      await supervisor.stop()
      const imbalance = log === undefined ? {} : { ledgerImbalance: await ledgerImbalance(dataDir, log) }
      return { ...(await this.#result(dataDir, load)), ...events, ...imbalance }
    } finally {
      await supervisor.stop()
      process.off('exit', killAll)
      await log?.close()
      await rm(dataDir, { recursive: true, force: true })
    }
  }

  async #play(supervisor: Supervisor, repaired: ChildSpec, to: Addresses, desk: OpsDesk | undefined): Promise<Load> {
    await this.#putOnTheRoad(to)
    this.#startMs = performance.now()
    const load = new Load(to, this.#startMs)
    const hotfix = after(this.#scenario.hotfixAtS * 1000, () => {
      this.#isFixed = true
      this.#progress(this.#nowS(), 'hotfix: invoicing is killed and starts without the leak')
      supervisor.replace(repaired)
    })
    const looking = every(1_000, () => void this.#look(load, desk))
    await load.play(this.#trace.steps)
    await load.settled()
    // The last second belongs to the night too.
    await pause(Math.max(0, this.#scenario.lastsS * 1000 - this.#sinceStartMs()))
    clearTimeout(hotfix)
    clearInterval(looking)
    if (desk !== undefined) await this.#drain(desk)
    return load
  }

  /** Orders that are under way before the night begins, one after the other; then a moment of quiet. */
  async #putOnTheRoad(to: Addresses): Promise<void> {
    for (const dispatch of this.#trace.earlier) {
      await exchange({
        method: 'POST',
        url: `${to.routing}/dispatches`,
        body: JSON.stringify(dispatch),
        timeoutMs: 30_000,
      })
    }
    const last = this.#trace.earlier.at(-1) as DispatchRequest
    for (let tries = 0; tries < 200; tries++) {
      const url = `${to.portal}/api/orders/${last.order.orderId}`
      if ((await exchange({ method: 'GET', url, timeoutMs: 30_000 })).status === 200) break
      await pause(50)
    }
    await pause(3_000)
  }

  async #look(load: Load, desk: OpsDesk | undefined): Promise<void> {
    const atMs = this.#sinceStartMs()
    const recent = load.samples
      .slice(-400)
      .filter(({ kind, atMs: at, tookMs }) => kind === 'view' && at + tookMs > atMs - 1000)
    const ok = recent.filter((sample) => sample.ok).length
    const share = recent.length === 0 ? 'no answers' : `${Math.round((ok / recent.length) * 100)} % answered`
    if (desk !== undefined) await this.#measureBacklog(desk)
    const backlog = desk === undefined ? '' : `, invoices waiting ${this.#watch.backlog}`
    this.#progress(atMs / 1000, `portal ${share}${backlog}`)
  }

  async #measureBacklog(desk: OpsDesk): Promise<void> {
    const watch = this.#watch
    watch.backlog = (await desk.backlog())['invoicing'] ?? 0
    watch.backlogPeak = Math.max(watch.backlogPeak, watch.backlog)
    if (watch.repairedAtMs !== null && watch.drainedAtMs === null && watch.backlog <= 1)
      watch.drainedAtMs = this.#sinceStartMs()
  }

  async #drain(desk: OpsDesk): Promise<void> {
    for (const endMs = performance.now() + SETTLE_MAX_MS; performance.now() < endMs; await pause(500)) {
      await this.#measureBacklog(desk)
      const backlog = Object.values(await desk.backlog()).reduce((total, count) => total + count, 0)
      if (backlog === 0) break
      this.#progress(this.#nowS(), `waiting for ${backlog} records`)
    }
    await desk.close()
  }

  /** Calls that nobody waits for any more still make invoices: waits until none has come for 8 s. */
  async #settle(dataDir: string, load: Load): Promise<void> {
    if (this.#mode === 'events') return
    const orderIds = [...load.dispatchedAtMs.keys()]
    let [issued, sinceMs] = [-1, performance.now()]
    for (const endMs = performance.now() + SETTLE_MAX_MS; performance.now() < endMs; await pause(1_000)) {
      const now = (await countInvoices(dataDir, orderIds)).issued
      if (now !== issued) [issued, sinceMs] = [now, performance.now()]
      if (performance.now() - sinceMs > 8_000) return
      this.#progress(this.#nowS(), `calls that nobody waits for go on: ${issued} invoices`)
    }
  }

  async #eventFigures(dataDir: string, log: Log, load: Load): Promise<Omit<EventFigures, 'ledgerImbalance'>> {
    const desk = new OpsDesk(log, systemIn(dataDir))
    const backlogAtEnd = Object.values(await desk.backlog()).reduce((total, count) => total + count, 0)
    const deadLetters = (await desk.letters()).length
    await desk.close()
    const { backlogPeak, repairedAtMs, drainedAtMs } = this.#watch
    const drainMs = repairedAtMs === null || drainedAtMs === null ? null : Math.round(drainedAtMs - repairedAtMs)
    return {
      backlogPeak,
      drainMs,
      backlogAtEnd,
      deadLetters,
      invoiceDelay: await invoiceDelay(dataDir, load.dispatchedAtMs),
    }
  }

  async #result(dataDir: string, load: Load): Promise<Result> {
    const { crashedAtMs, repairedAtMs } = this.#watch
    const { lastsS, wave, hotfixAtS } = this.#scenario
    const hotfixMs = repairedAtMs ?? hotfixAtS * 1000
    const seen = judge(load.samples, {
      lastsS,
      waveFromS: wave.fromS,
      firstCrashMs: crashedAtMs[0] ?? hotfixMs,
      hotfixMs,
    })
    const earlier = this.#trace.earlier.map(({ order }) => order.orderId)
    return {
      ...seen,
      dispatchersGaveUp: load.gaveUp,
      invoices: await countInvoices(dataDir, [...earlier, ...load.dispatchedAtMs.keys()]),
      crashes: crashedAtMs.length,
      crashedAtS: crashedAtMs.map((ms) => Math.round(ms / 1000)),
    }
  }

  #seen(status: ServiceStatus): void {
    if (status.name !== 'invoicing' || this.#startMs === 0) return
    if (status.state === 'waiting') {
      this.#watch.crashedAtMs.push(this.#sinceStartMs())
      this.#progress(this.#nowS(), `invoicing died: ${status.note}`)
    }
    if (status.state === 'up' && this.#isFixed) this.#watch.repairedAtMs ??= this.#sinceStartMs()
  }

  #sinceStartMs(): number {
    return performance.now() - this.#startMs
  }

  #nowS(): number {
    return this.#sinceStartMs() / 1000
  }
}

const addressesOf = (ports: Ports): Addresses => ({
  portal: `http://127.0.0.1:${ports.portal}`,
  routing: `http://127.0.0.1:${ports.routing}`,
  tracking: `http://127.0.0.1:${ports.tracking}`,
})
