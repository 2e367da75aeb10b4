import { type Connection, fetchV13, type Reader } from '@platformatic/kafka'
import { answered } from '../cluster/kafka-connections.ts'
import { type FetchResponse, readFetchResponse } from '../protocol/fetch-response.ts'

export interface FetchedFrom {
  readonly topicId: string
  readonly partition: number
  readonly offset: number
  /** -1 when unknown, as the epochs. */
  readonly leaderEpoch: number
  readonly lastFetchedEpoch: number
  readonly bytesMax: number
}

const readCommitted = 1

/** Sends one fetch. The broker waits up to `waitMs` for `bytesMin`. */
export function sendFetch(
  connection: Connection,
  from: readonly FetchedFrom[],
  { waitMs, bytesMin, bytesMax }: { waitMs: number; bytesMin: number; bytesMax: number },
): Promise<FetchResponse> {
  const topics = new Map<string, Parameters<typeof fetchV13.createRequest>[6][number]>()
  for (const one of from) {
    const topic = topics.get(one.topicId) ?? { topicId: one.topicId, partitions: [] }
    topics.set(one.topicId, topic)
    topic.partitions.push({
      partition: one.partition,
      currentLeaderEpoch: one.leaderEpoch,
      fetchOffset: BigInt(one.offset),
      lastFetchedEpoch: one.lastFetchedEpoch,
      partitionMaxBytes: one.bytesMax,
    })
  }
  const request = (): ReturnType<typeof fetchV13.createRequest> =>
    fetchV13.createRequest(waitMs, bytesMin, bytesMax, readCommitted, 0, -1, [...topics.values()], [], '')
  const parse = (_id: number, _key: number, _version: number, reader: Reader): FetchResponse =>
    readFetchResponse(reader)
  return new Promise((resolve, reject) => {
    connection.send(1, 13, request, parse, true, true, answered(resolve, reject))
  })
}
