import type { Cursor, Log, LogInspection } from 'firebreak'

/**
 * A log in which every topic and group has `namespace.` before its name, so that two systems with the same contracts can
 * live on the same brokers. Nobody above sees the longer names.
 */
export const namespacedLog = (log: Log, namespace: string): Log => {
  if (namespace === '') return log
  const prefix = `${namespace}.`
  const long = (name: string): string => `${prefix}${name}`
  const toLong = <T extends { readonly topic: string }>(one: T): T => ({ ...one, topic: long(one.topic) })
  const toShort = <T extends { readonly topic: string }>(one: T): T => ({
    ...one,
    topic: one.topic.slice(prefix.length),
  })
  const own = (names: readonly string[]): readonly string[] =>
    names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))

  const cursorOf = (cursor: Cursor): Cursor => ({
    poll: async (limit) => (await cursor.poll(limit)).map(toShort),
    commit: (next) => cursor.commit(next.map(toLong)),
    assignment: () => cursor.assignment().map(toShort),
    pause: (partitions) => cursor.pause(partitions.map(toLong)),
    close: () => cursor.close(),
  })
  const inspectionOf = (inspection: LogInspection): LogInspection => ({
    async topics(names) {
      const topics = await inspection.topics(names?.map(long))
      return topics
        .filter(({ name }) => name.startsWith(prefix))
        .map((topic) => ({ ...topic, name: topic.name.slice(prefix.length) }))
    },
    committed: async (group) => (await inspection.committed(long(group))).map(toShort),
    groups: async () => own(await inspection.groups()),
    members: (group) => inspection.members(long(group)),
    read: async (position, max) => (await inspection.read(toLong(position), max)).map(toShort),
  })
  return {
    capabilities: log.capabilities,
    ensureTopics: (topics) => log.ensureTopics(topics.map((topic) => ({ ...topic, name: long(topic.name) }))),
    append: async (records) => (await log.append(records.map(toLong))).map(toShort),
    open: async (group, topics, options) => cursorOf(await log.open(long(group), topics.map(long), options)),
    inspect: () => inspectionOf(log.inspect()),
    close: () => log.close(),
    [Symbol.asyncDispose]: () => log.close(),
  }
}
