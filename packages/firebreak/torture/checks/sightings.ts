import type { Observed } from './anomaly.ts'
import type { Sends } from './sends.ts'

/** Where each record has been seen, by whomever. */
export interface Places {
  /** Id -> its places, `topic/partition/offset`. */
  readonly ofId: ReadonlyMap<string, readonly string[]>
  /** Place -> id -> one of those who saw it there. */
  readonly idsAt: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Partition -> offsets that hold a record, ascending. */
  readonly offsets: ReadonlyMap<string, readonly number[]>
}

/** From acknowledgements, polls, and the log as it is read back in the end. */
export function placesOf({ ops, log }: Observed, sends: Sends): Places {
  const ofId = new Map<string, string[]>()
  const idsAt = new Map<string, Map<string, string>>()
  const offsets = new Map<string, Set<number>>()
  const saw = (id: string, partition: string, sighting: { offset: number; by: string }): void => {
    const at = `${partition}/${sighting.offset}`
    const ids = idsAt.get(at) ?? new Map<string, string>()
    idsAt.set(at, ids)
    if (!ids.has(id)) ids.set(id, sighting.by)
  }
  const read = (id: string, partition: string, sighting: { offset: number; by: string }): void => {
    saw(id, partition, sighting)
    const at = `${partition}/${sighting.offset}`
    const known = ofId.get(id) ?? []
    ofId.set(id, known)
    if (!known.includes(at)) known.push(at)
    const taken = offsets.get(partition) ?? new Set()
    offsets.set(partition, taken.add(sighting.offset))
  }
  for (const { id, at, process } of sends.values())
    if (at !== undefined) saw(id, at.partition, { offset: at.offset, by: process })
  for (const op of ops) {
    if (op.f !== 'poll') continue
    for (const [partition, entries] of Object.entries(op.value))
      for (const [offset, id] of entries) read(id, partition, { offset, by: op.process })
  }
  for (const { id, partition, offset } of log) read(id, partition, { offset, by: 'the log in the end' })
  const sorted = [...offsets].map(([partition, all]): [string, number[]] => [partition, [...all].sort((a, b) => a - b)])
  return { ofId, idsAt, offsets: new Map(sorted) }
}

/** The first offset in `[from, below)` that holds a record. */
export function heldBetween(offsets: readonly number[], from: number, below: number): number | undefined {
  let [low, high] = [0, offsets.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((offsets[middle] ?? 0) < from) low = middle + 1
    else high = middle
  }
  const found = offsets[low]
  return found !== undefined && found < below ? found : undefined
}
