import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isFirebreakError } from 'firebreak'
import { readEvidence } from './checks/evidence.ts'
import { canFillDisks } from './faults/disks.ts'
import { type MachineFaults, upset } from './faults/machine-faults.ts'
import { heal, torment } from './faults/nemesis.ts'
import { noFaults, type ServerFaults, strain } from './faults/server-faults.ts'
import { together } from './faults/together.ts'
import { hostileTransactionMaxMs } from './history/hostile-orders.ts'
import { seeded } from './history/random.ts'
import { Crew } from './process/crew.ts'
import { unfinished } from './process/drain.ts'
import type { EngineName } from './process/engines.ts'
import { createTables } from './process/services.ts'
import { openSite, type Servers, type Site } from './process/site.ts'
import { inStores } from './process/stores.ts'
import type { Tally } from './process/tally.ts'
import { type Report, reportOf } from './report.ts'

export interface TortureOptions {
  /** Default `embedded`. */
  readonly engine?: EngineName
  readonly seed: number
  readonly kills: number
  /** Orders now and then make the service behave badly: acts of `firebreak/testing`. Default false. */
  readonly hostile?: boolean
  /** Keeps the folder also where nothing was found; its path is in the report. */
  readonly keep?: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (line: string) => void
  /** Told once, when all processes are there. */
  readonly onStart?: (at: { readonly folder: string; readonly pids: readonly number[] }) => void
}

// A partition whose holder has just died, a lease, a wait for the log: nothing that is sound rests for as long.
const waitMaxMs = { embedded: 30_000, servers: 90_000 } as const
const lookEveryMs = { embedded: 150, servers: 500 } as const
const killsPerBrokerFault = 9
const killsPerStorm = 7
/** A hostile order keeps its key for longer: what is published must not run away from what is handled. */
const hostilePace = 2

/**
 * Runs the system in processes of its own, kills them, lets it drain, and judges what is left. No process and no server is
 * left, and no folder unless something was found or went wrong. Undefined when `signal` has ended it.
 *
 * **Errors** with the name of the folder, when there is nothing to judge.
 */
export async function torture(options: TortureOptions): Promise<Report | undefined> {
  const startedAtMs = performance.now()
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-torture-'))
  const signal = options.signal ?? new AbortController().signal
  const onProgress = (line: string): void => {
    const seconds = Math.round((performance.now() - startedAtMs) / 1000)
    options.onProgress?.(`${String(seconds).padStart(4)} s ${line}`)
  }
  // The user that PostgreSQL runs as has a folder of its own in it.
  chmodSync(folder, 0o755)
  let site: Site | undefined
  let crew: Crew | undefined
  let isKept = options.keep === true
  try {
    site = await openSite({
      ...{ engine: options.engine ?? 'embedded', folder, signal, onProgress },
      ...(options.hostile === true ? { transactionMaxMs: hostileTransactionMaxMs } : {}),
    })
    const run: Run = { options, folder, site, signal, onProgress, faults: noFaults(), machineFaults: {} }
    crew = crewOf(run)
    await torn(run, crew)
    if (signal.aborted) return undefined
    onProgress('judging')
    const evidence = await inStores(site.own, (stores) => readEvidence(stores, folder, crew?.tally.acked ?? []))
    const durationMs = Math.round(performance.now() - startedAtMs)
    const { faults, machineFaults } = run
    const engine = options.engine ?? 'embedded'
    const { seed } = options
    const report = reportOf({ engine, seed, tally: crew.tally, faults, machineFaults, evidence, durationMs })
    if (report.problems.length > 0) isKept = true
    return { ...report, folder: isKept ? folder : null }
  } catch (error) {
    if (signal.aborted) return undefined
    isKept = true
    const problems = [...(crew?.tally.problems ?? []), error instanceof Error ? error.message : String(error)]
    throw new Error(`nothing to judge, all there is is in ${folder}:\n${problems.join('\n')}`, { cause: error })
  } finally {
    await crew?.abandon()
    await site?.stop()
    if (!isKept) rmSync(folder, { recursive: true, force: true })
  }
}

interface Run {
  readonly options: TortureOptions
  readonly folder: string
  readonly site: Site
  readonly signal: AbortSignal
  readonly onProgress: (line: string) => void
  readonly faults: ServerFaults
  readonly machineFaults: MachineFaults
}

function crewOf({ options: { seed, hostile = false }, folder, site }: Run): Crew {
  const random = seeded(seed * 65_537)
  const restartDelayMs = (): number => (random.chance(0.7) ? 0 : random.below(400))
  return new Crew({
    folder,
    seed,
    hostile,
    slots: site.slots,
    pace: hostile ? Math.max(site.pace, hostilePace) : site.pace,
    specOf: site.specOf,
    restartDelayMs,
  })
}

/** From the first process to the last one: kills, faults of the servers beside them, and then rest. */
async function torn({ options, folder, site, signal, onProgress, ...done }: Run, crew: Crew): Promise<void> {
  const { seed, kills, hostile = false } = options
  const { faults, machineFaults } = done
  const fillsDisks = hostile && (await canFillDisks())
  const { servers } = site
  const progress = (what: string): void => onProgress(`${what}: ${describe(crew.tally)}`)
  await inStores(site.own, async ({ databases }) => {
    for (const database of databases.values()) await createTables(database)
  })
  crew.start()
  options.onStart?.({ folder, pids: crew.pids })
  const waitMs = servers === undefined ? waitMaxMs.embedded : waitMaxMs.servers
  // The first blow and the first storm meet everybody at work.
  await crew.until(() => crew.allUp, waitMs, signal)
  let isOver = false
  const kill = (until: AbortSignal): Promise<void> =>
    torment(crew, {
      folder,
      kills,
      random: seeded(seed),
      signal: until,
      waitMaxMs: waitMs,
      onKill: () => progress('killing'),
    }).finally(() => {
      isOver = true
    })
  const hurt = (of: Servers) => (until: AbortSignal) =>
    strain(crew, faults, {
      servers: of,
      random: seeded(seed * 31 + 7),
      signal: until,
      isOver: () => isOver,
      brokerFaultsMin: Math.ceil(kills / killsPerBrokerFault),
      stormsMin: Math.max(1, Math.ceil(kills / killsPerStorm)),
      onFault: progress,
      ...(fillsDisks ? { disks: machineFaults } : {}),
    })
  const set = (until: AbortSignal): Promise<void> =>
    upset(crew, machineFaults, {
      folder,
      random: seeded(seed * 17 + 3),
      signal: until,
      isOver: () => isOver,
      onFault: progress,
    })
  await together(signal, [kill, ...(servers === undefined ? [] : [hurt(servers)]), ...(hostile ? [set] : [])])
  heal(folder)
  crew.quieten()
  progress('draining')
  await drained(site, crew, signal)
  if (!signal.aborted) await crew.close()
}

/** Looks from outside until nothing is left to do twice in a row; when nothing moves any more, what is left is a problem each. */
async function drained({ own, servers }: Site, crew: Crew, signal: AbortSignal): Promise<void> {
  const where = servers === undefined ? 'embedded' : 'servers'
  const stuckAfterMs = waitMaxMs[where]
  await inStores(own, async (stores) => {
    let before = ''
    let movedAtMs = performance.now()
    for (let quiet = 0; quiet < 2 && !signal.aborted && !crew.isHopeless; ) {
      const left = await unfinished(stores).catch(unanswered)
      quiet = left.length === 0 ? quiet + 1 : 0
      if (left.join() !== before) movedAtMs = performance.now()
      before = left.join()
      if (left.length > 0 && performance.now() - movedAtMs > stuckAfterMs) {
        crew.tally.problems.push(...left.map((text) => `stuck for ${stuckAfterMs} ms: ${text}`), ...crew.lastWords)
        return
      }
      await crew.until(() => false, lookEveryMs[where], signal)
    }
  })
}

// Servers that have just been hurt may not answer at once.
function unanswered(error: unknown): readonly string[] {
  if (!isFirebreakError(error) || error.kind !== 'transient') throw error
  return [`no answer: ${error.message}`]
}

const describe = (tally: Tally): string =>
  `${tally.kills} kills, ${tally.acked.size} acknowledged, ${tally.handled} handled`
