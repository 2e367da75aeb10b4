import { FirebreakError } from '../contracts/errors.ts'
import type { AnyEvent } from '../contracts/event.ts'
import {
  choice,
  count,
  listProblems,
  type OptionTable,
  optionProblems,
  other,
  type Problems,
  shown,
} from '../contracts/option.ts'
import { fieldOf, textOf } from '../contracts/text/text-of.ts'
import type { AnyCall } from './call.ts'
import { callDisagreements } from './call-agreement.ts'
import type { Handler, JobHandler } from './handle.ts'
import type { ScheduleDefinition } from './schedule.ts'
import { describeWire, misreading } from './wire-schema.ts'

export interface ServiceSpec<
  P extends readonly AnyEvent[] = readonly AnyEvent[],
  H extends readonly (Handler | JobHandler)[] = readonly (Handler | JobHandler)[],
> {
  readonly name: string
  readonly handlers?: H
  /** Every event that this service may publish; anything else is refused. */
  readonly publishes?: P
  /** Calls that it makes outside of its handlers, with `runtime.call`; handlers declare their own. */
  readonly calls?: readonly AnyCall[]
  /** When it enqueues jobs by itself. */
  readonly schedules?: readonly ScheduleDefinition[]
  /** Handlers that run at the same time in one instance; default 100. */
  readonly handlersMax?: number
  /** Events on its topics that it has no handler for; `skip` (default) counts them, `dead-letter` keeps them. */
  readonly unknownEvents?: 'skip' | 'dead-letter'
  readonly description?: string
}

export const serviceOptions: OptionTable<ServiceSpec> = {
  name: other,
  handlers: other,
  publishes: other,
  calls: other,
  schedules: other,
  handlersMax: count('handlers', {
    least: 1,
    most: 1_000_000,
    default: 100,
    meaning: 'handlers of one instance at the same time',
  }),
  unknownEvents: choice({
    choices: ['skip', 'dead-letter'],
    default: 'skip',
    meaning: 'what happens to events of its topics that it has no handler for',
  }),
  description: other,
}

/**
 * A named set of handlers: one consumer group, one database, one failure domain. Inert data.
 *
 * **Shape** `P` are the events that it publishes, `D` is whether it has handlers; both as far as the compiler knows.
 */
export interface ServiceDefinition<P extends AnyEvent = AnyEvent, D extends boolean = boolean> {
  readonly kind: 'service'
  readonly name: string
  /** Of events. */
  readonly handlers: ReadonlyMap<string, Handler>
  /** Of jobs: it runs them, and may enqueue them. */
  readonly jobs: ReadonlyMap<string, JobHandler>
  readonly publishes: ReadonlySet<P>
  /** It has handlers, and so a database. */
  readonly needsDatabase: D
  /** Its own calls and those of its handlers. */
  readonly calls: ReadonlySet<AnyCall>
  /** By name. */
  readonly schedules: ReadonlyMap<string, ScheduleDefinition>
  readonly topics: readonly string[]
  readonly handlersMax: number
  readonly unknownEvents: 'skip' | 'dead-letter'
  readonly description: string
}

/**
 * Defines a service. **Errors** `FB_CONFIG` with every mistake at once.
 *
 * @example
 * ```ts
 * import { event, handle, service } from 'firebreak'
 * import { z } from 'zod'
 *
 * const schema = z.object({ orderId: z.string() })
 * const OrderPlaced = event({ type: 'order.placed', topic: 'orders', key: 'orderId', schema })
 * const OrderBilled = event({ type: 'order.billed', topic: 'bills', key: 'orderId', schema })
 *
 * export const billing = service({
 *   name: 'billing',
 *   publishes: [OrderBilled],
 *   handlers: [handle(OrderPlaced, (order, ctx) => ctx.publish(OrderBilled, order))],
 * })
 * ```
 */
export function service<
  const P extends readonly AnyEvent[] = readonly [],
  const H extends readonly (Handler | JobHandler)[] = readonly [],
>(spec: ServiceSpec<P, H>): ServiceDefinition<P[number], HasSome<H>>
export function service(spec: ServiceSpec): ServiceDefinition {
  const refused = shapeProblems(spec)
  const sound = refused.length > 0 ? readable(spec) : spec
  const { name, handlers: given = [], publishes = [], calls: own = [], schedules = [] } = sound
  const handlers = new Map<string, Handler>()
  const jobs = new Map<string, JobHandler>()
  const problems = [...refused]
  for (const handler of given) {
    if (handler.kind === 'job-handler') {
      if (jobs.has(handler.type)) problems.push(`${name} has two handlers of the job ${handler.type}: give it one`)
      jobs.set(handler.type, handler)
      continue
    }
    if (handlers.has(handler.event.type))
      problems.push(
        `${name} has two handlers of ${handler.event.type}. A service notes for each event that it is done, and with two ` +
          `handlers it could not say which: do both in one handler, or make it two services, each with progress, retries ` +
          `and dead letters of its own`,
      )
    handlers.set(handler.event.type, handler)
  }
  const calls = new Set([...own, ...[...handlers.values(), ...jobs.values()].flatMap((handler) => handler.calls)])
  problems.push(
    ...callDisagreements(calls),
    ...disagreements(
      [...handlers.values()].map((h) => h.event),
      [...publishes],
    ),
    ...misreadings(publishes),
    ...scheduleProblems(sound, jobs.size),
  )
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return Object.freeze({
    kind: 'service',
    name,
    handlers,
    jobs,
    publishes: new Set(publishes),
    needsDatabase: handlers.size + jobs.size > 0,
    calls,
    schedules: new Map(schedules.map((one) => [one.name, one])),
    topics: [...new Set([...handlers.values()].map((h) => h.event.topic))].sort(),
    handlersMax: spec.handlersMax ?? 100,
    unknownEvents: spec.unknownEvents ?? 'skip',
    description: spec.description ?? '',
  })
}

type HasSome<L extends readonly unknown[]> = number extends L['length'] ? boolean : L['length'] extends 0 ? false : true

// Of events that are only handled others write what is read: their schemas may transform.
function misreadings(published: readonly AnyEvent[]): string[] {
  return published.flatMap(({ type, schema }) => {
    const found = misreading(schema)
    return found === undefined ? [] : [`${type} cannot read what it writes: ${found}. ${describeWire}`]
  })
}

function scheduleProblems({ name, schedules = [] }: Pick<ServiceSpec, 'name' | 'schedules'>, jobs: number): string[] {
  const names = schedules.map((one) => one.name)
  const twice = new Set(names.filter((one, at) => names.indexOf(one) !== at))
  const problems = [...twice].map((one) => `${name} has two schedules ${one}: give each a name of its own`)
  if (schedules.length > 0 && jobs === 0)
    problems.push(`${name} has schedules and no handler of a job: nobody would run what they enqueue`)
  return problems
}

function shapeProblems(spec: ServiceSpec): Problems {
  const name = fieldOf(spec, 'name')
  const isSound = typeof name === 'string' && /^[a-z][a-z0-9-]{0,62}$/.test(name)
  const of = isSound ? `service ${name}: ` : 'service: '
  return [
    ...(isSound ? [] : [`service name ${shown(name)} must be lower-case kebab, 63 at most`]),
    ...optionProblems(serviceOptions, spec, of),
    ...listProblems(`${of}handlers`, fieldOf(spec, 'handlers'), 'handler', 'job-handler'),
    ...listProblems(`${of}publishes`, fieldOf(spec, 'publishes'), 'event'),
    ...listProblems(`${of}calls`, fieldOf(spec, 'calls'), 'call'),
    ...listProblems(`${of}schedules`, fieldOf(spec, 'schedules'), 'schedule'),
  ]
}

/** What of a spec can be judged further: the rest of its mistakes are to be told too. */
function readable(spec: unknown): Pick<ServiceSpec, 'name' | 'handlers' | 'publishes' | 'calls' | 'schedules'> {
  const listed = <T>(name: string, ...kinds: readonly unknown[]): readonly T[] => {
    const list = fieldOf(spec, name)
    return Array.isArray(list) ? list.filter((one) => kinds.includes(fieldOf(one, 'kind'))) : []
  }
  return {
    name: textOf(fieldOf(spec, 'name'), 100),
    handlers: listed('handlers', 'handler', 'job-handler'),
    publishes: listed('publishes', 'event'),
    calls: listed('calls', 'call'),
    schedules: listed('schedules', 'schedule'),
  }
}

// A type has one definition, and so has a topic: its partitions decide where a key lives, and its retention what is kept.
function disagreements(handled: readonly AnyEvent[], published: readonly AnyEvent[]): string[] {
  const problems: string[] = []
  const byType = new Map<string, AnyEvent>()
  const byTopic = new Map<string, AnyEvent>()
  for (const event of [...handled, ...published]) {
    const twin = byType.get(event.type) ?? event
    if (twin !== event) problems.push(`${event.type} is defined twice; export it from one module`)
    byType.set(event.type, event)
    const neighbour = byTopic.get(event.topic) ?? event
    for (const setting of ['partitions', 'retentionMs'] as const) {
      if (neighbour[setting] === event[setting]) continue
      problems.push(
        `topic ${event.topic}: ${neighbour.type} says ${setting} ${neighbour[setting]}, ${event.type} ${event[setting]}; define it once ` +
          `with topic() for both`,
      )
    }
    byTopic.set(event.topic, neighbour)
  }
  return problems
}
