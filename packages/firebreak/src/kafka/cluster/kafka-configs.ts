import { ConfigResourceTypes, describeConfigsV4 } from '@platformatic/kafka'
import type { Cluster } from './kafka-cluster.ts'
import { ask } from './kafka-connections.ts'
import { ProtocolError } from './kafka-errors.ts'

/** Settings of topics by name; a topic whose settings we may not read, or that is gone, is left out. */
export async function topicConfigs(
  cluster: Cluster,
  topics: readonly string[],
  keys: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const found = new Map<string, ReadonlyMap<string, string>>()
  if (topics.length === 0) return found
  const resources = topics.map((resourceName) => ({
    resourceType: ConfigResourceTypes.TOPIC,
    resourceName,
    configurationKeys: [...keys],
  }))
  const results = await cluster.withAny(async (connection) => {
    const answer = await ask(connection, describeConfigsV4.api, resources, false, false)
    if (answer.results.length === 0) throw new ProtocolError(-1)
    return answer.results
  })
  for (const { errorCode, resourceName, configs } of results) {
    if (errorCode !== 0) continue
    found.set(resourceName, new Map(configs.map(({ name, value }) => [name, value ?? ''])))
  }
  return found
}
