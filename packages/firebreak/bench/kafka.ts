import { countBrokers } from '../../../scripts/infra/readiness.ts'
import { databaseUrl, kafkaBrokers, skipReason } from '../test/real/servers.ts'
import { serverSettings } from './common/postgres-databases.ts'
import { compression, fetchBytesMax, handlersMax, partitions, replicas, round2, versionsOf } from './common/settings.ts'
import {
  alternately,
  everyRound,
  type Goal,
  Rounds,
  type Suite,
  type SuiteOptions,
  type SuiteResult,
} from './common/suite.ts'
import { healthyLatency, windowMs } from './kafka/kafka-parked.ts'
import type { Servers } from './kafka/kafka-rates.ts'
import * as rates from './kafka/kafka-rates.ts'
import { rawProducePerSec } from './kafka/raw-kafka.ts'

const goals: readonly Goal[] = [
  { name: 'consumeToRaw', text: '>= 0.85', holds: (f) => Number(f['consumeToRaw']) >= 0.85 },
  { name: 'publishToRaw', text: '>= 0.85', holds: (f) => Number(f['publishToRaw']) >= 0.85 },
  { name: 'handler5msPerSec', text: '>= 18000', holds: (f) => Number(f['handler5msPerSec']) >= 18_000 },
  { name: 'handler5msToKafkajs', text: '>= 12', holds: (f) => Number(f['handler5msToKafkajs']) >= 12 },
  {
    name: 'healthyKeyP99RatioWhileParked',
    text: '<= 1.2',
    holds: (f) => Number(f['healthyKeyP99RatioWhileParked']) <= 1.2,
  },
]

// What a bare loop can do with 100 records under way is found out, not assumed: calls of `send` by records of each.
const atOnce = 100
const ways = [
  { batch: 100, sends: 1 },
  { batch: 50, sends: 2 },
] as const
const piped = 2000
const steadyPerSec = 1000

/** firebreak on Kafka and PostgreSQL beside a bare loop of the same client and beside KafkaJS, interleaved in one run. */
export const kafkaSuite: Suite = {
  name: 'kafka',
  goals,
  missing: () => (kafkaBrokers() === undefined || databaseUrl() === undefined ? skipReason.both : undefined),
  run: async (options) => {
    const servers = { brokers: kafkaBrokers() ?? [], url: databaseUrl() ?? '' }
    const seen = new Rounds()
    for (let round = 1; round <= options.rounds; round++) {
      const say = (what: string): void => options.say(`kafka, round ${round} of ${options.rounds}: ${what}`)
      const turn: Turn = { servers, seen, round, share: options.share }
      say('produce and publish')
      await produce(turn)
      say('consume')
      await consume(turn)
      say('handlers of 5 ms, effect-once')
      await handle(turn)
      say('latency of healthy keys without failures, and while 2 % of the keys are parked')
      await latency(turn)
    }
    return result(servers, seen, options)
  },
}

interface Turn {
  readonly servers: Servers
  readonly seen: Rounds
  readonly round: number
  readonly share: number
}

async function produce({ servers: { brokers }, seen, round, share }: Turn): Promise<void> {
  const count = Math.round(200_000 * share)
  const raw = (way: { batch: number; sends: number }): Promise<number> =>
    rates.inBenchTopics(brokers, ({ Happened: { topic } }) => rawProducePerSec({ brokers, topic, count, ...way }))
  const best = async (): Promise<number> => {
    let most = 0
    for (const way of ways) most = Math.max(most, await raw(way))
    return most
  }
  const publish = (inFlight: number): Promise<number> =>
    rates.inBenchTopics(brokers, (events) => rates.published(brokers, events, { inFlight, count }))
  await alternately(round, [seen.taking('rawProducePerSec', best), seen.taking('publishPerSec', () => publish(atOnce))])
  await alternately(round, [
    seen.taking('rawProducePipedPerSec', () => raw({ batch: piped / 2, sends: 2 })),
    seen.taking('publishPipedPerSec', () => publish(piped)),
  ])
}

async function consume({ servers, seen, round, share }: Turn): Promise<void> {
  await rates.inFilledTopic(servers, Math.round(300_000 * share), (topic) =>
    alternately(round, [
      seen.taking('rawConsumePerSec', () => rates.bareLoop(topic)),
      seen.taking('consumePerSec', () => rates.consume(topic)),
      seen.taking('consumePostgresPerSec', () => rates.consumePostgres(topic)),
    ]),
  )
}

async function handle({ servers, seen, round, share }: Turn): Promise<void> {
  const taking = (name: string, count: number, run: (t: rates.FilledTopic) => Promise<number>): (() => Promise<void>) =>
    seen.taking(name, () => rates.inFilledTopic(servers, Math.round(count * share), run))
  await alternately(round, [
    taking('kafkajsEachMessage5msPerSec', 6000, rates.kafkajs),
    taking('handler5msPerSec', 100_000, rates.waiting),
  ])
  await taking('effectOncePerSec', 50_000, rates.effectOnce)()
}

async function latency({ servers, seen, round, share }: Turn): Promise<void> {
  const load = { servers, ratePerSec: steadyPerSec, forMs: Math.max(windowMs, 20_000 * share) }
  const ofRound = new Rounds()
  const windows = (name: string, failing: boolean) => async (): Promise<void> => {
    const { p99Ms, parkedKeys } = await healthyLatency(load, failing)
    for (const rounds of [seen, ofRound]) for (const ms of p99Ms) rounds.add(name, ms)
    if (failing) seen.add('parkedKeys', parkedKeys)
  }
  // Both orders in every round: what the machine does slowly meets both alike.
  for (const turn of [round, round + 1])
    await alternately(turn, [windows('healthyKeyP99Ms', false), windows('healthyKeyP99MsWhileParked', true)])
  const ratio = ofRound.median('healthyKeyP99MsWhileParked') / ofRound.median('healthyKeyP99Ms')
  seen.add('healthyKeyP99RatioWhileParked', ratio)
}

async function result(servers: Servers, seen: Rounds, { share }: SuiteOptions): Promise<SuiteResult> {
  const at = (name: string): number => seen.median(name)
  const { healthyKeyP99RatioWhileParked = Number.NaN, ...parkedBetween } = seen.spread('healthyKeyP99RatioWhileParked')
  const figures = {
    rawConsumePerSec: at('rawConsumePerSec'),
    consumePerSec: at('consumePerSec'),
    rawProducePerSec: at('rawProducePerSec'),
    publishPerSec: at('publishPerSec'),
    kafkajsEachMessage5msPerSec: at('kafkajsEachMessage5msPerSec'),
    handler5msPerSec: at('handler5msPerSec'),
    effectOncePerSec: at('effectOncePerSec'),
    healthyKeyP99RatioWhileParked,
    consumePostgresPerSec: at('consumePostgresPerSec'),
    rawProducePipedPerSec: at('rawProducePipedPerSec'),
    publishPipedPerSec: at('publishPipedPerSec'),
    healthyKeyP99Ms: round2(at('healthyKeyP99Ms')),
    healthyKeyP99MsWhileParked: round2(at('healthyKeyP99MsWhileParked')),
    parkedKeys: at('parkedKeys'),
  }
  return {
    figures,
    ratios: {
      ...seen.ratios('consumeToRaw', 'consumePerSec', 'rawConsumePerSec'),
      ...seen.ratios('consumePostgresToRaw', 'consumePostgresPerSec', 'rawConsumePerSec'),
      ...seen.ratios('publishToRaw', 'publishPerSec', 'rawProducePerSec'),
      ...seen.ratios('publishPipedToRaw', 'publishPipedPerSec', 'rawProducePipedPerSec'),
      ...seen.ratios('handler5msToKafkajs', 'handler5msPerSec', 'kafkajsEachMessage5msPerSec'),
      ...parkedBetween,
    },
    rounds: seen.all(),
    settings: {
      brokers: await countBrokers(servers.brokers, 3000),
      ...{ replicas, partitions, keys: 1000, handlersMax, atOnce, piped, compression, share },
      clients: versionsOf('@platformatic/kafka', 'kafkajs', 'pg'),
      ratios: everyRound,
      acks: 'all, idempotent',
      rawConsume: `the client's stream, JSON.parse of each value, autocommit every second, maxBytes ${fetchBytesMax}`,
      rawProduce: `best of ${ways.map((way) => `${way.sends} x ${way.batch}`).join(', ')} records in send(), same bytes as a published event`,
      consume: 'inbox on, ledger in a SQLite file; consumePostgres: in PostgreSQL, on the same cores',
      effectOnce: 'inbox mark, user row and outbox in PostgreSQL, until the last event is in Kafka',
      latency: `publish in another process to handler start at ${steadyPerSec}/s, 2 % of the keys failing every 2 s at most; both orders in every round, median of the p99 of ${windowMs} ms each`,
      postgres: await serverSettings(servers.url),
    },
  }
}
