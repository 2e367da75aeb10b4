import { type Log, sqliteLog } from 'firebreak'
import { FirebreakError } from 'firebreak/internal'
import { aroundLog } from 'firebreak/testing'

/** Where the messages of a run are kept. */
export type LogPlace =
  | { readonly kind: 'embedded'; readonly folder: string }
  | { readonly kind: 'kafka'; readonly brokers: readonly string[] }

/** A log that can be taken away from its process. */
export interface FaultyLog {
  readonly log: Log
  /** While it is away for some edge, every call fails as it does when no broker answers. */
  setAway(edge: string, isAway: boolean): void
}

/** Opens the log of a run in this process. */
export async function openFaultyLog(place: LogPlace): Promise<FaultyLog> {
  const away = new Set<string>()
  const log = aroundLog(await openLog(place), {
    call: (call, run) => {
      if (away.size === 0 || call.method === 'close') return run()
      const reason = 'taken away by a fault of the scenario'
      return Promise.reject(new FirebreakError('FB_LOG_UNAVAILABLE', { path: place.kind, reason }))
    },
  })
  return {
    log,
    setAway: (edge, isAway) => void (isAway ? away.add(edge) : away.delete(edge)),
  }
}

export async function openLog(place: LogPlace): Promise<Log> {
  if (place.kind === 'embedded') return sqliteLog({ path: place.folder })
  // Its client is an optional peer: only who runs on Kafka needs it.
  const { kafkaLog } = await import('firebreak/kafka')
  return kafkaLog({ brokers: place.brokers, clientId: 'firebreak-lab' })
}
