import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, isFirebreakError } from 'firebreak'
import { type Random, seeded } from '../history/random.ts'
import { Crew } from '../process/crew.ts'
import { openDatabase } from '../process/engines.ts'
import { openSite, type Site } from '../process/site.ts'
import { createJobTables } from './job-kinds.ts'
import { type JobFigures, judgeJobs } from './judge-jobs.ts'

export const jobEngines = ['embedded', 'postgres'] as const
export type JobEngine = (typeof jobEngines)[number]

export interface JobTortureOptions {
  readonly engine: JobEngine
  readonly seed: number
  readonly kills: number
  readonly keep?: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (line: string) => void
}

export interface JobReport extends JobFigures {
  readonly engine: JobEngine
  readonly seed: number
  readonly kills: number
  readonly terminations: number
  readonly freezes: number
  readonly durationMs: number
  readonly folder: string | null
  readonly problems: readonly string[]
}

const slots = ['jobs-1', 'jobs-2', 'jobs-3'] as const
const paceOf = { embedded: 1, postgres: 4 } as const
const handledBetween = 30
// Longer than a lease: what a dead process held comes back after it.
const waitMaxMs = 90_000
/** Longer than a lease: the process goes on with jobs that others have by then. */
const freezeMs = { embedded: 13_000, postgres: 34_000 } as const

/**
 * Runs processes that enqueue and run jobs on one database, kills them, lets them drain, and judges what is left. Undefined when
 * `signal` has ended it.
 */
export async function tortureJobs(options: JobTortureOptions): Promise<JobReport | undefined> {
  const startedAtMs = performance.now()
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-torture-jobs-'))
  // The user that PostgreSQL runs as has a folder of its own in it.
  chmodSync(folder, 0o755)
  const signal = options.signal ?? new AbortController().signal
  const { engine, seed, kills, onProgress = () => undefined } = options
  let site: Site | undefined
  let crew: Crew | undefined
  let isKept = options.keep === true
  try {
    const siteEngine = engine === 'embedded' ? 'embedded' : 'embedded-postgres'
    site = await openSite({ engine: siteEngine, folder, signal, onProgress })
    const database = await openDatabase(site.own, 'first')
    for (const statement of createJobTables) await database.query(statement)
    const { own } = site
    crew = new Crew({ folder, seed, slots, pace: paceOf[engine], specOf: () => own, restartDelayMs: () => 100 })
    crew.start()
    await strike(crew, options, signal)
    crew.quieten()
    await drained(crew, database, signal, onProgress)
    if (signal.aborted) return undefined
    await crew.close()
    const { problems, ...figures } = await judgeJobs(database, crew.tally.acked)
    await database.close()
    const { terminations, freezes, problems: deaths } = crew.tally
    const all = [...deaths, ...problems]
    isKept ||= all.length > 0 || errorsOf(figures) > 0
    const durationMs = Math.round(performance.now() - startedAtMs)
    const run = { engine, seed, kills, terminations, freezes, ...figures, durationMs }
    return { ...run, folder: isKept ? folder : null, problems: all }
  } finally {
    await crew?.abandon()
    await site?.stop()
    if (!isKept) rmSync(folder, { recursive: true, force: true })
  }
}

/** What must be 0. */
export const errorsOf = (figures: JobFigures): number =>
  figures.lost +
  figures.doubleEffects +
  figures.keyInversions +
  figures.duplicateUnique +
  figures.stuck +
  figures.ledgerImbalance

async function strike(crew: Crew, options: JobTortureOptions, signal: AbortSignal): Promise<void> {
  const { kills, seed, engine, onProgress } = options
  const random = seeded(seed)
  while (crew.tally.kills < kills && !signal.aborted && !crew.isHopeless) {
    const { handled } = crew.tally
    const moved = await crew.until(() => crew.tally.handled >= handled + handledBetween, waitMaxMs, signal)
    if (!moved && !signal.aborted) crew.tally.problems.push(`nothing was done for ${waitMaxMs} ms`)
    await crew.until(() => false, random.below(300), signal)
    blow(crew, random, freezeMs[engine])
    onProgress?.(`${crew.tally.kills} kills, ${crew.tally.acked.size} asked for, ${crew.tally.handled} done`)
  }
  await outliveLease(crew, freezeMs[engine], signal)
}

function blow(crew: Crew, random: Random, freezeMaxMs: number): void {
  const slot = random.pick(slots) ?? 'jobs-1'
  const fate = random.next()
  if (fate < 0.05) crew.freeze(slot, random.below(freezeMaxMs))
  else if (fate < 0.15) void crew.terminate(slot)
  else if (fate < 0.2) for (const one of slots) void crew.kill(one, false)
  else void crew.kill(slot, false)
}

/** One process sleeps for longer than its lease while the others live to notice, and goes on with jobs that are not its own any more. */
async function outliveLease(crew: Crew, forMs: number, signal: AbortSignal): Promise<void> {
  await crew.until(() => crew.allUp, waitMaxMs, signal)
  // It must hold some by then.
  await crew.until(() => false, 3000, signal)
  crew.freeze('jobs-1', forMs)
  await crew.until(() => false, forMs + 3000, signal)
}

/** Until no job lives, or nothing moves any more: what is left then is counted as stuck. */
async function drained(
  crew: Crew,
  database: Database,
  signal: AbortSignal,
  onProgress: (line: string) => void,
): Promise<void> {
  const { schema } = database.capabilities
  const count = `SELECT COUNT(*) AS n FROM ${schema === null ? '' : `"${schema}".`}fb_jobs`
  let before = -1
  let movedAtMs = performance.now()
  for (let quiet = 0; quiet < 2 && !signal.aborted && !crew.isHopeless; ) {
    const live = await database.query<{ n: number }>(count).then(([row]) => row?.n ?? 0, ifBusy)
    quiet = live === 0 ? quiet + 1 : 0
    if (live !== before) movedAtMs = performance.now()
    before = live
    if (performance.now() - movedAtMs > waitMaxMs) return
    onProgress(`draining: ${live} jobs live`)
    await crew.until(() => false, 500, signal)
  }
}

function ifBusy(error: unknown): number {
  if (!isFirebreakError(error) || error.kind !== 'transient') throw error
  return -1
}
