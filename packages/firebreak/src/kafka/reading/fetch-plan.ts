/** A partition as far as planning looks at it. */
export interface Fetchable {
  readonly id: string
  /** Fetched and not handed out yet. */
  readonly bytes: number
  readonly fetchBytesMax: number
  readonly hasMore: boolean
  /** When the next fetch may begin; infinite when there is none to begin. */
  readonly fetchFromMs: number
  readonly inFlight: boolean
  readonly stopped: unknown
}

export interface FetchInput<P extends Fetchable> {
  readonly nowMs: number
  readonly partitions: readonly P[]
  readonly paused: ReadonlySet<string>
  /** The node that leads; undefined while nobody does. */
  leaderOf(partition: P): number | undefined
  /** Slots in use, by every node that leads or has led something here. */
  readonly slotsTaken: ReadonlyMap<number, ReadonlySet<number>>
  readonly totalBytes: number
  readonly partitionBytes: number
  /** What the requests in flight may bring. */
  readonly reservedBytes: number
  /** Another one each time, so that nobody is always first. */
  readonly turn: number
}

export interface PlannedFetch<P> {
  readonly node: number
  readonly slot: number
  readonly partitions: readonly P[]
  readonly bytesMax: number
  /** What it may bring. */
  readonly reservedBytes: number
}

export interface FetchPlan<P> {
  readonly fetches: readonly PlannedFetch<P>[]
  /** Partitions that nobody leads. */
  readonly leaderless: readonly P[]
  /** Paused partitions that give up what they have, because others have no room. */
  readonly discarded: readonly P[]
  /** When a partition that waits may be fetched; infinite when none waits. */
  readonly againAtMs: number
}

export const slots = 3
const requestBytesMax = 16 * 1024 * 1024

/** Which requests to send now, to whom, and how much each may bring. Pure. */
export function planFetches<P extends Fetchable>(input: FetchInput<P>): FetchPlan<P> {
  const { byNode, leaderless, againAtMs } = groupByLeader(input)
  const nodes = new Set([...input.slotsTaken.keys(), ...byNode.keys()])
  // No more than its share: requests that wait for news must not take the room of all the others.
  const shareBytes = Math.ceil(input.totalBytes / (slots * nodes.size))
  const room = new Room(input)
  const fetches: PlannedFetch<P>[] = []
  for (const [node, partitions] of rotated([...byNode], input.turn)) {
    const slot = freeSlot(
      input.slotsTaken.get(node),
      partitions.some(({ hasMore }) => hasMore),
    )
    if (slot === undefined) continue
    const bytesMax = Math.min(requestBytesMax, shareBytes, room.make())
    if (bytesMax <= 0) continue
    const wantedBytes = partitions.reduce((sum, { fetchBytesMax }) => sum + fetchBytesMax, 0)
    const reservedBytes = Math.min(bytesMax, wantedBytes)
    room.reserve(reservedBytes)
    const inTurn = rotated(partitions, input.turn + fetches.length)
    fetches.push({ node, slot, partitions: inTurn, bytesMax, reservedBytes })
  }
  return { fetches, leaderless, discarded: room.discarded, againAtMs }
}

function groupByLeader<P extends Fetchable>(
  input: FetchInput<P>,
): Omit<FetchPlan<P>, 'fetches' | 'discarded'> & { readonly byNode: ReadonlyMap<number, readonly P[]> } {
  const byNode = new Map<number, P[]>()
  const leaderless: P[] = []
  let againAtMs = Number.POSITIVE_INFINITY
  for (const one of input.partitions) {
    const isFull = one.bytes > input.partitionBytes / 2
    if (one.fetchFromMs === Number.POSITIVE_INFINITY || isFull || input.paused.has(one.id)) continue
    if (one.fetchFromMs > input.nowMs) {
      againAtMs = Math.min(againAtMs, one.fetchFromMs)
      continue
    }
    const node = input.leaderOf(one)
    if (node === undefined) leaderless.push(one)
    else byNode.set(node, [...(byNode.get(node) ?? []), one])
  }
  return { byNode, leaderless, againAtMs }
}

/** Bytes that may be asked for. What is fetched ahead of paused partitions goes before others get nothing. */
class Room<P extends Fetchable> {
  readonly discarded: P[] = []
  readonly #partitionBytes: number
  readonly #discardable: P[]
  #bytes: number

  constructor({ partitions, paused, totalBytes, partitionBytes, reservedBytes }: FetchInput<P>) {
    this.#partitionBytes = partitionBytes
    this.#bytes = partitions.reduce((left, { bytes }) => left - bytes, totalBytes - reservedBytes)
    this.#discardable = partitions.filter((one) => paused.has(one.id) && !one.inFlight && one.stopped === undefined)
  }

  make(): number {
    while (this.#bytes < this.#partitionBytes) {
      const one = this.#discardable.shift()
      if (one === undefined) break
      this.discarded.push(one)
      this.#bytes += one.bytes
    }
    return this.#bytes
  }

  reserve(bytes: number): void {
    this.#bytes -= bytes
  }
}

/** The last one is for partitions that have more. */
function freeSlot(taken: ReadonlySet<number> | undefined, hasMore: boolean): number | undefined {
  for (let slot = 0; slot < (hasMore ? slots : slots - 1); slot++) if (taken?.has(slot) !== true) return slot
  return undefined
}

/** Nobody is first always. */
export function rotated<T>(list: readonly T[], by: number): readonly T[] {
  const first = by % Math.max(1, list.length)
  return [...list.slice(first), ...list.slice(0, first)]
}
