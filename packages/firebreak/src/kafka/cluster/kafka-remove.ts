import { deleteGroupsV2, deleteTopicsV6 } from '@platformatic/kafka'
import { FirebreakError } from '../../contracts/errors.ts'
import { systemClock } from '../../node/clock.ts'
import { Cluster } from './kafka-cluster.ts'
import { ask, Connections } from './kafka-connections.ts'
import { code, isTransient, nameOf, ProtocolError } from './kafka-errors.ts'
import { type KafkaOptions, settingsOf } from './kafka-options.ts'
import { retryTransient } from './retry.ts'

export interface Removable {
  readonly topics: readonly string[]
  readonly groups: readonly string[]
}

const deleteWithinMs = 15_000
const removalChannel = 'removal'
const gone = code.unknownTopicOrPartition

/**
 * Removes topics with all their records, and groups with their positions. For what a program has made for itself: what is not
 * there is no error, and a group that still has members is left to the brokers, which forget it some time after they are gone.
 *
 * **Errors** `FB_CONFIG`, `FB_LOG_REFUSED`, `FB_LOG_UNAVAILABLE`
 */
export async function removeFromKafka(options: KafkaOptions, removable: Removable): Promise<void> {
  const connections = new Connections(settingsOf(options))
  try {
    await removeFrom(new Cluster(connections, systemClock), removable)
  } finally {
    await connections.close()
  }
}

/** On connections of the caller's. */
export async function removeFrom(cluster: Cluster, { topics, groups }: Removable): Promise<void> {
  for (const group of groups) await retryTransient(cluster.retry, () => removeGroup(cluster, group))
  if (topics.length > 0) await retryTransient(cluster.retry, () => removeTopics(cluster, topics))
}

async function removeGroup(cluster: Cluster, group: string): Promise<void> {
  const connection = await cluster.connections.get(await cluster.coordinator(group), removalChannel)
  const answer = await ask(connection, deleteGroupsV2.api, [group])
  for (const { errorCode } of answer.results) {
    if (errorCode === 0 || errorCode === code.groupIdNotFound || errorCode === code.nonEmptyGroup) continue
    cluster.forgetCoordinator(group)
    if (isTransient(errorCode)) throw new ProtocolError(errorCode)
    const reason = `group ${group} cannot be removed: ${nameOf(errorCode)}`
    throw new FirebreakError('FB_LOG_REFUSED', { path: cluster.settings.path, reason })
  }
}

async function removeTopics(cluster: Cluster, names: readonly string[]): Promise<void> {
  const topics = names.map((name) => ({ name }))
  const answer = await cluster.withAny(async (connection) => {
    const found = await ask(connection, deleteTopicsV6.api, topics, deleteWithinMs)
    const passing = found.responses.find(({ errorCode }) => errorCode !== gone && isTransient(errorCode))
    if (passing !== undefined) throw new ProtocolError(passing.errorCode)
    return found
  })
  for (const { name, errorCode, errorMessage } of answer.responses) {
    if (errorCode === 0 || errorCode === gone) continue
    const reason = `topic ${name} cannot be removed: ${errorMessage ?? nameOf(errorCode)}`
    throw new FirebreakError('FB_LOG_REFUSED', { path: cluster.settings.path, reason })
  }
}
