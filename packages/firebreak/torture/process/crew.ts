import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { clockVariable } from '../history/clock-names.ts'
import { type Command, childArguments, type News, unavailableExitCode } from './child.ts'
import { deathOf, isAbrupt } from './deaths.ts'
import type { EngineSpec } from './engines.ts'
import { figureOf, newTally, type Tally } from './tally.ts'

/** A place in the crew: who dies is replaced in the same place. Its first word says what fills it. */
export type Slot = string

interface Member {
  readonly process: ChildProcess
  readonly exited: Promise<void>
  isReady: boolean
  /** The signal that we sent last. */
  sent: 'SIGKILL' | 'SIGTERM' | undefined
  isOwner: boolean
  /** The end of what it has written to stderr. */
  stderr: string
}

export interface CrewOptions {
  readonly folder: string
  readonly seed: number
  readonly slots: readonly Slot[]
  readonly pace: number
  /** Default false. */
  readonly hostile?: boolean
  readonly specOf: (slot: Slot) => EngineSpec
  /** How long a place stays empty. */
  readonly restartDelayMs: () => number
}

/** What fills a place, by the first word of its name; services otherwise. */
const entries: Readonly<Record<string, string>> = {
  producer: 'producer.ts',
  churn: 'churn.ts',
  jobs: '../jobs/job-worker.ts',
}
const stderrMax = 6000
const problemsMax = 5
const orderlyEndMs = 30_000
const retryAfterMs = 1000

/** The processes under torture. Each death is judged here; each empty place is filled again until `close`. */
export class Crew {
  readonly tally: Tally = newTally()
  readonly #options: CrewOptions
  readonly #members = new Map<Slot, Member>()
  readonly #generations = new Map<Slot, number>()
  /** When the last process of a place died in the middle of what it did. */
  readonly #abruptAtMs = new Map<Slot, number>()
  /** How far the clock of a place is ahead of the right one. */
  readonly #aheadMs = new Map<Slot, number>()
  readonly #restarts = new Set<NodeJS.Timeout>()
  #waiters: (() => void)[] = []
  #closing = false
  #quiet = false
  #storming = false

  constructor(options: CrewOptions) {
    this.#options = options
  }

  get slots(): readonly Slot[] {
    return this.#options.slots
  }

  start(): void {
    for (const slot of this.slots) this.#spawn(slot)
  }

  /** The place of a live process. */
  slotOf(pid: number | undefined): Slot | undefined {
    for (const [slot, member] of this.#members) if (pid !== undefined && member.process.pid === pid) return slot
    return undefined
  }

  get pids(): readonly number[] {
    return [...this.#members.values()].flatMap(({ process: { pid } }) => (pid === undefined ? [] : [pid]))
  }

  /** Undefined for a place that is empty, or whose process is starting or ending. */
  pidOf(slot: Slot): number | undefined {
    const member = this.#members.get(slot)
    return member?.isReady && member.sent === undefined ? member.process.pid : undefined
  }

  /** Of the process in this place, and of those that follow it. */
  setClock(slot: Slot, aheadMs: number): void {
    this.#aheadMs.set(slot, aheadMs)
    this.tell(slot, { do: 'clock', aheadMs })
  }

  isUp(slot: Slot): boolean {
    return this.#members.get(slot)?.isReady === true
  }

  get allUp(): boolean {
    return this.slots.every((slot) => this.isUp(slot))
  }

  /** Something is wrong for good: more of the same says nothing new. */
  get isHopeless(): boolean {
    return this.tally.problems.length >= problemsMax
  }

  /** Resolves when the process has gone. Nothing to do in an empty place. */
  async kill(slot: Slot, isOwner: boolean): Promise<void> {
    const member = this.#members.get(slot)
    if (member === undefined) return
    member.sent = 'SIGKILL'
    member.isOwner = isOwner
    member.process.kill('SIGKILL')
    await member.exited
  }

  /** The process notices nothing but the time: its leases have run out, its successor is at work. */
  freeze(slot: Slot, forMs: number): void {
    const member = this.#members.get(slot)
    if (member === undefined || !member.isReady || member.sent !== undefined) return
    this.tally.freezes++
    member.process.kill('SIGSTOP')
    setTimeout(() => member.process.kill('SIGCONT'), forMs).unref()
  }

  /** Asks a process to end in order; a problem when it does not. */
  async terminate(slot: Slot): Promise<void> {
    const member = this.#members.get(slot)
    // Before it listens for it, SIGTERM is a death like any other and no orderly end.
    if (member === undefined || !member.isReady || member.sent !== undefined) return
    member.sent = 'SIGTERM'
    member.process.kill('SIGTERM')
    member.process.kill('SIGCONT')
    const overdue = setTimeout(() => {
      if (member.sent === 'SIGKILL') return
      this.tally.problems.push(`${slot} did not end within ${orderlyEndMs} ms of SIGTERM:\n${member.stderr}`)
      member.process.kill('SIGKILL')
    }, orderlyEndMs)
    await member.exited
    clearTimeout(overdue)
  }

  /** The last words of those that are alive, to see why nothing moves. */
  get lastWords(): readonly string[] {
    return [...this.#members].flatMap(([slot, { stderr }]) =>
      stderr === '' ? [] : [`${slot} said: ${stderr.slice(-800)}`],
    )
  }

  /** Places whose processes are at work. */
  get busySlots(): readonly Slot[] {
    return this.slots.filter((slot) => this.#storming || !slot.startsWith('churn'))
  }

  /** A storm that begins is told to every process of the place until it ends, whenever it gets ready. */
  tell(slot: Slot, command: Command): void {
    if (command.do === 'storm' || command.do === 'calm') this.#storming = command.do === 'storm'
    const member = this.#members.get(slot)
    if (member?.isReady) member.process.send(command, () => undefined)
  }

  /** Producers publish nothing more, also those that start from now on. */
  quieten(): void {
    this.#quiet = true
    for (const slot of this.slots) if (publishes(slot)) this.tell(slot, { do: 'quiet' })
  }

  /** Resolves when `condition` holds, looked at whenever the crew has news; false when `timeoutMs` have passed first. */
  async until(condition: () => boolean, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const untilMs = performance.now() + timeoutMs
    while (!condition()) {
      if (this.isHopeless) return false
      const leftMs = untilMs - performance.now()
      if (leftMs <= 0 || signal.aborted) return false
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        const timer = setTimeout(wake, leftMs)
        signal.addEventListener('abort', wake)
        this.#waiters.push(wake)
      })
    }
    return true
  }

  /** Ends all in order, publishers first; nothing is started again. */
  async close(): Promise<void> {
    this.#shut()
    for (const slot of this.slots) await this.terminate(slot)
    await this.abandon()
  }

  /** Ends all at once. */
  async abandon(): Promise<void> {
    this.#shut()
    const members = [...this.#members.values()]
    for (const member of members) {
      member.sent = 'SIGKILL'
      member.process.kill('SIGKILL')
    }
    await Promise.all(members.map((member) => member.exited))
  }

  #shut(): void {
    this.#closing = true
    for (const timer of this.#restarts) clearTimeout(timer)
    this.#wake()
  }

  #spawn(slot: Slot): void {
    if (this.#closing) return
    const { folder, seed, pace, hostile = false, specOf } = this.#options
    const generation = (this.#generations.get(slot) ?? 0) + 1
    this.#generations.set(slot, generation)
    const entry = join(import.meta.dirname, entries[slot.split('-')[0] ?? ''] ?? 'consumer.ts')
    const place = { folder, slot, generation, seed, pace, hostile, spec: specOf(slot) }
    const child = fork(entry, childArguments(place), {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Without the cache each of some hundred starts would compile everything again.
      env: {
        ...process.env,
        NODE_COMPILE_CACHE: join(folder, 'compiled'),
        [clockVariable]: String(this.#aheadMs.get(slot) ?? 0),
      },
      // Threads inherit it.
      execArgv: [...process.execArgv, '--import', join(import.meta.dirname, '../faults/jumping-clock.ts')],
    })
    const exited = new Promise<void>((resolve) => {
      child.once('close', (code, signal) => {
        this.#ended(slot, member, code ?? signal)
        resolve()
      })
    })
    const member: Member = { process: child, exited, isReady: false, sent: undefined, isOwner: false, stderr: '' }
    child.stderr?.on('data', (chunk: Buffer) => {
      member.stderr = (member.stderr + chunk.toString()).slice(-stderrMax)
    })
    child.on('message', (news: News) => this.#heard(slot, member, news))
    child.on('error', (error) => this.tally.problems.push(`${slot}: ${error.message}`))
    this.#members.set(slot, member)
  }

  #heard(slot: Slot, member: Member, { ready, acked, handled }: News): void {
    if (ready) {
      member.isReady = true
      if (this.#quiet && publishes(slot)) this.tell(slot, { do: 'quiet' })
      if (this.#storming && slot.startsWith('churn')) this.tell(slot, { do: 'storm' })
      // It may have been set while the process started.
      if (this.#aheadMs.has(slot)) this.tell(slot, { do: 'clock', aheadMs: this.#aheadMs.get(slot) ?? 0 })
    }
    for (const uid of acked ?? []) this.tally.acked.add(uid)
    this.tally.handled += handled ?? 0
    this.#wake()
  }

  #ended(slot: Slot, member: Member, end: number | NodeJS.Signals | null): void {
    this.#members.delete(slot)
    this.#judge(slot, member, end)
    this.#wake()
    if (this.#closing || this.isHopeless) return
    const delayMs = end === unavailableExitCode ? retryAfterMs : this.#options.restartDelayMs()
    const timer = setTimeout(() => {
      this.#restarts.delete(timer)
      this.#spawn(slot)
    }, delayMs)
    this.#restarts.add(timer)
  }

  #judge(slot: Slot, member: Member, end: number | NodeJS.Signals | null): void {
    const { tally } = this
    const nowMs = performance.now()
    const sinceAbruptMs = nowMs - (this.#abruptAtMs.get(slot) ?? Number.NEGATIVE_INFINITY)
    const death = deathOf(end, { sent: member.sent, sinceAbruptMs })
    if (isAbrupt(death)) this.#abruptAtMs.set(slot, nowMs)
    else if (death === 'replaced') this.#abruptAtMs.delete(slot)
    if (death === 'unasked') tally.problems.push(`${slot} ended unasked with ${end}:\n${member.stderr}`)
    else if (death !== 'killed' || !this.#closing) tally[figureOf[death]]++
    if (death === 'killed' && !this.#closing && member.isOwner) tally.ownerKills++
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }
}

/** Of a place: its process makes work of its own. */
const publishes = (slot: Slot): boolean => slot.startsWith('producer') || slot.startsWith('jobs')
