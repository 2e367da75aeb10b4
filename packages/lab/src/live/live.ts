import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FirebreakError, systemEntropy } from 'firebreak/internal'
import type { LabResult } from '../model/result.ts'
import type { Scenario } from '../model/scenario.ts'
import { type ArmRun, armProblems, chosenArms, resultOf, spansOf } from '../run/arm-run.ts'
import { runRealArm } from './arm.ts'
import { realProblems } from './bounds.ts'
import { Interruption } from './interruption.ts'
import { onKafka, prefixOf } from './kafka.ts'
import type { LogPlace } from './process/log.ts'

export interface RealOptions {
  /** Ends the run; it rejects with the signal's reason when all is cleaned up. */
  readonly signal?: AbortSignal
  /** Called now and then. **Units** of `done` and `total`: seconds of the scenario, over all arms */
  readonly onProgress?: (done: number, total: number, what: string) => void
  /** Only these arms; claims about others are left out. */
  readonly arms?: readonly string[]
  /** `host:port` of brokers for the queue edges; default: firebreak's embedded log. */
  readonly kafka?: readonly string[]
  /** Real ms per ms of the scenario, default 1; the figures are those of the scenario's time. */
  readonly dilation?: number
}

/**
 * Runs the arms of a scenario for real, one after the other: a process per service, HTTP between them, firebreak's own
 * runtime on the queue edges, the machine's clock. Arrivals and demands are those of the simulation with the same seed.
 *
 * **Guarantee** When it resolves or rejects, no process, port, folder or topic of it is left.
 * **Errors** `FB_CONFIG` for what this machine cannot do in real time, with what to scale; `FB_LOG_UNAVAILABLE` for brokers
 * that do not answer; `FB_INVARIANT` with what a process wrote when it died; the reason of `signal`
 */
export async function runReal(scenario: Scenario, options: RealOptions = {}): Promise<LabResult> {
  const { dilation = 1, arms: names } = options
  const arms = chosenArms(scenario, names)
  const problems = [...armProblems(scenario, names), ...realProblems({ scenario, arms, dilation })]
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const runs = await runAll({ ...scenario, arms, replications: 1 }, options)
  return resultOf('real', { ...scenario, arms, replications: 1 }, runs)
}

async function runAll(scenario: Scenario, options: RealOptions): Promise<readonly ArmRun[]> {
  const { arms } = scenario
  const { kafka: brokers, signal } = options
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-lab-'))
  const interruption = new Interruption(signal, () =>
    // A process that is killed may take a moment to let go.
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 }),
  )
  const prefix = `firebreak-lab-${systemEntropy.hex(4)}`
  const run = (): Promise<readonly ArmRun[]> =>
    runArms(scenario, options, { folder, prefix, signal: interruption.signal })
  try {
    return brokers === undefined ? await run() : await onKafka({ brokers, prefix, arms }, run)
  } finally {
    interruption.end()
  }
}

interface Grounds {
  readonly folder: string
  readonly prefix: string
  readonly signal: AbortSignal
}

async function runArms(
  scenario: Scenario,
  options: RealOptions,
  { folder, prefix, signal }: Grounds,
): Promise<readonly ArmRun[]> {
  const { onProgress, kafka, dilation = 1 } = options
  const runs: ArmRun[] = []
  const seconds = Math.round(scenario.durationMs / 1000)
  const total = seconds * scenario.arms.length
  for (const [index, arm] of scenario.arms.entries()) {
    const own = join(folder, `${index}`)
    const place: LogPlace = kafka === undefined ? { kind: 'embedded', folder: own } : { kind: 'kafka', brokers: kafka }
    const setup = { scenario, arm, dilation, place, folder: own, prefix: prefixOf(prefix, index) }
    const onElapsed = (ms: number): void => onProgress?.(index * seconds + Math.round(ms / 1000), total, arm.name)
    runs.push(await runRealArm({ setup, spans: spansOf(scenario.expect), signal, onElapsed }))
  }
  return runs
}
