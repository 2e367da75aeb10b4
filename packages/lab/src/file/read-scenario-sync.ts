import type { Scenario } from '../model/scenario.ts'
import { armOf, edgesMax, policiesMax, type Span, servicesMax } from './read-arm.ts'
import { rawArms } from './read-arms.ts'
import { shaped } from './read-entry.ts'
import { expectationsOf } from './read-expect.ts'
import { issuesFound } from './read-issues.ts'
import { type Param, withArmParams, withHeaderParams } from './read-param.ts'
import { type Fields, isFields } from './read-patch.ts'
import { readText, type ScenarioFormat } from './read-text.ts'
import { durationMs } from './schema/read-duration.ts'
import type { Located } from './schema/read-located.ts'
import { type Problem, type Problems, problemsOf } from './schema/read-problems.ts'
import type { RawHeader } from './schema/scenario-schema.ts'
import { headerSchema, scenarioSchema } from './schema/scenario-schema.ts'

/** A scenario, or everything that is wrong with it. */
export type ReadResult =
  | { readonly scenario: Scenario; readonly problems: readonly [] }
  | { readonly scenario: undefined; readonly problems: readonly Problem[] }

/** How a text is to be read. */
export interface ReadOptions {
  /** Of a scenario that has none of its own. */
  readonly name?: string
  readonly format: ScenarioFormat
  /** Replaces values of the file, in all arms that have them. */
  readonly set?: readonly Param[]
}

/** Reads the text of a scenario file; never throws. Loading this module takes the packages `yaml` and `zod`. */
export function readScenarioSync(text: string, options: ReadOptions): ReadResult {
  const { root, problems } = readText(text, options.format)
  if (root === undefined) return { scenario: undefined, problems }
  const found = problemsOf(root)
  const scenario = scenarioOf(root, options, found)
  const all = found.list(scenario?.arms.length ?? 1)
  if (all.length > 0 || scenario === undefined) return { scenario: undefined, problems: all }
  return { scenario, problems: [] }
}

const armsMax = 20

function scenarioOf(
  { value: file }: Located,
  { name, set = [] }: ReadOptions,
  problems: Problems,
): Scenario | undefined {
  if (!isFields(file) || tooMany(file, problems)) {
    if (!isFields(file)) problems.add([[]], [], { message: 'must be a map with version, services and traffic' })
    return undefined
  }
  const { success, error } = scenarioSchema.safeParse(file)
  if (!success)
    for (const { path, ...finding } of issuesFound(error.issues, file)) problems.addShape([[]], path, finding)
  const changed = withHeaderParams(file, set)
  const header = shaped({ problems }, headerSchema, { raw: changed, places: [[]] })
  const span = spanOf(header)
  if (header !== undefined) reportTimes(header, span, problems)
  const arms = withArmParams(rawArms(changed), set, problems).map((raw) => ({ raw, arm: armOf(raw, span, problems) }))
  const subjects = new Map(arms.map(({ raw }) => [raw.name, [...raw.services.keys()]]))
  const entries = (Array.isArray(file['expect']) ? file['expect'] : []).map((raw, i) => ({
    raw,
    places: [['expect', i]],
  }))
  const expect = expectationsOf({ problems }, entries, { arms: subjects, durationMs: span.durationMs })
  return {
    name: header?.name ?? name ?? 'scenario',
    description: header?.description ?? '',
    seed: header?.seed ?? 1,
    replications: header?.replications ?? 1,
    ...span,
    warmupMs: durationMs(header?.warmup ?? 0),
    windowMs: durationMs(header?.window ?? 1000),
    arms: arms.map(({ arm }) => arm),
    expect,
  }
}

// Reading on would take as long as the file is large, and say the same thing again and again.
function tooMany(file: Fields, problems: Problems): boolean {
  const bounds = { services: servicesMax, edges: edgesMax, policies: policiesMax, arms: armsMax, expect: 1000 }
  let found = false
  for (const [section, max] of Object.entries(bounds)) {
    const part = file[section]
    const size = Array.isArray(part) ? part.length : isFields(part) ? Object.keys(part).length : 0
    if (size <= max) continue
    problems.add([[]], [section], { message: `there are ${size}, and at most ${max} are allowed` })
    found = true
  }
  return found
}

// Where the header is wrong, the longest run there can be finds fault with nothing else.
function spanOf(header: RawHeader | undefined): Span {
  if (header === undefined)
    return { durationMs: Number.POSITIVE_INFINITY, drainMaxMs: 0, eventsMax: Number.POSITIVE_INFINITY }
  const { duration, drain, maxEvents } = header
  return { durationMs: durationMs(duration), drainMaxMs: durationMs(drain), eventsMax: maxEvents }
}

const windowsMax = 100_000

function reportTimes({ warmup, window }: RawHeader, span: Span, problems: Problems): void {
  if (durationMs(warmup) > span.durationMs || (durationMs(warmup) === span.durationMs && span.durationMs > 0))
    problems.add([['warmup']], [], { message: `leaves nothing to count: duration is ${span.durationMs}ms` })
  const windows = (span.durationMs + span.drainMaxMs) / durationMs(window)
  if (windows > windowsMax)
    problems.add([['window']], [], {
      message: `gives ${Math.ceil(windows)} windows, and at most ${windowsMax} are allowed`,
    })
}
