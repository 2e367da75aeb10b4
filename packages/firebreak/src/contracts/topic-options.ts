import { hours } from './duration.ts'
import { FirebreakError } from './errors.ts'
import type { TopicSpec } from './log.ts'
import { bytes, count, ms, type OptionTable, optionProblems, other, type Problems, shown } from './option.ts'

export const topicOptions: OptionTable<TopicSpec> = {
  name: other,
  partitions: count('partitions', {
    least: 1,
    most: 1000,
    default: 6,
    meaning: 'partitions of a topic that is created; fixed for its life, because they decide where a key lives',
  }),
  retentionMs: ms({
    least: 1,
    most: Number.MAX_SAFE_INTEGER,
    or: [Number.POSITIVE_INFINITY],
    default: hours(24 * 7),
    meaning: 'records of a topic that is created may go when they are older; `Infinity` keeps all',
  }),
  retentionBytes: bytes({
    least: 1,
    most: Number.MAX_SAFE_INTEGER,
    or: [Number.POSITIVE_INFINITY],
    default: Number.POSITIVE_INFINITY,
    meaning: 'the oldest records of a partition may go when it holds more',
  }),
}

const topicPattern = /^[A-Za-z0-9._-]{1,249}$/

/** Kafka's rules, on every engine: what one of them takes, all take. */
export function topicNameProblems(name: unknown): Problems {
  const isSound = typeof name === 'string' && topicPattern.test(name) && name !== '.' && name !== '..'
  if (isSound) return []
  return [`topic ${shown(name)} must have 1 to 249 letters, digits, ".", "_" or "-", and not be "." or ".."`]
}

/**
 * What every engine refuses before it creates anything.
 *
 * **Errors** `FB_CONFIG` with every mistake at once
 */
export function refuseTopics(topics: readonly TopicSpec[]): void {
  const problems = topics.flatMap((spec) => {
    const found = topicNameProblems(spec?.name)
    return [...found, ...optionProblems(topicOptions, spec, found.length === 0 ? `topic ${spec.name}: ` : 'topic: ')]
  })
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
}
