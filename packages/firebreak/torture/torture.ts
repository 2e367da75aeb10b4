import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqliteDatabase, sqliteLog } from 'firebreak'
import { check, type Findings } from './checkers.ts'
import { Crew, type Tally } from './crew.ts'
import { databaseFile, type Stores, unfinished } from './drain.ts'
import { type Evidence, readEvidence } from './evidence.ts'
import { heal, torment } from './nemesis.ts'
import { seeded } from './random.ts'

export interface TortureOptions {
  readonly seed: number
  readonly kills: number
  /** Keeps the folder; its path is in the report. */
  readonly keep?: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (line: string) => void
  /** Told once, when all processes are there. */
  readonly onStart?: (at: { readonly folder: string; readonly pids: readonly number[] }) => void
}

export interface Report {
  readonly engine: 'embedded'
  readonly seed: number
  readonly kills: number
  /** Records that the library promised to keep, or that are in the log. */
  readonly produced: number
  /** Effects of the first service. */
  readonly handled: number
  /** Open dead letters of both services. */
  readonly deadLettered: number
  readonly lost: number
  readonly doubleEffects: number
  readonly keyInversions: number
  readonly ledgerImbalance: number
  readonly durationMs: number
  /** Kills that hit the process that owned the log. */
  readonly ownerKills: number
  readonly terminations: number
  readonly freezes: number
  /** Deaths by an order that kills its process. */
  readonly crashes: number
  /** Dead letters of records that were alone at work when their process died: the lethal ones, and unlucky others. */
  readonly crashLetters: number
  /** Everything that went wrong, in words: behind the four figures, and around them. */
  readonly problems: readonly string[]
  readonly folder: string | null
}

// A partition whose holder has just died, a lease, a wait for the log: nothing that is sound rests for as long.
const stuckAfterMs = 30_000
const lookEveryMs = 150
const wordsMax = 20

/**
 * Runs the system in processes of its own, kills them, lets it drain, and judges what is left on the disk. Undefined when
 * `signal` has ended it; then, as always, no process and no folder is left.
 */
export async function torture(options: TortureOptions): Promise<Report | undefined> {
  const startedAtMs = performance.now()
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-torture-'))
  const random = seeded(options.seed)
  const signal = options.signal ?? new AbortController().signal
  const crew = new Crew({
    folder,
    seed: options.seed,
    restartDelayMs: () => (random.chance(0.7) ? 0 : random.below(400)),
  })
  const progress = (what: string): void => options.onProgress?.(`${what}: ${describe(crew.tally)}`)
  try {
    crew.start()
    options.onStart?.({ folder, pids: crew.pids })
    const onKill = (): void => progress('killing')
    await torment(crew, { folder, kills: options.kills, random, signal, onKill })
    heal(folder)
    crew.quieten()
    progress('draining')
    await drained(folder, crew, signal)
    if (signal.aborted) return undefined
    await crew.close()
    progress('judging')
    const evidence = await inStores(folder, (stores) => readEvidence(stores, crew.tally.acked))
    const durationMs = Math.round(performance.now() - startedAtMs)
    return reportOf(options, crew.tally, { evidence, durationMs, folder: options.keep ? folder : null })
  } finally {
    await crew.abandon()
    if (!options.keep) rmSync(folder, { recursive: true, force: true })
  }
}

/** Looks from outside until nothing is left to do twice in a row; when nothing moves any more, what is left is a problem each. */
async function drained(folder: string, crew: Crew, signal: AbortSignal): Promise<void> {
  await inStores(folder, async (stores) => {
    let before = ''
    let movedAtMs = performance.now()
    for (let quiet = 0; quiet < 2 && !signal.aborted && !crew.isHopeless; ) {
      const left = await unfinished(stores)
      quiet = left.length === 0 ? quiet + 1 : 0
      if (left.join() !== before) movedAtMs = performance.now()
      before = left.join()
      if (left.length > 0 && performance.now() - movedAtMs > stuckAfterMs) {
        crew.tally.problems.push(...left.map((text) => `stuck for ${stuckAfterMs} ms: ${text}`), ...crew.lastWords)
        return
      }
      await crew.until(() => false, lookEveryMs, signal)
    }
  })
}

/** The stores of a run, opened beside its processes. Reads only. */
export async function inStores<T>(folder: string, look: (stores: Stores) => Promise<T>): Promise<T> {
  const log = sqliteLog({ path: folder })
  const names = ['producer-1', 'producer-2', 'first', 'second']
  const databases = new Map(names.map((name) => [name, sqliteDatabase({ path: databaseFile(folder, name) })]))
  try {
    return await look({ log, databases })
  } finally {
    await log.close()
    for (const database of databases.values()) await database.close()
  }
}

interface Outcome {
  readonly evidence: Evidence
  readonly durationMs: number
  readonly folder: string | null
}

function reportOf(options: TortureOptions, tally: Tally, { evidence, durationMs, folder }: Outcome): Report {
  const findings: Findings = check(evidence)
  const { kills, ownerKills, terminations, freezes, crashes } = tally
  const words = Object.entries(findings).flatMap(([name, found]: [string, readonly string[]]) =>
    found.slice(0, wordsMax).map((text) => `${name}: ${text}`),
  )
  return {
    engine: 'embedded',
    seed: options.seed,
    kills,
    produced: new Set([...evidence.promised, ...evidence.orders]).size,
    handled: evidence.first.effects.length,
    deadLettered: evidence.first.letters + evidence.second.letters,
    lost: findings.lost.length,
    doubleEffects: findings.doubleEffects.length,
    keyInversions: findings.keyInversions.length,
    ledgerImbalance: evidence.first.ledger.imbalance + evidence.second.ledger.imbalance,
    durationMs,
    ownerKills,
    terminations,
    freezes,
    crashes,
    crashLetters: evidence.first.crashLetters + evidence.second.crashLetters,
    problems: [...tally.problems, ...words],
    folder,
  }
}

const describe = (tally: Tally): string =>
  `${tally.kills} kills (${tally.ownerKills} of the owner), ${tally.acked.size} acknowledged, ${tally.handled} handled`
