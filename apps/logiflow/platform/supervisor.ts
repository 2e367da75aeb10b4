import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FromChild, ServiceStatus, ToChild } from './messages.ts'

/** Waiting times before a restart, ms; the last one repeats. */
const BACKOFF_MS = [2_000, 4_000, 8_000, 16_000, 30_000]
/** A child that lived this long starts again at the first waiting time. */
const STEADY_MS = 60_000
const STOP_MAX_MS = 1_900

export type ChildSpec = {
  readonly name: string
  /** The service that it is an instance of; absent: the one of its name. */
  readonly service?: string
  readonly entry: URL
  readonly env?: Readonly<Record<string, string>>
  readonly nodeArgs?: readonly string[]
  /** 0 or absent: a free port at the first start, the same one after it. */
  readonly port?: number
}
export type SupervisorEvents = {
  readonly onStatus?: (status: ServiceStatus) => void
  readonly onMessage?: (from: string, message: FromChild) => void
  /** Lines that a child wrote to stderr. */
  readonly onOutput?: (from: string, line: string) => void
}

type Child = {
  spec: ChildSpec
  process: ChildProcess | undefined
  state: ServiceStatus['state']
  sinceMs: number
  /** A person has stopped it: nothing starts it but a person. */
  isHeld: boolean
  port: number
  crashes: number
  failuresInRow: number
  startedAtMs: number
  restartAtMs: number | null
  timer: NodeJS.Timeout | undefined
  note: string
  stderrTail: string
}

const reasonOf = (child: Child, code: number | null, signal: string | null): string => {
  if (/heap out of memory|heap limit/i.test(child.stderrTail)) return 'out of memory'
  return signal === null ? `exit ${code}` : signal
}

/** Starts processes and starts them again when they die. Nothing that one of them does ends another. */
export class Supervisor {
  readonly #children: Map<string, Child>
  readonly #events: SupervisorEvents
  #stopping = false

  constructor(specs: readonly ChildSpec[], events: SupervisorEvents = {}) {
    this.#events = events
    this.#children = new Map(specs.map((spec) => [spec.name, newChild(spec)]))
  }

  statuses(): readonly ServiceStatus[] {
    return [...this.#children.values()].map(statusOf)
  }

  start(): void {
    for (const child of this.#children.values()) this.#spawn(child)
  }

  /** Resolves when every child has said that it is up. */
  async ready(timeoutMs: number): Promise<void> {
    const endMs = performance.now() + timeoutMs
    for (;;) {
      const late = this.statuses().filter(({ state }) => state !== 'up')
      if (late.length === 0) return
      const broken = this.statuses().find((status) => status.crashes > 0)
      if (broken !== undefined)
        throw new Error(`${broken.name} did not start: ${this.#children.get(broken.name)?.stderrTail}`)
      if (performance.now() > endMs)
        throw new Error(`${late.map(({ name }) => name).join(', ')} not up after ${timeoutMs / 1000} s`)
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }

  /** Ends all instances of a service as hard as it goes; they are started again like after any crash. */
  crash(service: string): void {
    for (const child of this.#children.values()) if (serviceOf(child) === service) child.process?.kill('SIGKILL')
  }

  /** Ends all instances of a service as hard as it goes, and leaves them stopped until `release`. */
  hold(service: string): void {
    for (const child of this.#children.values()) {
      if (serviceOf(child) !== service || child.isHeld) continue
      child.isHeld = true
      clearTimeout(child.timer)
      if (isRunning(child.process)) child.process.kill('SIGKILL')
      else this.#stopped(child)
    }
  }

  /** Starts what `hold` has stopped. */
  release(service: string): void {
    for (const child of this.#children.values()) {
      if (serviceOf(child) !== service || !child.isHeld) continue
      child.isHeld = false
      child.failuresInRow = 0
      this.#spawnAfter(child)
    }
  }

  /** Deploys another version: the old one is killed, the new one starts at once. */
  replace(spec: ChildSpec): void {
    const child = this.#children.get(spec.name)
    if (child === undefined) return
    clearTimeout(child.timer)
    child.spec = spec
    child.failuresInRow = 0
    this.#spawnAfter(child)
  }

  /** A word to all children, or to those of a service. */
  tell(message: ToChild, service?: string): void {
    for (const child of this.#children.values())
      if (service === undefined || serviceOf(child) === service) send(child, message)
  }

  /** Asks all to drain and end, in the order given first; kills what has not ended in time. */
  async stop(first: readonly string[] = []): Promise<void> {
    this.#stopping = true
    const all = [...this.#children.values()]
    for (const child of all) clearTimeout(child.timer)
    const deadlineMs = performance.now() + STOP_MAX_MS
    await Promise.all(
      all.filter((child) => first.includes(child.spec.name)).map((child) => end(child, deadlineMs - 1_400)),
    )
    await Promise.all(all.map((child) => end(child, deadlineMs)))
  }

  /** For the last resort: a supervisor that must end now leaves nothing behind. */
  killAll(): void {
    this.#stopping = true
    for (const child of this.#children.values()) child.process?.kill('SIGKILL')
  }

  /** Starts a child when its last process has ended, and sees to it that it ends. */
  #spawnAfter(child: Child): void {
    const old = child.process
    child.process = undefined
    if (!isRunning(old)) {
      this.#spawn(child)
      return
    }
    old.once('exit', () => this.#spawn(child))
    old.kill('SIGKILL')
  }

  #spawn(child: Child): void {
    if (this.#stopping || child.isHeld) return
    const { spec } = child
    const node = [process.execPath, ...(spec.nodeArgs ?? []), fileURLToPath(spec.entry)]
    // A shell only to forbid core dumps: the arguments are passed as such and never read as shell text.
    const started = spawn('/bin/sh', ['-c', 'ulimit -c 0; exec "$0" "$@"', ...node], {
      env: { ...process.env, ...spec.env, LOGIFLOW_NAME: spec.name, LOGIFLOW_PORT: String(child.port) },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    Object.assign(child, {
      process: started,
      state: 'starting',
      startedAtMs: performance.now(),
      restartAtMs: null,
      stderrTail: '',
    })
    started.stderr?.setEncoding('utf8').on('data', (text: string) => {
      child.stderrTail = (child.stderrTail + text).slice(-2_000)
      for (const line of text.split('\n')) if (line.trim() !== '') this.#events.onOutput?.(spec.name, line)
    })
    started.on('message', (message: FromChild) => this.#heard(child, message))
    started.on('error', () => {})
    started.on('exit', (code, signal) => this.#exited(child, started, { code, signal }))
    this.#changed(child)
  }

  #heard(child: Child, message: FromChild): void {
    if (message.kind !== 'up') {
      this.#events.onMessage?.(child.spec.name, message)
      return
    }
    child.state = 'up'
    child.port = message.port ?? 0
    this.#changed(child)
  }

  #exited(child: Child, which: ChildProcess, how: { code: number | null; signal: string | null }): void {
    if (child.process !== which) return
    child.process = undefined
    if (child.isHeld) {
      this.#stopped(child)
      return
    }
    child.state = 'stopped'
    if (!this.#stopping) {
      child.crashes++
      child.note = reasonOf(child, how.code, how.signal)
      if (performance.now() - child.startedAtMs > STEADY_MS) child.failuresInRow = 0
      const waitMs = BACKOFF_MS[Math.min(child.failuresInRow, BACKOFF_MS.length - 1)] ?? 0
      child.failuresInRow++
      child.state = 'waiting'
      child.restartAtMs = Date.now() + waitMs
      child.timer = setTimeout(() => this.#spawn(child), waitMs)
    }
    this.#changed(child)
  }

  #stopped(child: Child): void {
    Object.assign(child, { state: 'stopped', restartAtMs: null, note: 'stopped by hand' })
    this.#changed(child)
  }

  #changed(child: Child): void {
    child.sinceMs = Date.now()
    this.#events.onStatus?.(statusOf(child))
  }
}

const isRunning = (process: ChildProcess | undefined): process is ChildProcess =>
  process !== undefined && process.exitCode === null && process.signalCode === null

const newChild = (spec: ChildSpec): Child => ({
  ...{ spec, process: undefined, state: 'stopped', sinceMs: 0, isHeld: false, port: spec.port ?? 0 },
  ...{ crashes: 0, failuresInRow: 0 },
  ...{ startedAtMs: 0, restartAtMs: null, timer: undefined, note: '', stderrTail: '' },
})

const serviceOf = ({ spec }: Child): string => spec.service ?? spec.name

const statusOf = (child: Child): ServiceStatus => ({
  name: child.spec.name,
  service: serviceOf(child),
  state: child.state,
  pid: child.process?.pid ?? null,
  port: child.port === 0 ? null : child.port,
  crashes: child.crashes,
  sinceMs: child.sinceMs,
  restartAtMs: child.restartAtMs,
  note: child.note,
})

const send = (child: Child, message: ToChild): void => {
  if (child.process?.connected) child.process.send(message, () => {})
}

const end = async (child: Child, deadlineMs: number): Promise<void> => {
  const running = child.process
  if (!isRunning(running)) return
  const ended = new Promise<void>((resolve) => running.once('exit', () => resolve()))
  send(child, { kind: 'stop' })
  const timer = setTimeout(() => running.kill('SIGKILL'), Math.max(0, deadlineMs - performance.now()))
  await ended
  clearTimeout(timer)
}
