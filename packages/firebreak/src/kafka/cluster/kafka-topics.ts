import { createTopicsV7 } from '@platformatic/kafka'
import { FirebreakError } from '../../contracts/errors.ts'
import type { TopicSpec } from '../../contracts/log.ts'
import { refuseTopics } from '../../contracts/topic-options.ts'
import type { Cluster } from './kafka-cluster.ts'
import { ask } from './kafka-connections.ts'
import { code, isTransient, nameOf, ProtocolError } from './kafka-errors.ts'
import type { KafkaSettings } from './kafka-options.ts'
import { retryTransient } from './retry.ts'

const partitionsDefault = 6
const weekMs = 7 * 24 * 3_600_000
const createWithinMs = 15_000

/**
 * Creates what is missing, changes nothing that exists. Where topics must not be created, refuses with all that is missing.
 *
 * **Errors** `FB_CONFIG`, `FB_TOPIC_MISMATCH`, `FB_TOPIC_UNKNOWN` (with `createTopics: false`), `FB_LOG_REFUSED`, `FB_LOG_UNAVAILABLE`
 */
export async function ensureTopics(cluster: Cluster, specs: readonly TopicSpec[]): Promise<void> {
  refuseTopics(specs)
  if (specs.length === 0) return
  const names = [...new Set(specs.map(({ name }) => name))]
  const found = await retryTransient(cluster.retry, () => cluster.refresh(names))
  for (const { name: topic, partitions: expected = 0 } of specs) {
    const count = found.get(topic)?.leaders.length
    if (count !== undefined && expected > count)
      throw new FirebreakError('FB_TOPIC_MISMATCH', { topic, found: count, expected })
  }
  const missing = specs.filter(({ name }, i) => !found.has(name) && specs.findIndex((one) => one.name === name) === i)
  if (missing.length === 0) return
  if (!cluster.settings.createTopics) {
    throw new FirebreakError('FB_TOPIC_UNKNOWN', { topic: missing.map(({ name }) => name).join(', ') })
  }
  await retryTransient(cluster.retry, () => create(cluster, missing))
  await retryTransient(cluster.retry, () => untilLed(cluster, missing))
}

async function create(cluster: Cluster, specs: readonly TopicSpec[]): Promise<void> {
  const { settings } = cluster
  const topics = specs.map(({ name, partitions, ...spec }) => ({
    name,
    numPartitions: partitions ?? partitionsDefault,
    replicationFactor: settings.replication,
    assignments: [],
    configs: Object.entries(configsOf(spec, settings)).map(([key, value]) => ({ name: key, value })),
  }))
  await cluster.withAny(async (connection) => {
    const answer = await ask(connection, createTopicsV7.api, topics, createWithinMs, false)
    for (const { name, errorCode, errorMessage } of answer.topics) {
      // Another instance was faster: what it made is what both of them declare.
      if (errorCode === 0 || errorCode === code.topicAlreadyExists) continue
      if (isTransient(errorCode)) throw new ProtocolError(errorCode)
      const reason = `topic ${name} cannot be created: ${errorMessage ?? nameOf(errorCode)}`
      throw new FirebreakError('FB_LOG_REFUSED', { path: settings.path, reason })
    }
  })
}

/**
 * Kafka removes whole segments only, so a segment must not span more time than records may stay. The time of a record is its
 * broker's: by that of a publisher whose clock is wrong, records would be removed too early, or refused.
 */
function configsOf(
  { retentionMs = weekMs, retentionBytes = Number.POSITIVE_INFINITY }: Omit<TopicSpec, 'name' | 'partitions'>,
  { topicConfigs }: KafkaSettings,
): Readonly<Record<string, string>> {
  const configs: Record<string, string> = {
    'message.timestamp.type': 'LogAppendTime',
    'retention.ms': Number.isFinite(retentionMs) ? String(retentionMs) : '-1',
    'retention.bytes': Number.isFinite(retentionBytes) ? String(retentionBytes) : '-1',
  }
  if (retentionMs < weekMs) configs['segment.ms'] = String(Math.max(1, Math.floor(retentionMs / 4)))
  return { ...configs, ...topicConfigs }
}

async function untilLed(cluster: Cluster, specs: readonly TopicSpec[]): Promise<void> {
  const found = await cluster.refresh(specs.map(({ name }) => name))
  for (const { name } of specs) {
    const leaders = found.get(name)?.leaders
    if (leaders === undefined) throw new ProtocolError(code.unknownTopicOrPartition)
    if (leaders.some(({ node }) => node < 0)) throw new ProtocolError(code.leaderNotAvailable)
  }
}
