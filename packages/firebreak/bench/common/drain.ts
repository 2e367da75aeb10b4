import { createRuntime, type Database, type Handler, type Log, service } from 'firebreak'
import { type BenchEvents, measured } from './events.ts'
import { handlersMax, perSecond } from './settings.ts'

/** Publishes `count` events, `inFlight` of them at the same time; resolves to the rate, the first ones left out. */
export async function publishPiped(
  log: Log,
  events: BenchEvents,
  { name, inFlight, count }: { name: string; inFlight: number; count: number },
): Promise<number> {
  const runtime = createRuntime({ service: service({ name, publishes: [events.Happened] }), log })
  await runtime.start()
  let next = 0
  const until = (end: number) => async (): Promise<void> => {
    while (next < end) await runtime.publish(events.Happened, measured(next++))
  }
  const warmup = Math.min(Math.round(count / 5), 20 * inFlight)
  await Promise.all(Array.from({ length: inFlight }, until(warmup)))
  const started = performance.now()
  await Promise.all(Array.from({ length: inFlight }, until(count)))
  const rate = perSecond(count - warmup, performance.now() - started)
  await runtime.stop()
  return rate
}

export interface Drain {
  readonly log: Log
  readonly database: Database
  readonly events: BenchEvents
  /** The service's name, and so that of its group. */
  readonly name: string
  /** Events that wait in the topic. */
  readonly count: number
  readonly handler: Handler
  /** Events that each handler publishes; they count only when the log has them. */
  readonly published?: number
}

export interface Drained {
  readonly fromStartPerSec: number
  /** Without joining the group: from the first handler to the last commit and the last event in the log. */
  readonly fromFirstPerSec: number
}

/** One service handling all that waits. */
export async function drain({ log, database, events, name, count, ...spec }: Drain): Promise<Drained> {
  let left = count * (1 + (spec.published ?? 0))
  const finished = Promise.withResolvers<void>()
  let firstAt = 0
  const first: Handler = {
    ...spec.handler,
    run: (payload, ctx) => {
      if (firstAt === 0) firstAt = performance.now()
      return spec.handler.run(payload, ctx)
    },
  }
  const runtime = createRuntime({
    service: service({ name, handlers: [first], publishes: [events.Followed], handlersMax }),
    log,
    database,
    observe: (fact) => {
      if (fact.kind === 'done') left--
      else if (fact.kind === 'published' && spec.published !== undefined) left -= fact.count
      else if (fact.kind === 'failed' || fact.kind === 'halted') finished.reject(fact.error)
      else if (fact.kind === 'infrastructure-error')
        process.stderr.write(`failure of the ${fact.where}: ${fact.error}\n`)
      if (left <= 0) finished.resolve()
    },
  })
  const started = performance.now()
  await runtime.start()
  await finished.promise
  const now = performance.now()
  await runtime.stop({ drainMs: 30_000 })
  return { fromStartPerSec: perSecond(count, now - started), fromFirstPerSec: perSecond(count, now - firstAt) }
}
