import { FirebreakError } from '../../contracts/errors.ts'
import { Group } from './memory-log-group.ts'
import type { StoredTopic } from './memory-log-topic.ts'

/** The part that several handles share, as several processes share a broker; it survives all of them. */
export class MemoryLogStore {
  readonly topics: Map<string, StoredTopic> = new Map()
  readonly groups: Map<string, Group> = new Map()

  topic(name: string): StoredTopic {
    const topic = this.topics.get(name)
    if (topic === undefined) throw new FirebreakError('FB_TOPIC_UNKNOWN', { topic: name })
    return topic
  }

  group(name: string): Group {
    const known = this.groups.get(name)
    if (known !== undefined) return known
    const group = new Group(name)
    this.groups.set(name, group)
    return group
  }
}

export function memoryLogStore(): MemoryLogStore {
  return new MemoryLogStore()
}
