import { describeGroupsV5, listGroupsV4 } from '@platformatic/kafka'
import { FirebreakError } from '../contracts/errors.ts'
import type { GroupMember, LogEntry, LogInspection, Partition, Position, TopicInfo } from '../contracts/log.ts'
import { partitionId } from '../contracts/log.ts'
import type { Cluster } from './cluster/kafka-cluster.ts'
import { topicConfigs } from './cluster/kafka-configs.ts'
import { ask } from './cluster/kafka-connections.ts'
import { code, ProtocolError } from './cluster/kafka-errors.ts'
import { committedPositions, offsetsAt } from './cluster/kafka-positions.ts'
import { retryTransient } from './cluster/retry.ts'
import { decodeSubscription } from './group/group-codec.ts'
import { limitKey } from './producer/append-admission.ts'
import { FetchedRecords } from './protocol/record-batch-reader.ts'
import { payloadBytesMax } from './protocol/record-batch-writer.ts'
import { sendFetch } from './reading/fetch-request.ts'

const channel = 'inspect'
const readBytesMax = 8 * 1024 * 1024

/** Reads only; never joins a group. */
export function kafkaInspection(cluster: Cluster): LogInspection {
  return {
    topics: (names) => describeTopics(cluster, names),
    async committed(group: string): Promise<readonly Position[]> {
      const found = await committedPositions(cluster, group)
      return found.map(({ topic, partition, offset }) => ({ topic, partition, offset }))
    },
    groups: () => retryTransient(cluster.retry, () => listGroups(cluster)),
    members: (group) => retryTransient(cluster.retry, () => membersOf(cluster, group)),
    read: (position, max) => readFrom(cluster, position, max),
  }
}

async function describeTopics(cluster: Cluster, wanted?: readonly string[]): Promise<readonly TopicInfo[]> {
  const known = await retryTransient(cluster.retry, () => cluster.refresh(wanted ?? null))
  // A topic of another program without a leader must not keep us from all the others.
  const found = new Map(
    [...known].filter(([, { leaders }]) => wanted !== undefined || leaders.every(({ node }) => node >= 0)),
  )
  const names = [...found.keys()]
  if (names.length === 0) return []
  const all = [...found].flatMap(([topic, { leaders }]) =>
    leaders.map((_, partition): Partition => ({ topic, partition })),
  )
  const keys = ['retention.ms', 'retention.bytes', limitKey]
  const configs = await retryTransient(cluster.retry, () => topicConfigs(cluster, names, keys))
  const firsts = await offsetsAt(cluster, all, 'first', true)
  const nexts = await offsetsAt(cluster, all, 'next', true)
  // Deleted while we asked.
  const isThere = ([topic]: readonly [string, unknown]): boolean => nexts.has(partitionId({ topic, partition: 0 }))
  return [...found].filter(isThere).map(([name, { leaders }]) => ({
    name,
    partitions: leaders.length,
    retentionMs: limitOf(configs.get(name)?.get('retention.ms')),
    retentionBytes: limitOf(configs.get(name)?.get('retention.bytes')),
    recordBytesMax: Math.min(
      cluster.settings.recordBytesMax,
      Math.max(0, payloadBytesMax(limitOf(configs.get(name)?.get(limitKey)))),
    ),
    ends: leaders.map((_, partition) => {
      const id = partitionId({ topic: name, partition })
      return { partition, first: firsts.get(id) ?? 0, next: nexts.get(id) ?? 0 }
    }),
  }))
}

/** Kafka writes "unlimited" as -1; what we may not read is unknown, and nothing here bounds it. */
function limitOf(text: string | undefined): number {
  const value = Number(text ?? -1)
  return value < 0 ? Number.POSITIVE_INFINITY : value
}

async function listGroups(cluster: Cluster): Promise<readonly string[]> {
  // Every broker knows the groups that it coordinates.
  await cluster.refresh([])
  const names = new Set<string>()
  for (const broker of cluster.brokers.values()) {
    const { errorCode, groups } = await ask(await cluster.connections.get(broker, channel), listGroupsV4.api, [], [])
    if (errorCode !== 0) throw new ProtocolError(errorCode)
    for (const { groupId } of groups) names.add(groupId)
  }
  return [...names]
}

async function membersOf(cluster: Cluster, group: string): Promise<readonly GroupMember[]> {
  try {
    const connection = await cluster.connections.get(await cluster.coordinator(group), channel)
    const { groups } = await ask(connection, describeGroupsV5.api, [group], false)
    const found = groups[0]
    if (found === undefined || found.errorCode === code.groupIdNotFound) return []
    if (found.errorCode !== 0) throw new ProtocolError(found.errorCode)
    return found.members.map(({ memberId: id, memberMetadata }) => ({ id, ledger: ledgerOf(memberMetadata) }))
  } catch (error) {
    cluster.forgetCoordinator(group)
    throw error
  }
}

/** Members of other programs say what they like, and those of a group that is being formed nothing. */
function ledgerOf(metadata: Buffer): string | null {
  try {
    return metadata.length === 0 ? null : (decodeSubscription(metadata).ledger ?? null)
  } catch {
    return null
  }
}

async function readFrom(cluster: Cluster, from: Position, max: number): Promise<readonly LogEntry[]> {
  const { topic, partition } = from
  const at = { topic, partition }
  if (cluster.topic(topic)?.leaders[partition] === undefined) await cluster.learn([topic])
  if (cluster.topic(topic)?.leaders[partition] === undefined) return []
  const id = partitionId(at)
  const first = (await offsetsAt(cluster, [at], 'first')).get(id) ?? 0
  const end = (await offsetsAt(cluster, [at], 'next')).get(id) ?? 0
  const entries: LogEntry[] = []
  for (let offset = Math.max(first, from.offset), bytes = 1_048_576; entries.length < max && offset < end; ) {
    const records = await retryTransient(cluster.retry, () => fetchOnce(cluster, { ...at, offset }, bytes))
    if (records === undefined) break
    if (records.sizeBytes === 0) {
      // Nothing that a reader may see yet, or a batch that is larger than what was asked for.
      if (bytes >= readBytesMax) break
      bytes = readBytesMax
      continue
    }
    records.read(entries, offset, max - entries.length)
    offset = records.nextOffset
  }
  return entries
}

async function fetchOnce(cluster: Cluster, at: Position, bytesMax: number): Promise<FetchedRecords | undefined> {
  const { topic, partition, offset } = at
  const leader = cluster.leader(topic, partition)
  const broker = leader === undefined ? undefined : cluster.broker(leader.node)
  const meta = cluster.topic(topic)
  try {
    if (broker === undefined || meta === undefined) throw new ProtocolError(code.leaderNotAvailable)
    const connection = await cluster.connections.get(broker, channel)
    const from = { topicId: meta.id, partition, offset, leaderEpoch: -1, lastFetchedEpoch: -1, bytesMax }
    const response = await sendFetch(connection, [from], { waitMs: 0, bytesMin: 0, bytesMax })
    const answer = response.partitions[0]
    const errorCode = response.errorCode || (answer?.errorCode ?? 0)
    if (errorCode === code.offsetOutOfRange) return undefined
    if (errorCode === code.unknownTopicId && (await cluster.refresh([topic])).get(topic) === undefined)
      throw new FirebreakError('FB_TOPIC_UNKNOWN', { topic })
    if (errorCode !== 0 || answer === undefined) throw new ProtocolError(errorCode || -1)
    if (answer.records.length === 0) return undefined
    return new FetchedRecords(
      { partition: { topic, partition }, path: cluster.settings.path },
      answer.records,
      answer.aborted,
    )
  } catch (error) {
    await cluster.refresh([topic]).catch(() => undefined)
    throw error
  }
}
