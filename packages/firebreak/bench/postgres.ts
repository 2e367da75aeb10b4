import type { Log } from 'firebreak'
import { memoryLog } from 'firebreak/testing'
import { databaseUrl, kafkaBrokers, skipReason } from '../test/real/servers.ts'
import { eventsOn } from './common/events.ts'
import { inDatabase, serverSettings } from './common/postgres-databases.ts'
import { handlersMax, versionsOf } from './common/settings.ts'
import {
  alternately,
  everyRound,
  type Goal,
  Rounds,
  type Suite,
  type SuiteOptions,
  type SuiteResult,
} from './common/suite.ts'
import { inBenchTopics, openLog } from './kafka/kafka-rates.ts'
import { type GraphileTuning, graphilePerSec } from './postgres/graphile.ts'
import { type Relayed, relayBacklog } from './postgres/outbox-backlog.ts'
import { effectOncePerSec } from './postgres/postgres-effect.ts'

const goals: readonly Goal[] = [
  { name: 'effectOnceToPeer', text: '>= 1.0', holds: (f) => Number(f['effectOnceToPeer']) >= 1 },
  { name: 'outboxRelayPerSec', text: '>= 20000', holds: (f) => Number(f['outboxRelayPerSec']) >= 20_000 },
  { name: 'claimPlanUnchanged', text: 'true', holds: (f) => f['claimPlanUnchanged'] === true },
]

// What the peer likes best is found out in each run: more of a kind was tried by hand and was not better.
const tunings: readonly GraphileTuning[] = [
  { concurrentJobs: 10, localQueue: 500, completeJobBatchDelayMs: 0 },
  { concurrentJobs: 24, localQueue: 500, completeJobBatchDelayMs: 0 },
  { concurrentJobs: 24, localQueue: 500, completeJobBatchDelayMs: 50 },
  { concurrentJobs: 48, localQueue: 500, completeJobBatchDelayMs: 0 },
  { concurrentJobs: 48, localQueue: 500, completeJobBatchDelayMs: 50 },
]
/** Of effect-once and its peer: from round to round their ratio moves more than any other here. */
const pairRoundsMin = 5
/** What the large backlog is compared with. */
const smallBacklog = 10_000

/** Effect-once on PostgreSQL beside graphile-worker, and the outbox's relay, with few events waiting and with very many. */
export const postgresSuite: Suite = {
  name: 'postgres',
  goals,
  missing: () => (databaseUrl() === undefined ? skipReason.postgres : undefined),
  run: async (options) => {
    const url = databaseUrl() ?? ''
    const seen = new Rounds()
    const tuning = await bestTuning(url, options)
    const rounds = options.share < 1 ? options.rounds : Math.max(options.rounds, pairRoundsMin)
    for (let round = 1; round <= rounds; round++) {
      options.say(`postgres, round ${round} of ${rounds}: effect-once and graphile-worker`)
      const count = Math.round(50_000 * options.share)
      await alternately(round, [
        seen.taking('effectOncePerSec', () => inDatabase(url, (own) => effectOncePerSec(own, count))),
        seen.taking('peerPerSec', () => inDatabase(url, (own) => graphilePerSec(own, count, tuning))),
      ])
    }
    for (let round = 1; round <= options.rounds; round++) {
      options.say(`postgres, round ${round} of ${options.rounds}: relay`)
      const rows = Math.round(100_000 * options.share)
      seen.add('outboxRelayPerSec', (await toMemory(url, { rows, relayed: rows })).perSec)
      const relayed = await toKafka(url, { rows, relayed: rows })
      if (relayed !== undefined) seen.add('outboxRelayToKafkaPerSec', relayed.perSec)
    }
    return result(url, seen, { options, tuning })
  },
}

async function bestTuning(url: string, { share, say }: SuiteOptions): Promise<GraphileTuning> {
  let best = { tuning: tunings[0] as GraphileTuning, rate: 0 }
  for (const tuning of tunings) {
    const rate = await inDatabase(url, (own) => graphilePerSec(own, Math.round(20_000 * share), tuning))
    say(`graphile-worker with ${JSON.stringify(tuning)}: ${rate}/s`)
    if (rate > best.rate) best = { tuning, rate }
  }
  return best.tuning
}

interface Wave {
  readonly rows: number
  readonly relayed: number
  readonly progress?: (rows: number) => void
}

async function toMemory(url: string, wave: Wave): Promise<Relayed> {
  const events = eventsOn('bench')
  const log: Log = memoryLog()
  const relayed = await inDatabase(url, (own) => relayBacklog({ url: own, events, log, ...wave }))
  await log.close()
  return relayed
}

function toKafka(url: string, wave: Wave): Promise<Relayed> | undefined {
  const brokers = kafkaBrokers()
  if (brokers === undefined) return undefined
  return inBenchTopics(brokers, async (events) => {
    const log = openLog(brokers)
    const relayed = await inDatabase(url, (own) => relayBacklog({ url: own, events, log, ...wave }))
    await log.close()
    return relayed
  })
}

async function result(
  url: string,
  seen: Rounds,
  { options, tuning }: { options: SuiteOptions; tuning: GraphileTuning },
): Promise<SuiteResult> {
  const { backlog, share, say } = options
  say(`postgres: ${smallBacklog} events in the outbox`)
  const relayed = smallBacklog / 2
  const small = await toMemory(url, { rows: smallBacklog, relayed })
  say(`postgres: ${backlog} events in the outbox`)
  const progress = (rows: number): void => {
    if (rows % 1_000_000 === 0) say(`  ${rows / 1e6} of ${backlog / 1e6} million written`)
  }
  const large = await toMemory(url, { rows: backlog, relayed: Math.round(100_000 * share), progress })
  const figures = {
    effectOncePerSec: seen.median('effectOncePerSec'),
    peerPerSec: seen.median('peerPerSec'),
    outboxRelayPerSec: seen.median('outboxRelayPerSec'),
    ...(kafkaBrokers() === undefined ? {} : { outboxRelayToKafkaPerSec: seen.median('outboxRelayToKafkaPerSec') }),
    backlogRows: backlog,
    backlogRelayPerSec: large.perSec,
    claimMsSmall: small.claim.ms,
    claimMsBacklog: large.claim.ms,
    claimPlanUnchanged: small.claim.plan === large.claim.plan,
    claimPlanSmall: small.claim.plan,
    claimPlanBacklog: large.claim.plan,
  }
  return {
    figures,
    ratios: seen.ratios('effectOnceToPeer', 'effectOncePerSec', 'peerPerSec'),
    rounds: seen.all(),
    settings: {
      ...{ share, handlersMax, smallBacklogRows: smallBacklog, log: 'in memory' },
      clients: versionsOf('pg', 'graphile-worker', '@platformatic/kafka'),
      ratios: everyRound,
      effectOnce:
        'inbox mark, one user row and one published event in one unit of work, in order per key, until the outbox is empty',
      peer: 'graphile-worker: one user row in a transaction of its own, then its completion, no order',
      peerTuning: tuning,
      notMeasured: 'pg-boss: a version that it depends on could not be installed',
      postgres: await serverSettings(url),
    },
  }
}
