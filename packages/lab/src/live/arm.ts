import { FirebreakError, sleep, systemClock } from 'firebreak/internal'
import { armResult, tallyResult } from '../analysis/arm-result.ts'
import type { ServiceResult } from '../model/result.ts'
import type { Scenario } from '../model/scenario.ts'
import { type ArmRun, nameOf } from '../run/arm-run.ts'
import type { Span } from '../sim/arm-stats.ts'
import { toUs } from '../sim/virtual-time.ts'
import { realChecks } from './checks.ts'
import type { Report, Role, Setup, Status } from './process/protocol.ts'
import { Processes, type Worker } from './processes.ts'
import { replay } from './replay.ts'

export interface RealArmOptions {
  readonly setup: Omit<Setup, 'role'>
  readonly spans: readonly Span[]
  readonly signal: AbortSignal
  /** Called now and then with how far the run is. **Units** ms of the scenario */
  readonly onElapsed: (ms: number) => void
}

const startWithinMs = 60_000
const leadMs = 250
const lookEveryMs = 250
const stopWithinMs = 5000

/** Runs one arm in processes of its own, which are gone when this resolves or rejects. */
export async function runRealArm(options: RealArmOptions): Promise<ArmRun> {
  const { setup, signal, spans } = options
  signal.throwIfAborted()
  const processes = new Processes()
  const abort = (): void => processes.fail(signal.reason)
  signal.addEventListener('abort', abort)
  try {
    const workers = await startAll(processes, setup)
    const ended = await runThrough(workers, options)
    const reports = await Promise.all(workers.map((worker) => worker.order<Report>({ kind: 'report' })))
    await stopAll(workers)
    return runOf(setup, { workers, reports, spans, ...ended })
  } finally {
    signal.removeEventListener('abort', abort)
    await processes.end()
  }
}

async function startAll(processes: Processes, setup: Omit<Setup, 'role'>): Promise<readonly Worker[]> {
  const slow = systemClock.schedule(startWithinMs, () => {
    processes.fail(
      new FirebreakError('FB_INVARIANT', { claim: `the processes of a run are up within ${startWithinMs} ms` }),
    )
  })
  try {
    const begin = async (role: Role): Promise<readonly [Worker, number | null]> => {
      const worker = processes.start(role)
      return [worker, await worker.order<number | null>({ kind: 'set-up', setup: { ...setup, role } })]
    }
    const roles = rolesOf(setup)
    // The log first: a process that opens it before its owner would own it.
    const [first, ...others] = roles
    const begun = [await begin(first as Role), ...(await Promise.all(others.map(begin)))]
    const named = begun.flatMap(([{ role }, port]) => (role.kind === 'service' ? [[role.service, port]] : []))
    const ports = Object.fromEntries(named)
    for (const [worker] of begun) await worker.order({ kind: 'connect', ports })
    return begun.map(([worker]) => worker)
  } finally {
    slow.cancel()
  }
}

function rolesOf({ arm, place }: Omit<Setup, 'role'>): readonly Role[] {
  const queues = arm.edges.filter(({ kind }) => kind !== 'sync')
  const isOwned = queues.length > 0 && place.kind === 'embedded'
  return [
    ...(isOwned ? [{ kind: 'broker' } as const] : []),
    ...arm.services.map(({ name }) => ({ kind: 'service', service: name }) as const),
    ...queues.map(({ id }) => ({ kind: 'consumer', edge: id }) as const),
    { kind: 'load' },
  ]
}

interface Ended {
  readonly endUs: number
  readonly isDrained: boolean
}

async function runThrough(workers: readonly Worker[], { setup, onElapsed, signal }: RealArmOptions): Promise<Ended> {
  const { scenario, dilation } = setup
  const { durationMs, drainMaxMs } = scenario
  const startsAtMs = systemClock.now() + leadMs
  const originMs = systemClock.monotonic() + leadMs
  await Promise.all(workers.map((worker) => worker.order({ kind: 'start', atMs: startsAtMs })))
  for (let quiet = 0; ; ) {
    await sleep(systemClock, lookEveryMs, signal)
    const statuses = await Promise.all(workers.map((worker) => worker.order<Status>({ kind: 'status' })))
    const nowMs = (systemClock.monotonic() - originMs) / dilation
    onElapsed(Math.min(Math.max(0, nowMs), durationMs))
    // Once more: what left one process while another was asked is seen the next time.
    quiet = nowMs >= durationMs && isQuiet(statuses) ? quiet + 1 : 0
    if (quiet > 1 || nowMs >= durationMs + drainMaxMs) return { endUs: toUs(nowMs), isDrained: quiet > 1 }
  }
}

function isQuiet(statuses: readonly Status[]): boolean {
  const sum = (of: (status: Status) => number): number => statuses.reduce((all, status) => all + of(status), 0)
  return sum(({ open }) => open) === 0 && sum(({ published }) => published) === sum(({ settled }) => settled)
}

/** The owner of the log last; a process that takes too long is killed with all others. */
async function stopAll(workers: readonly Worker[]): Promise<void> {
  const timer = new AbortController()
  const tooLong = sleep(systemClock, stopWithinMs, timer.signal)
  const stop = async (): Promise<void> => {
    const owners = workers.filter(({ role }) => role.kind === 'broker')
    const others = workers.filter(({ role }) => role.kind !== 'broker')
    for (const group of [others, owners])
      await Promise.allSettled(group.map((worker) => worker.order({ kind: 'stop' })))
  }
  await Promise.race([stop(), tooLong])
  timer.abort()
}

interface Ending extends Ended {
  readonly workers: readonly Worker[]
  /** In the order of the workers. */
  readonly reports: readonly Report[]
  readonly spans: readonly Span[]
}

function runOf({ scenario, arm }: { scenario: Scenario; arm: Setup['arm'] }, ending: Ending): ArmRun {
  const { workers, reports, spans, endUs, isDrained } = ending
  const services = new Map<string, Report>()
  for (const [index, { role }] of workers.entries())
    if (role.kind === 'service') services.set(role.service, reports[index] as Report)
  const replayed = replay({ scenario, arm, reports, services, endUs, spans })
  const own = [...services].map(([name, { service }]) => [name, service?.result as ServiceResult] as const)
  const { stats, windows } = replayed
  const settled = reports.flatMap((report) => report.settled)
  const result = armResult({
    scenario,
    arm,
    stats,
    windows,
    services: Object.fromEntries(own),
    breakerOpens: reports.reduce((sum, { breakerOpens }) => sum + breakerOpens, 0),
    deadLetters: settled.filter(({ outcome }) => outcome === 'dead-letter').length,
  })
  const checks = realChecks({ arm, reports, services, replayed, isDrained })
  const parts = new Map(stats.tallies.slice(1).map((tally) => [nameOf(tally.span), [tallyResult(tally)]]))
  return { arm, results: [result], checks: [checks], parts }
}
