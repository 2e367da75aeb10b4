/** What happens to the machines of the processes in a hostile run: clocks that are set, and disks that are full. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { historyFolder } from '../history/history.ts'
import { type Random, shuffled } from '../history/random.ts'
import type { Crew, Slot } from '../process/crew.ts'
import { canFillDisks, fillDisk, freeDisk } from './disks.ts'

/** How often each was done, by its name. */
export type MachineFaults = Record<string, number>

export interface UpsetOptions {
  readonly folder: string
  readonly random: Random
  readonly signal: AbortSignal
  /** Says when enough has been done to the processes. */
  readonly isOver: () => boolean
  readonly onFault: (what: string) => void
}

type Upset = Pick<Crew, 'isHopeless' | 'slots' | 'busySlots' | 'until' | 'setClock' | 'pidOf'>

const hourMs = 3_600_000
const clocks: Readonly<Record<string, number>> = {
  'clock-an-hour-ahead': hourMs,
  'clock-an-hour-behind': -hourMs,
  'clock-a-day-ahead': 24 * hourMs,
  'clock-a-day-behind': -24 * hourMs,
  'clock-right-again': 0,
}
const pauseMs = { least: 300, more: 1500 } as const
const fullMs = { least: 200, more: 1300 } as const
/** What a history may still grow by while the disk is full for everything else. */
const historyRoomBytes = 1_000_000

/**
 * Sets the clock of one process or of all by an hour or a day, in both directions, and fills the disk of one for a moment,
 * each in turn until the run is over. Afterwards all clocks are right, and all disks have room.
 */
export async function upset(crew: Upset, faults: MachineFaults, options: UpsetOptions): Promise<void> {
  const { random, signal, isOver, onFault } = options
  const kinds = kindsOf(crew, options, await canFillDisks())
  const isDone = (): boolean => isOver() || signal.aborted || crew.isHopeless
  try {
    while (!isDone()) {
      for (const [kind, happen] of shuffled(kinds, random)) {
        await crew.until(() => false, pauseMs.least + random.below(pauseMs.more), signal)
        if (isDone()) break
        onFault(kind)
        await happen(random.pick(crew.busySlots) ?? 'first-1')
        faults[kind] = (faults[kind] ?? 0) + 1
      }
    }
  } finally {
    // Also where somebody is idle by now.
    for (const slot of crew.slots) crew.setClock(slot, 0)
  }
}

type Kind = readonly [name: string, happen: (slot: Slot) => unknown]

function kindsOf(crew: Upset, options: UpsetOptions, disks: boolean): readonly Kind[] {
  const set = Object.entries(clocks).map(([name, aheadMs]): Kind => {
    return [
      name,
      (slot) => {
        for (const one of options.random.chance(0.5) ? crew.busySlots : [slot]) crew.setClock(one, aheadMs)
      },
    ]
  })
  return disks ? [...set, ['disk-full', (slot) => fill(crew, slot, options)]] : set
}

async function fill(crew: Upset, slot: Slot, { folder, random, signal }: UpsetOptions): Promise<void> {
  const pids = [crew.pidOf(slot)].filter((pid) => pid !== undefined)
  await fillDisk(pids, largestHistory(folder) + historyRoomBytes)
  await crew.until(() => false, fullMs.least + random.below(fullMs.more), signal)
  await freeDisk(pids)
}

// The evidence must not be lost to the fault.
function largestHistory(folder: string): number {
  const sizes = readdirSync(historyFolder(folder)).map((name) => statSync(join(historyFolder(folder), name)).size)
  return Math.max(0, ...sizes)
}
