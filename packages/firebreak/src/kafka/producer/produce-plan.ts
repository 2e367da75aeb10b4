/** What waits for one partition, as far as planning looks at it. */
export interface Sendable {
  /** No try before that. */
  readonly notBeforeMs: number
  /** Size of the batch that is next. */
  readonly nextBytes: number
}

export interface ProduceInput<Q extends Sendable> {
  readonly nowMs: number
  /** Those that have a batch and none in flight. */
  readonly queues: Iterable<Q>
  /** The node that leads; undefined while nobody does. */
  leaderOf(queue: Q): number | undefined
  /** Requests in flight by node. */
  readonly inFlight: ReadonlyMap<number, number>
}

export interface ProducePlan<Q> {
  /** By node. */
  readonly requests: ReadonlyMap<number, readonly Q[]>
  /** Queues of partitions that nobody leads. */
  readonly leaderless: readonly Q[]
  /** When a queue that waits, or did not fit, may go; infinite when there is none. */
  readonly againAtMs: number
}

const requestBytesMax = 8 * 1024 * 1024
const inFlightMax = 4

/** Which requests to send now, and to whom: one to each leader, with one batch of each queue. Pure. */
export function planProduce<Q extends Sendable>({
  nowMs,
  queues,
  leaderOf,
  inFlight,
}: ProduceInput<Q>): ProducePlan<Q> {
  const requests = new Map<number, Q[]>()
  const bytes = new Map<number, number>()
  const leaderless: Q[] = []
  let againAtMs = Number.POSITIVE_INFINITY
  for (const queue of queues) {
    if (queue.notBeforeMs > nowMs) {
      againAtMs = Math.min(againAtMs, queue.notBeforeMs)
      continue
    }
    const node = leaderOf(queue)
    if (node === undefined) {
      leaderless.push(queue)
      continue
    }
    if ((inFlight.get(node) ?? 0) >= inFlightMax) continue
    const before = bytes.get(node) ?? 0
    if (before > 0 && before + queue.nextBytes > requestBytesMax) {
      againAtMs = nowMs
      continue
    }
    bytes.set(node, before + queue.nextBytes)
    const request = requests.get(node)
    if (request === undefined) requests.set(node, [queue])
    else request.push(queue)
  }
  return { requests, leaderless, againAtMs }
}
