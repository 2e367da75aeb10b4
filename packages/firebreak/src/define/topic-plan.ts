import { FirebreakError } from '../contracts/errors.ts'
import type { TopicInfo, TopicSpec } from '../contracts/log.ts'

/** What services need of the topics of a log, and what the log has. */
export interface TopicPlan {
  /** By name. */
  readonly topics: readonly PlannedTopic[]
  /** Topics that no service names, by name; nobody touches them. */
  readonly others: readonly string[]
}

/**
 * **Shape** `create`: it is missing. `fine`: services can use it. `differs`: they can too, and it is not as they say.
 * `mismatch`: they refuse to start with it.
 */
export interface PlannedTopic {
  readonly name: string
  readonly state: 'create' | 'fine' | 'differs' | 'mismatch'
  readonly declared: TopicSpec
  /** Null while the log does not have it. */
  readonly found: Required<TopicSpec> | null
  /** What is not as declared, in words. */
  readonly remarks: readonly string[]
}

/**
 * Compares what services declare with what a log has; several declarations of one topic count as `ensureTopics` of all of
 * them would, the one with the most partitions first.
 */
export function topicPlan(declared: readonly TopicSpec[], found: readonly TopicInfo[]): TopicPlan {
  const specs = merged(declared)
  const existing = new Map(found.map((topic) => [topic.name, topic]))
  return {
    topics: [...specs.values()].sort(byName).map((spec) => planned(spec, existing.get(spec.name))),
    others: found
      .map(({ name }) => name)
      .filter((name) => !specs.has(name))
      .sort(),
  }
}

const byName = (a: TopicSpec, b: TopicSpec): number => (a.name < b.name ? -1 : 1)

function merged(declared: readonly TopicSpec[]): ReadonlyMap<string, TopicSpec> {
  const specs = new Map<string, TopicSpec>()
  for (const spec of declared) {
    const known = specs.get(spec.name)
    const partitions = largest(spec.partitions, known?.partitions)
    const retentionMs = largest(spec.retentionMs, known?.retentionMs)
    specs.set(spec.name, {
      ...spec,
      ...(partitions === undefined ? {} : { partitions }),
      ...(retentionMs === undefined ? {} : { retentionMs }),
    })
  }
  return specs
}

const largest = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.max(a, b)

function planned(declared: TopicSpec, info: TopicInfo | undefined): PlannedTopic {
  const { name, partitions, retentionMs } = declared
  if (info === undefined) return { name, state: 'create', declared, found: null, remarks: [] }
  const found = {
    name,
    partitions: info.partitions,
    retentionMs: info.retentionMs,
    retentionBytes: info.retentionBytes,
  }
  const remarks: string[] = []
  const isShort = partitions !== undefined && partitions > found.partitions
  if (isShort) {
    const detail = { topic: name, found: found.partitions, expected: partitions }
    const { message, remedy } = new FirebreakError('FB_TOPIC_MISMATCH', detail)
    remarks.push(`${message}: ${remedy}`)
  } else if (partitions !== undefined && partitions < found.partitions) {
    remarks.push(`it has ${found.partitions} partitions, more than the ${partitions} declared: declare what it has`)
  }
  if (retentionMs !== undefined && retentionMs !== found.retentionMs) {
    const kept = found.retentionMs < retentionMs ? 'shorter' : 'longer'
    remarks.push(`its records are kept ${kept} than declared; that is changed in the log, not from here`)
  }
  const state = isShort ? 'mismatch' : remarks.length > 0 ? 'differs' : 'fine'
  return { name, state, declared, found, remarks }
}
