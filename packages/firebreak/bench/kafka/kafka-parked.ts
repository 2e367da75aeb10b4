import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createRuntime, type Handler, handle, service } from 'firebreak'
import { postgresDatabase } from 'firebreak/postgres'
import { type BenchEvents, type Measured, machineMs } from '../common/events.ts'
import { inDatabase } from '../common/postgres-databases.ts'
import { handlersMax, quantile } from '../common/settings.ts'
import { inBenchTopics, openLog, type Servers } from './kafka-rates.ts'
import { dropGroups, ownName } from './kafka-topics.ts'

export interface SteadyLoad {
  readonly servers: Servers
  readonly ratePerSec: number
  readonly forMs: number
}

const warmupMs = 3000
const retryMs = 2000
/** As long as a retry waits at most: every window has its share of them. */
export const windowMs: number = retryMs
/** Keys whose handler fails: every fiftieth of 1,000. */
const isSick = (payload: Measured): boolean => Number(payload.id.slice(-4)) % 50 === 0

export interface HealthyLatency {
  /** The 99th percentile of each window. One pause of the machine spoils a window, not the run. */
  readonly p99Ms: readonly number[]
  /** Keys that had a record parked at the end. */
  readonly parkedKeys: number
}

/**
 * From `publish` in another process to the start of the handler, at a steady rate, of the keys that are healthy in both
 * cases. With `failing`, 2 % of the keys fail and are parked for the whole time, each tried again every second or so.
 */
export function healthyLatency(load: SteadyLoad, failing: boolean): Promise<HealthyLatency> {
  const { servers } = load
  return inBenchTopics(servers.brokers, (events) =>
    inDatabase(servers.url, async (url) => {
      const log = openLog(servers.brokers)
      const database = postgresDatabase({ url })
      const name = ownName('healthy')
      const samples: Sample[] = []
      const parked = new Set<string | null>()
      const from = { ms: Number.POSITIVE_INFINITY }
      const runtime = createRuntime({
        service: service({ name, handlers: [noting({ events, failing, samples, from })], handlersMax }),
        log,
        database,
        observe: (fact) => void (fact.kind === 'parked' && parked.add(fact.key)),
      })
      await runtime.start()
      const sending = publisher(events, load)
      await sending.started
      from.ms = machineMs() + warmupMs
      await sending.ended
      await new Promise((resolve) => setTimeout(resolve, 1000))
      await runtime.stop()
      await database.close()
      await log.close()
      await dropGroups(servers.brokers, [name])
      return { p99Ms: p99OfWindows(samples, from.ms, load.forMs), parkedKeys: parked.size }
    }),
  )
}

interface Sample {
  readonly sentAtMs: number
  readonly latencyMs: number
}

function p99OfWindows(samples: readonly Sample[], fromMs: number, forMs: number): readonly number[] {
  return Array.from({ length: Math.floor(forMs / windowMs) }, (_, i) => {
    const startMs = fromMs + i * windowMs
    const inside = samples.filter(({ sentAtMs }) => sentAtMs >= startMs && sentAtMs < startMs + windowMs)
    return quantile(
      inside.map(({ latencyMs }) => latencyMs),
      0.99,
    )
  })
}

interface Noting {
  readonly events: BenchEvents
  readonly failing: boolean
  readonly samples: Sample[]
  /** Events sent before it are the warm-up. */
  readonly from: { readonly ms: number }
}

function noting({ events, failing, samples, from }: Noting): Handler {
  return handle(
    events.Happened,
    (payload) => {
      if (isSick(payload)) {
        if (failing) throw new Error('planted failure')
      } else if (payload.sentAtMs >= from.ms) {
        const latencyMs = machineMs() - payload.sentAtMs
        samples.push({ sentAtMs: payload.sentAtMs, latencyMs })
      }
    },
    { retry: { laneWaitMaxMs: 0, baseMs: retryMs, capMs: retryMs, attemptsMax: 1000 } },
  )
}

function publisher(events: BenchEvents, load: SteadyLoad): { started: Promise<unknown>; ended: Promise<unknown> } {
  const program = fileURLToPath(new URL('./kafka-publisher.ts', import.meta.url))
  const { servers, ratePerSec, forMs } = load
  const job = { brokers: servers.brokers, topic: events.Happened.topic, ratePerSec, forMs: forMs + warmupMs }
  const child = fork(program, [JSON.stringify(job)])
  const ended = once(child, 'exit').then(([code]) => {
    if (code !== 0) throw new Error(`the publisher ended with ${code}`)
  })
  return { started: Promise.race([once(child, 'message'), ended]), ended }
}
