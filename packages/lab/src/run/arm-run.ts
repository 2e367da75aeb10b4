import type { TallyResult } from '../analysis/arm-result.ts'
import { averageArm, averageTally } from '../analysis/averages.ts'
import { type Checks, worstOf } from '../analysis/checks.ts'
import { differencesOf } from '../analysis/differences.ts'
import { judge } from '../analysis/expectations.ts'
import { fluidOf } from '../analysis/fluid-model.ts'
import { digestOf } from '../math/digest.ts'
import type { ArmResult, LabResult } from '../model/result.ts'
import type { Arm, Expectation, Scenario } from '../model/scenario.ts'
import { verdictOf } from '../report/verdict.ts'
import type { Span } from '../sim/arm-stats.ts'
import { toUs } from '../sim/virtual-time.ts'

/** All replications of one arm, simulated or run for real. */
export interface ArmRun {
  readonly arm: Arm
  readonly results: readonly ArmResult[]
  readonly checks: readonly Checks[]
  /** By the span that a claim is about. */
  readonly parts: ReadonlyMap<string, readonly TallyResult[]>
}

/** What is wrong with the names of arms that are asked for. */
export function armProblems(scenario: Scenario, names: readonly string[] | undefined): readonly string[] {
  const known = scenario.arms.map(({ name }) => name)
  const unknown = (names ?? []).filter((name) => !known.includes(name))
  return unknown.map((name) => `no arm ${name}; there is ${known.join(', ')}`)
}

/** Those that are asked for, or all. */
export const chosenArms = ({ arms }: Scenario, names: readonly string[] | undefined): readonly Arm[] =>
  names === undefined ? arms : arms.filter(({ name }) => names.includes(name))

/** What a span is kept under. */
export const nameOf = ({ fromUs, toUs }: Span): string => `${fromUs}-${toUs}`

const spanOf = ({ fromMs, toMs }: NonNullable<Expectation['within']>): Span => ({
  fromUs: toUs(fromMs),
  toUs: toUs(toMs),
})

/** The parts of the run that claims are about, each once. */
export function spansOf(expectations: readonly Expectation[]): readonly Span[] {
  const spans = expectations.flatMap(({ within }) => (within === null ? [] : [spanOf(within)]))
  return [...new Map(spans.map((span) => [nameOf(span), span])).values()]
}

/** What the runs of all arms say together. */
export function resultOf(mode: LabResult['mode'], scenario: Scenario, runs: readonly ArmRun[]): LabResult {
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
    mode,
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
