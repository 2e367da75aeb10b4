import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Log } from 'firebreak'
import type { EngineSettings } from '../platform/engine-settings.ts'
import { type Engines, loadEngines } from '../platform/engines.ts'
import { after, every, newId, nowMs, pause } from '../platform/machine.ts'
import type { ServiceStatus } from '../platform/messages.ts'
import { OpsDesk } from '../platform/ops-desk.ts'
import { discardSpace, type Made, makeSpace, nothingMade } from '../platform/server-space.ts'
import { type ChildSpec, Supervisor } from '../platform/supervisor.ts'
import { serviceNames, systemOn, topicsOfSystem } from '../system.ts'
import { Backlog } from './backlog.ts'
import { curveOf } from './curve.ts'
import { type Addresses, Load, putOnTheRoad } from './load.ts'
import type { Progress } from './progress.ts'
import { countInvoices, firstInvoices, invoiceDelay, ledgerImbalance } from './reconcile.ts'
import { type EventFigures, judge, type Mode, type Result } from './result.ts'
import type { Scenario, Trace } from './scenario.ts'
import { addressesOf, freePort, leaking, type Ports, specsFor } from './wiring.ts'

const READY_MAX_MS = 60_000
const SETTLE_MAX_MS = 180_000

type Prepared = { readonly engines: Engines; readonly ports: Ports; readonly log: Log | undefined }
export type NightPlan = {
  readonly mode: Mode
  readonly scenario: Scenario
  readonly trace: Trace
  /** Engines and servers; folder and namespace are the night's own. */
  readonly settings: EngineSettings
}

/**
 * One night in one wiring, from the first process to the last invoice. It starts from nothing: a data folder of its own, and on
 * servers topics, groups and databases under a name of its own, which are deleted when it is over.
 */
export class Night {
  /** In the names of everything that this night makes on servers. */
  readonly namespace: string
  readonly #mode: Mode
  readonly #scenario: Scenario
  readonly #trace: Trace
  readonly #progress: Progress
  readonly #crashedAtMs: number[] = []
  readonly #backlog = new Backlog()
  readonly #settings: EngineSettings
  readonly #dataDir: string
  #made: Made = nothingMade
  #prepared: Promise<Prepared> | undefined
  #discarded: Promise<void> | undefined
  #supervisor: Supervisor | undefined
  #startMs = 0
  #startedAtMs = 0
  #isFixed = false
  /** Deploys the repaired version; undefined before its time, and when it is done. */
  #hotfix: (() => void) | undefined

  constructor({ mode, scenario, trace, settings }: NightPlan, progress: Progress) {
    this.#mode = mode
    this.#scenario = scenario
    this.#trace = trace
    this.#progress = progress
    this.#dataDir = mkdtempSync(join(tmpdir(), `logiflow-${mode}-`))
    // Direct calls have no log.
    const log = mode === 'events' ? settings.log : 'embedded'
    this.namespace = `incident${newId().slice(0, 8)}`
    this.#settings = { ...settings, log, namespace: this.namespace, dataDir: this.#dataDir }
  }

  async run(): Promise<Result> {
    try {
      return await this.#run()
    } finally {
      await this.discard()
    }
  }

  async #run(): Promise<Result> {
    this.#prepared = this.#prepare()
    const prepared = await this.#prepared
    try {
      this.#throwIfOver()
      return await this.#pass(prepared)
    } finally {
      await prepared.log?.close()
    }
  }

  /** From the first process to the last. */
  async #pass({ engines, ports, log }: Prepared): Promise<Result> {
    const specs = specsFor(this.#mode, this.#settings, ports)
    const repaired = specs.find(({ name }) => name === 'invoicing') as ChildSpec
    const children = specs.map((spec) => (spec === repaired ? leaking(spec, this.#scenario.heapMb) : spec))
    const supervisor = new Supervisor(children, { onStatus: (status) => this.#seen(status) })
    this.#supervisor = supervisor
    const killAll = (): void => {
      supervisor.killAll()
      rmSync(this.#dataDir, { recursive: true, force: true })
    }
    process.once('exit', killAll)
    try {
      this.#progress({ kind: 'phase', text: 'starting four processes' })
      supervisor.start()
      await supervisor.ready(READY_MAX_MS)
      const load = await this.#play(
        supervisor,
        repaired,
        addressesOf(ports),
        log === undefined ? undefined : new OpsDesk(log, systemOn(engines)),
      )
      await this.#settle(engines, load)
      const events = log === undefined ? {} : await this.#eventFigures(engines, log, load)
      await supervisor.stop()
      const imbalance = log === undefined ? {} : { ledgerImbalance: await ledgerImbalance(engines, log) }
      return { ...(await this.#result(engines, load)), ...events, ...imbalance }
    } finally {
      await supervisor.stop()
      process.off('exit', killAll)
    }
  }

  /** Everything that is there before the first process. */
  async #prepare(): Promise<Prepared> {
    await makeSpace(this.#settings, { services: serviceNames, topics: topicsOfSystem() }, (made) => {
      this.#throwIfOver()
      this.#made = made
    })
    const engines = await loadEngines(this.#settings)
    const ports: Ports = {
      portal: await freePort(),
      routing: await freePort(),
      tracking: await freePort(),
      invoicing: await freePort(),
    }
    // This process writes the log, as the supervisor does in production: it outlives every service.
    const log = this.#mode === 'events' ? engines.openLog() : undefined
    await log?.ensureTopics(topicsOfSystem())
    return { engines, ports, log }
  }

  #throwIfOver(): void {
    if (this.#discarded !== undefined) throw new Error('the night was ended before it began')
  }

  /** Ends every process and deletes everything that this night has made. Idempotent. */
  discard(): Promise<void> {
    this.#discarded ??= this.#discard()
    return this.#discarded
  }

  async #discard(): Promise<void> {
    this.#supervisor?.killAll()
    // What is being made at this moment would come after its deletion.
    await this.#prepared?.catch(() => {})
    rmSync(this.#dataDir, { recursive: true, force: true })
    await discardSpace(this.#settings, this.#made)
  }

  async #play(supervisor: Supervisor, repaired: ChildSpec, to: Addresses, desk: OpsDesk | undefined): Promise<Load> {
    const { earlier } = this.#trace
    this.#progress({ kind: 'phase', text: `dispatching ${earlier.length} trucks before the night begins` })
    await putOnTheRoad(earlier, to)
    this.#startMs = performance.now()
    this.#startedAtMs = nowMs()
    const load = new Load(to, this.#startMs)
    const hotfix = after(this.#scenario.hotfixAtS * 1000, () => {
      this.#hotfix = () => {
        this.#hotfix = undefined
        this.#isFixed = true
        this.#happened('the fix is deployed: invoicing starts again without the memory leak')
        supervisor.replace(repaired)
      }
      // A slow machine has not drawn enough invoices yet, and nobody fixes what has not broken: then the first crash calls it.
      if (this.#crashedAtMs.length > 0) this.#hotfix()
    })
    const looking = this.#lookAgain(load, desk)
    await load.play(this.#trace.steps)
    await load.settled()
    // The last second belongs to the night too.
    await pause(Math.max(0, this.#scenario.lastsS * 1000 - this.#sinceStartMs()))
    clearTimeout(hotfix)
    clearInterval(looking)
    if (desk !== undefined) await this.#drain(desk)
    return load
  }

  /** Once a second, and never a second time before the first has ended. */
  #lookAgain(load: Load, desk: OpsDesk | undefined): NodeJS.Timeout {
    let isLooking = false
    return every(1_000, () => {
      if (isLooking) return
      isLooking = true
      void this.#look(load, desk).finally(() => {
        isLooking = false
      })
    })
  }

  async #look(load: Load, desk: OpsDesk | undefined): Promise<void> {
    const atMs = this.#sinceStartMs()
    const recent = load.samples
      .slice(-400)
      .filter(({ kind, atMs: at, tookMs }) => kind === 'view' && at + tookMs > atMs - 1000)
    const ok = recent.filter((sample) => sample.ok).length
    const share =
      recent.length === 0
        ? 'no customer got an answer'
        : `${Math.round((ok / recent.length) * 100)} % of customers answered`
    if (desk !== undefined) await this.#measure(desk)
    const backlog = desk === undefined ? '' : `, ${this.#backlog.waiting} events wait for invoicing`
    this.#progress({ kind: 'second', atS: atMs / 1000, text: `${share}${backlog}` })
  }

  #measure(desk: OpsDesk): Promise<number | undefined> {
    return this.#backlog.look(desk, () => this.#sinceStartMs())
  }

  async #drain(desk: OpsDesk): Promise<void> {
    for (const endMs = performance.now() + SETTLE_MAX_MS; performance.now() < endMs; await pause(500)) {
      const backlog = await this.#measure(desk)
      if (backlog === 0) break
      this.#progress({
        kind: 'second',
        atS: this.#nowS(),
        text: `waiting until ${backlog ?? 'all'} events are handled`,
      })
    }
    await desk.close()
  }

  /** Calls that nobody waits for any more still make invoices: waits until none has come for 8 s. */
  async #settle(engines: Engines, load: Load): Promise<void> {
    if (this.#mode === 'events') return
    const orderIds = [...load.dispatchedAtMs.keys()]
    let [issued, sinceMs] = [-1, performance.now()]
    for (const endMs = performance.now() + SETTLE_MAX_MS; performance.now() < endMs; await pause(1_000)) {
      const now = (await countInvoices(engines, orderIds)).issued
      if (now !== issued) [issued, sinceMs] = [now, performance.now()]
      if (performance.now() - sinceMs > 8_000) return
      this.#progress({
        ...{ kind: 'second', atS: this.#nowS() },
        text: `calls go on that nobody waits for any more: ${issued} invoices`,
      })
    }
  }

  async #eventFigures(engines: Engines, log: Log, load: Load): Promise<Omit<EventFigures, 'ledgerImbalance'>> {
    const desk = new OpsDesk(log, systemOn(engines))
    const backlogAtEnd = Object.values(await desk.backlog()).reduce((total, count) => total + count, 0)
    const deadLetters = (await desk.letters()).length
    await desk.close()
    return {
      backlogPeak: this.#backlog.peak,
      drainMs: this.#backlog.drainMs(),
      backlogAtEnd,
      deadLetters,
      invoiceDelay: await invoiceDelay(engines, load.dispatchedAtMs),
    }
  }

  async #result(engines: Engines, load: Load): Promise<Result> {
    const crashedAtMs = this.#crashedAtMs
    const { lastsS, wave, hotfixAtS } = this.#scenario
    const hotfixMs = this.#backlog.repairedAtMs ?? hotfixAtS * 1000
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
      invoices: await countInvoices(engines, [...earlier, ...load.dispatchedAtMs.keys()]),
      crashes: crashedAtMs.length,
      crashedAtS: crashedAtMs.map((ms) => Math.round(ms / 1000)),
      fixedAtS: Math.round(hotfixMs / 1000),
      curve: curveOf(load.samples, lastsS, {
        ...{ startedAtMs: this.#startedAtMs, dispatchedAtMs: load.dispatchedAtMs },
        invoicedAtMs: await firstInvoices(engines),
      }),
    }
  }

  #seen(status: ServiceStatus): void {
    if (status.name !== 'invoicing' || this.#startMs === 0) return
    if (status.state === 'waiting') {
      this.#crashedAtMs.push(this.#sinceStartMs())
      this.#happened(`invoicing died: ${status.note}`)
      this.#hotfix?.()
    }
    if (status.state === 'up' && this.#isFixed) this.#backlog.repairedAtMs ??= this.#sinceStartMs()
  }

  #happened(text: string): void {
    this.#progress({ kind: 'event', atS: this.#nowS(), text })
  }

  #sinceStartMs(): number {
    return performance.now() - this.#startMs
  }

  #nowS(): number {
    return this.#sinceStartMs() / 1000
  }
}
