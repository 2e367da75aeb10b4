import { FirebreakError, nextTurn } from 'firebreak/internal'
import { armResult, measurementsOf, type TallyResult, tallyResult } from '../analysis/arm-result.ts'
import { type Checks, checkRun } from '../analysis/checks.ts'
import type { ArmResult, LabResult } from '../model/result.ts'
import type { Arm, Scenario } from '../model/scenario.ts'
import { Simulation } from '../sim/simulation.ts'
import { type ArmRun, armProblems, chosenArms, nameOf, resultOf, spansOf } from './arm-run.ts'

export interface RunOptions {
  /** Ends the run; it rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called now and then, and when it is done. */
  readonly onProgress?: (progress: RunProgress) => void
  /** Only these arms; claims about others are left out. */
  readonly arms?: readonly string[]
}

export interface RunProgress {
  readonly arm: string
  readonly replication: number
  /** Replications of all arms that are done, of so many. */
  readonly done: number
  readonly total: number
}

// A few ms of work: the event loop is looked after in between, so that a signal gets through.
const eventsPerTurn = 20_000

/**
 * Simulates every arm of a scenario, in virtual time.
 *
 * **Guarantee** Equal scenario, seed and version give an equal result, on every machine.
 * **Errors** `FB_CONFIG` when the scenario names what is not there, or when a run needs more events than `eventsMax`; the
 * reason of `signal`
 */
export async function runScenario(scenario: Scenario, options: RunOptions = {}): Promise<LabResult> {
  const problems = armProblems(scenario, options.arms)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const arms = chosenArms(scenario, options.arms)
  const runs: ArmRun[] = []
  for (const [index, arm] of arms.entries()) {
    const before = { done: index * scenario.replications, total: arms.length * scenario.replications }
    runs.push(await runArm(scenario, arm, options, before))
  }
  return resultOf('sim', { ...scenario, arms }, runs)
}

type Progress = Pick<RunProgress, 'done' | 'total'>

async function runArm(scenario: Scenario, arm: Arm, options: RunOptions, before: Progress): Promise<ArmRun> {
  const spans = spansOf(scenario.expect)
  const results: ArmResult[] = []
  const checks: Checks[] = []
  const parts = new Map<string, TallyResult[]>(spans.map((span) => [nameOf(span), []]))
  for (let replication = 0; replication < scenario.replications; replication++) {
    options.onProgress?.({ arm: arm.name, replication, done: before.done + replication, total: before.total })
    const simulation = new Simulation({ scenario, arm, replication, spans })
    await runThrough(simulation, options.signal)
    results.push(armResult(measurementsOf(simulation)))
    checks.push(checkRun(simulation, replication))
    for (const tally of simulation.stats.tallies.slice(1)) parts.get(nameOf(tally.span))?.push(tallyResult(tally))
  }
  const last = { arm: arm.name, replication: scenario.replications - 1 }
  options.onProgress?.({ ...last, done: before.done + scenario.replications, total: before.total })
  return { arm, results, checks, parts }
}

async function runThrough(simulation: Simulation, signal: AbortSignal | undefined): Promise<void> {
  const { scenario, arm, time } = simulation
  for (;;) {
    signal?.throwIfAborted()
    const left = scenario.eventsMax - simulation.events
    if (left <= 0) throw tooManyEvents(scenario, arm, time.nowUs)
    if (simulation.advance(Math.min(eventsPerTurn, left))) return
    await new Promise<void>(nextTurn)
  }
}

function tooManyEvents({ name, eventsMax, durationMs }: Scenario, arm: Arm, nowUs: number): FirebreakError {
  const problems =
    `${name}, arm ${arm.name}: stopped after ${eventsMax} events at ${Math.round(nowUs / 1000)} ms of ${durationMs} ms; ` +
    'raise maxEvents, or lower rates, duration or attempts'
  return new FirebreakError('FB_CONFIG', { problems })
}
