import { FirebreakError } from '../contracts/errors.ts'
import { nextTurn } from '../node/turn.ts'
import type { Span } from './arm-books.ts'
import { armResult, type TallyResult, tallyResult } from './arm-result.ts'
import { averageArm, averageTally } from './averages.ts'
import { type Checks, checkRun, worstOf } from './checks.ts'
import { differencesOf } from './differences.ts'
import { digestOf } from './digest.ts'
import { judge } from './expectations.ts'
import { fluidOf } from './fluid.ts'
import type { ArmResult, LabResult } from './result.ts'
import type { Arm, Expectation, Scenario } from './scenario.ts'
import { Simulation } from './simulation.ts'
import { verdictOf } from './verdict.ts'
import { toUs } from './virtual-time.ts'

export interface RunOptions {
  /** Ends the run; it rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Told now and then, and when it is done. */
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
  const arms = chosenArms(scenario, options.arms)
  const runs: ArmRun[] = []
  for (const [index, arm] of arms.entries()) {
    const told = { done: index * scenario.replications, total: arms.length * scenario.replications }
    runs.push(await runArm(scenario, arm, options, told))
  }
  return resultOf({ ...scenario, arms }, runs)
}

/** All replications of one arm. */
interface ArmRun {
  readonly arm: Arm
  readonly results: readonly ArmResult[]
  readonly checks: readonly Checks[]
  /** By the span that a claim is about. */
  readonly parts: ReadonlyMap<string, readonly TallyResult[]>
}

type Told = Pick<RunProgress, 'done' | 'total'>

async function runArm(scenario: Scenario, arm: Arm, options: RunOptions, told: Told): Promise<ArmRun> {
  const spans = spansOf(scenario.expect)
  const results: ArmResult[] = []
  const checks: Checks[] = []
  const parts = new Map<string, TallyResult[]>(spans.map((span) => [nameOf(span), []]))
  for (let replication = 0; replication < scenario.replications; replication++) {
    options.onProgress?.({ arm: arm.name, replication, done: told.done + replication, total: told.total })
    const simulation = new Simulation({ scenario, arm, replication, spans })
    await runThrough(simulation, options.signal)
    results.push(armResult(simulation))
    checks.push(checkRun(simulation, replication))
    for (const tally of simulation.books.tallies.slice(1)) parts.get(nameOf(tally.span))?.push(tallyResult(tally))
  }
  const last = { arm: arm.name, replication: scenario.replications - 1 }
  options.onProgress?.({ ...last, done: told.done + scenario.replications, total: told.total })
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

function chosenArms(scenario: Scenario, names: readonly string[] | undefined): readonly Arm[] {
  if (names === undefined) return scenario.arms
  const known = scenario.arms.map(({ name }) => name)
  const problems = names
    .filter((name) => !known.includes(name))
    .map((name) => `no arm ${name}; there is ${known.join(', ')}`)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return scenario.arms.filter(({ name }) => names.includes(name))
}

const nameOf = ({ fromUs, toUs }: Span): string => `${fromUs}-${toUs}`

const spanOf = ({ fromMs, toMs }: NonNullable<Expectation['within']>): Span => ({
  fromUs: toUs(fromMs),
  toUs: toUs(toMs),
})

function spansOf(expectations: readonly Expectation[]): readonly Span[] {
  const spans = expectations.flatMap(({ within }) => (within === null ? [] : [spanOf(within)]))
  return [...new Map(spans.map((span) => [nameOf(span), span])).values()]
}

function resultOf(scenario: Scenario, runs: readonly ArmRun[]): LabResult {
  const arms = Object.fromEntries(runs.map(({ arm, results }) => [arm.name, averageArm(results)]))
  const fluid = Object.fromEntries(
    runs.map(({ arm }) => [arm.name, fluidOf(scenario, arm, arms[arm.name] as ArmResult)]),
  )
  const differences = differencesOf(runs.map(({ arm, results }) => ({ name: arm.name, results })))
  const about = ({ arm, value }: Expectation): readonly string[] => [
    arm,
    ...(typeof value === 'number' ? [] : [value.arm]),
  ]
  const expected = scenario.expect.filter((one) => about(one).every((name) => name in arms))
  const figuresOf = (name: string, within: Expectation['within']): Partial<ArmResult> => {
    if (within === null) return arms[name] as ArmResult
    const run = runs.find(({ arm }) => arm.name === name)
    return averageTally(run?.parts.get(nameOf(spanOf(within))) ?? [])
  }
  const all = {
    scenario: scenario.name,
    description: scenario.description,
    mode: 'sim',
    seed: scenario.seed,
    replications: scenario.replications,
    arms,
    fluid,
    differences,
    expect: judge(expected, figuresOf),
    verdict: verdictOf(scenario, arms, fluid, differences),
    checks: worstOf(runs.flatMap(({ checks }) => checks)),
  } as const
  return { ...all, digest: digestOf(all) }
}
