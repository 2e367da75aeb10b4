import type { TopicSpec } from '../contracts/log.ts'
import type { ServiceDefinition } from './service.ts'

/** The topics that a service needs: those it handles and those it publishes to. Its events agree about them. */
export function topicsOf(service: ServiceDefinition): readonly TopicSpec[] {
  const topics = new Map<string, TopicSpec>()
  for (const event of [...[...service.handlers.values()].map((handler) => handler.event), ...service.publishes]) {
    const { topic: name, partitions, retentionMs } = event
    topics.set(name, { name, partitions, retentionMs })
  }
  return [...topics.values()]
}
