import type { AnyEvent } from '../contracts/event.ts'
import type { Priority, Rate, Unique } from '../contracts/job.ts'
import type { Policy } from '../policy/definition/policy-spec.ts'
import { type RetryPolicy, type RetryTime, retryTime } from '../policy/definition/retry.ts'
import type { AnyCall, CallMethod } from './call.ts'
import type { FinalAnswers } from './final-answers.ts'
import type { HandlerTerms, JobHandler } from './handle.ts'
import type { ScheduleDefinition } from './schedule.ts'
import type { ServiceDefinition } from './service.ts'
import { topicsOf } from './topics-of.ts'

/** What a system of services consists of: plain JSON, drawn from the definitions alone, everything in stable order. */
export interface Manifest {
  readonly services: readonly ManifestService[]
  readonly events: readonly ManifestEvent[]
  readonly topics: readonly ManifestTopic[]
  readonly calls: readonly ManifestCall[]
}

export interface ManifestService {
  readonly name: string
  readonly description: string
  readonly handlersMax: number
  readonly unknownEvents: 'skip' | 'dead-letter'
  readonly handles: readonly ManifestHandler[]
  readonly jobs: readonly ManifestJob[]
  readonly schedules: readonly ManifestSchedule[]
  /** Event types. */
  readonly publishes: readonly string[]
  /** Names of calls, those of its handlers included. */
  readonly calls: readonly string[]
}

export interface ManifestHandler {
  readonly type: string
  readonly retry: RetryPolicy
  /** How long the attempts last, computed from `retry`. */
  readonly retryTime: RetryTime
  readonly deadlineMs: number
  readonly onExhausted: 'skip' | 'hold'
  /** Names of calls. */
  readonly calls: readonly string[]
}

/** A job that a service runs; its attempts are those of its handler. */
export interface ManifestJob extends ManifestHandler {
  readonly version: number
  /** The payload field by whose value its jobs are kept in order; null: in none. */
  readonly key: string | null
  readonly unique: Unique | null
  readonly priority: Priority
  readonly concurrency: number | null
  readonly rate: Rate | null
  /** From when it is enqueued until no attempt starts any more. */
  readonly endsAfterMs: number | null
  readonly keepMs: number
  readonly description: string
}

/** When a service enqueues a job by the clock. */
export interface ManifestSchedule {
  readonly name: string
  /** As it is written. */
  readonly cron: string
  readonly zone: string
  readonly catchUp: 'one' | 'none'
  readonly catchUpMaxMs: number
  readonly description: string
}

export interface ManifestEvent {
  readonly type: string
  readonly version: number
  readonly topic: string
  /** The payload field whose value is the key. */
  readonly key: string
  /** It may come without a payload. */
  readonly tombstone?: true
  readonly description: string
  /** Names of services. */
  readonly publishedBy: readonly string[]
  readonly handledBy: readonly string[]
}

export interface ManifestTopic {
  readonly name: string
  readonly partitions: number
  /** Null: records are kept forever. */
  readonly retentionMs: number | null
  /** Event types. */
  readonly events: readonly string[]
}

export interface ManifestCall {
  readonly name: string
  /** The dependency that answers. */
  readonly to: string
  readonly method: CallMethod
  readonly path: string
  readonly idempotent: boolean | 'key'
  readonly policy: Policy
  /** The statuses of answers that are final, or not, other than by default. */
  readonly final: FinalAnswers
  readonly hasFallback: boolean
  readonly description: string
  /** Names of services. */
  readonly calledBy: readonly string[]
}

/** Reads the manifest off the definitions of services. */
export function manifestOf(services: readonly ServiceDefinition[]): Manifest {
  const sorted = [...services].sort((a, b) => (a.name < b.name ? -1 : 1))
  const events = eventsOf(sorted)
  return {
    services: sorted.map(serviceOf),
    events: events.map((event) => ({
      type: event.type,
      version: event.version,
      topic: event.topic,
      key: event.key,
      ...(event.tombstone === true ? { tombstone: true as const } : {}),
      description: event.description,
      publishedBy: sorted.filter((s) => typesOf(s.publishes).includes(event.type)).map((s) => s.name),
      handledBy: sorted.filter((s) => s.handlers.has(event.type)).map((s) => s.name),
    })),
    topics: topicList(sorted, events),
    calls: callList(sorted),
  }
}

/** Every event that the services handle or publish, once per type, in order of type. */
export function eventsOf(services: readonly ServiceDefinition[]): readonly AnyEvent[] {
  const byType = new Map<string, AnyEvent>()
  for (const service of services) {
    for (const event of [...service.publishes, ...[...service.handlers.values()].map((handler) => handler.event)]) {
      const known = byType.get(event.type)
      // Services of different releases may carry different versions: the newest says what is published from now on.
      if (known === undefined || known.version < event.version) byType.set(event.type, event)
    }
  }
  return [...byType.keys()].sort().map((type) => byType.get(type) as AnyEvent)
}

function serviceOf(service: ServiceDefinition): ManifestService {
  return {
    name: service.name,
    description: service.description,
    handlersMax: service.handlersMax,
    unknownEvents: service.unknownEvents,
    handles: [...service.handlers.values()].map(termsOf).sort(byType),
    jobs: [...service.jobs.values()].map(jobOf).sort(byType),
    schedules: [...service.schedules.values()].map(scheduleOf).sort((a, b) => (a.name < b.name ? -1 : 1)),
    publishes: typesOf(service.publishes),
    calls: namesOf(service.calls),
  }
}

const byType = (a: ManifestHandler, b: ManifestHandler): number => (a.type < b.type ? -1 : 1)

const termsOf = ({ type, retry, deadlineMs, onExhausted, calls }: HandlerTerms): ManifestHandler => ({
  type,
  retry,
  retryTime: retryTime(retry),
  deadlineMs,
  onExhausted,
  calls: namesOf(calls),
})

function jobOf({ job, ...terms }: JobHandler): ManifestJob {
  const { version, key, unique, priority, concurrency, rate, deadlineMs: endsAfterMs, keepMs, description } = job
  const limits = { unique, priority, concurrency, rate, endsAfterMs, keepMs }
  return { ...termsOf(terms), version, key, ...limits, description }
}

const scheduleOf = ({
  name,
  cron,
  zone,
  catchUp,
  catchUpMaxMs,
  description,
}: ScheduleDefinition): ManifestSchedule => ({
  name,
  cron: cron.text,
  zone,
  catchUp,
  catchUpMaxMs,
  description,
})

const namesOf = (calls: Iterable<AnyCall>): string[] => [...calls].map((call) => call.name).sort()

function callList(services: readonly ServiceDefinition[]): readonly ManifestCall[] {
  const byName = new Map(services.flatMap((service) => [...service.calls].map((call) => [call.name, call])))
  return [...byName.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, to, method, path, idempotent, policy, final, fallback, description }) => ({
      name,
      to,
      method,
      path,
      idempotent,
      policy,
      final,
      hasFallback: fallback !== null,
      description,
      calledBy: services.filter((service) => namesOf(service.calls).includes(name)).map((service) => service.name),
    }))
}

const typesOf = (events: ReadonlySet<AnyEvent>): string[] => [...events].map((event) => event.type).sort()

function topicList(services: readonly ServiceDefinition[], events: readonly AnyEvent[]): readonly ManifestTopic[] {
  const topics = new Map<string, { partitions: number; retentionMs: number }>()
  for (const { name, partitions = 0, retentionMs = 0 } of services.flatMap((service) => topicsOf(service))) {
    topics.set(name, { partitions, retentionMs: Math.max(retentionMs, topics.get(name)?.retentionMs ?? 0) })
  }
  return [...topics.keys()].sort().map((name) => {
    const { partitions = 0, retentionMs = 0 } = topics.get(name) ?? {}
    return {
      name,
      partitions,
      retentionMs: Number.isFinite(retentionMs) ? retentionMs : null,
      events: events.filter((event) => event.topic === name).map((event) => event.type),
    }
  })
}
