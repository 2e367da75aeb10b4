import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Random } from '../history/random.ts'
import type { Crew, Slot } from '../process/crew.ts'
import { failingFile, serviceNames } from '../process/services.ts'

export interface NemesisOptions {
  readonly folder: string
  readonly kills: number
  readonly random: Random
  readonly signal: AbortSignal
  /** How long nothing may be handled. */
  readonly waitMaxMs: number
  readonly onKill: () => void
}

const handledBetween = 40
// Longer than the lease of the relay, shorter than the wait for a locked database.
const freezeMs = { least: 200, more: 3300 } as const
const keysMax = 12
const lethalEvery = 45

/**
 * Kills at random moments until `kills` processes have died of it: every third time the owner of the log, several at once
 * now and then, in order or only frozen instead of killed now and then; and lets some keys fail meanwhile.
 */
export async function torment(crew: Crew, options: NemesisOptions): Promise<void> {
  const { folder, kills, random, signal, onKill } = options
  const failing = new Set<string>()
  let lethalAt = Math.min(lethalEvery, Math.ceil(kills / 3))
  while (crew.tally.kills < kills && !signal.aborted && !crew.isHopeless) {
    if (!(await betweenKills(crew, options))) return
    changeFailing(folder, failing, random)
    const publisher = random.pick(['producer-1', 'producer-2'] as const) ?? 'producer-1'
    if (crew.tally.kills >= lethalAt && crew.isUp(publisher)) {
      lethalAt += lethalEvery
      crew.tell(publisher, { do: 'lethal' })
    }
    const fate = random.next()
    // Chance alone would leave many a short run without one that is frozen.
    const isFreezeDue = crew.tally.kills > 0 && crew.tally.freezes === 0
    if (isFreezeDue || fate < 0.06)
      crew.freeze(random.pick(crew.busySlots) ?? 'first-1', freezeMs.least + random.below(freezeMs.more))
    else if (fate < 0.14) void crew.terminate(random.pick(crew.busySlots) ?? 'first-1')
    else await strike(crew, options)
    onKill()
  }
  heal(folder)
}

/** False when nothing moves any more. */
async function betweenKills(crew: Crew, { random, signal, waitMaxMs }: NemesisOptions): Promise<boolean> {
  // Now and then the next blow falls while everybody still recovers from the last one.
  const recovers = random.chance(0.75)
  const { handled } = crew.tally
  const moved = (): boolean => crew.tally.handled >= handled + handledBetween
  if (recovers && !(await crew.until(moved, waitMaxMs, signal)) && !signal.aborted) {
    crew.tally.problems.push(`nothing was handled for ${waitMaxMs} ms`)
    return false
  }
  await crew.until(() => false, random.below(recovers ? 700 : 120), signal)
  return true
}

async function strike(crew: Crew, { folder, kills, random }: NemesisOptions): Promise<void> {
  const owner = crew.slotOf(ownerPid(folder))
  const targets = new Set<Slot>()
  const count = Math.min(kills - crew.tally.kills, random.chance(0.85) ? 1 : 1 + random.below(crew.busySlots.length))
  if (owner !== undefined && random.chance(0.35)) targets.add(owner)
  while (targets.size < count) targets.add(random.pick(crew.busySlots) ?? 'first-1')
  await Promise.all([...targets].map((slot) => crew.kill(slot, slot === owner)))
}

/** The process that owns the log, or that did until it died. */
function ownerPid(folder: string): number | undefined {
  try {
    const db = new DatabaseSync(join(folder, 'log.db'), { readOnly: true })
    try {
      return Number(db.prepare("SELECT value FROM meta WHERE key = 'owner_pid'").get()?.['value'])
    } finally {
      db.close()
    }
  } catch {
    // Not there yet, or just changing hands.
    return undefined
  }
}

function changeFailing(folder: string, failing: Set<string>, random: Random): void {
  for (const key of failing) if (random.chance(0.12)) failing.delete(key)
  if (failing.size < keysMax / 2 && random.chance(0.5)) {
    const kind = random.pick(['direct', 'outbox'] as const)
    const producer = random.pick(['producer-1', 'producer-2'] as const)
    failing.add(`${random.pick(serviceNames)}:${producer}-${kind}-${random.below(keysMax)}`)
  }
  write(folder, [...failing])
}

/** Nothing fails any more. */
export const heal = (folder: string): void => write(folder, [])

// Written beside and renamed: a handler never reads half a file.
function write(folder: string, lines: readonly string[]): void {
  const file = failingFile(folder)
  writeFileSync(`${file}.new`, lines.map((line) => `${line}\n`).join(''))
  renameSync(`${file}.new`, file)
}
