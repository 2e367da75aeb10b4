import type { TopicSpec } from '../contracts/log.ts'
import type { ServiceDefinition } from './service.ts'

/** The topics that a service needs: those it handles and those it publishes to, with the longest retention asked for. */
export function topicsOf(service: ServiceDefinition): readonly TopicSpec[] {
  const topics = new Map<string, Required<Pick<TopicSpec, 'name' | 'partitions' | 'retentionMs'>>>()
  for (const event of [...[...service.handlers.values()].map((handler) => handler.event), ...service.publishes]) {
    const known = topics.get(event.topic)
    const retentionMs = Math.max(event.retentionMs, known?.retentionMs ?? 0)
    topics.set(event.topic, { name: event.topic, partitions: event.partitions, retentionMs })
  }
  return [...topics.values()]
}
