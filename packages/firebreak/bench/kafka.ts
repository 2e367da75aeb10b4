import { databaseUrl, kafkaBrokers, skipReason } from '../test/real/servers.ts'
import { healthyLatency, windowMs } from './kafka-parked.ts'
import type { Servers } from './kafka-rates.ts'
import * as rates from './kafka-rates.ts'
import { serverSettings } from './postgres-databases.ts'
import { rawProducePerSec } from './raw-kafka.ts'
import { compression, fetchBytesMax, partitions, round2 } from './settings.ts'
import { type Goal, Rounds, ratio, type Suite, type SuiteOptions, type SuiteResult } from './suite.ts'

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
      say('produce and publish')
      await produce(servers, seen, options.share)
      say('consume')
      await consume(servers, seen, options.share)
      say('handlers of 5 ms, effect-once')
      await handle(servers, seen, options.share)
      say('latency of healthy keys without failures, and while 2 % of the keys are parked')
      await latency(servers, seen, options.share)
    }
    return result(servers, seen, options)
  },
}

async function produce(servers: Servers, seen: Rounds, share: number): Promise<void> {
  const { brokers } = servers
  const count = Math.round(200_000 * share)
  const raw = (way: { batch: number; sends: number }): Promise<number> =>
    rates.inBenchTopics(brokers, ({ Happened: { topic } }) => rawProducePerSec({ brokers, topic, count, ...way }))
  const publish = (inFlight: number): Promise<number> =>
    rates.inBenchTopics(brokers, (events) => rates.published(brokers, events, { inFlight, count }))
  let best = 0
  for (const way of ways) best = Math.max(best, await raw(way))
  seen.add('rawProducePerSec', best)
  seen.add('publishPerSec', await publish(atOnce))
  seen.add('rawProducePipedPerSec', await raw({ batch: piped / 2, sends: 2 }))
  seen.add('publishPipedPerSec', await publish(piped))
}

async function consume(servers: Servers, seen: Rounds, share: number): Promise<void> {
  await rates.inFilledTopic(servers, Math.round(300_000 * share), async (topic) => {
    seen.add('rawConsumePerSec', await rates.bareLoop(topic))
    seen.add('consumePerSec', await rates.consume(topic))
    seen.add('consumePostgresPerSec', await rates.consumePostgres(topic))
  })
}

async function handle(servers: Servers, seen: Rounds, share: number): Promise<void> {
  const measure = async (name: string, count: number, run: (t: rates.FilledTopic) => Promise<number>): Promise<void> =>
    seen.add(name, await rates.inFilledTopic(servers, Math.round(count * share), run))
  await measure('kafkajsEachMessage5msPerSec', 6000, rates.kafkajs)
  await measure('handler5msPerSec', 100_000, rates.waiting)
  await measure('effectOncePerSec', 50_000, rates.effectOnce)
}

async function latency(servers: Servers, seen: Rounds, share: number): Promise<void> {
  const load = { servers, ratePerSec: steadyPerSec, forMs: Math.max(windowMs, 12_000 * share) }
  const calm = await healthyLatency(load, false)
  for (const ms of calm.p99Ms) seen.add('healthyKeyP99Ms', ms)
  const ill = await healthyLatency(load, true)
  for (const ms of ill.p99Ms) seen.add('healthyKeyP99MsWhileParked', ms)
  seen.add('parkedKeys', ill.parkedKeys)
}

async function result(servers: Servers, seen: Rounds, { share }: SuiteOptions): Promise<SuiteResult> {
  const at = (name: string): number => seen.median(name)
  const figures = {
    rawConsumePerSec: at('rawConsumePerSec'),
    consumePerSec: at('consumePerSec'),
    rawProducePerSec: at('rawProducePerSec'),
    publishPerSec: at('publishPerSec'),
    kafkajsEachMessage5msPerSec: at('kafkajsEachMessage5msPerSec'),
    handler5msPerSec: at('handler5msPerSec'),
    effectOncePerSec: at('effectOncePerSec'),
    healthyKeyP99RatioWhileParked: ratio(at('healthyKeyP99MsWhileParked'), at('healthyKeyP99Ms')),
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
      consumeToRaw: ratio(figures.consumePerSec, figures.rawConsumePerSec),
      consumePostgresToRaw: ratio(figures.consumePostgresPerSec, figures.rawConsumePerSec),
      publishToRaw: ratio(figures.publishPerSec, figures.rawProducePerSec),
      publishPipedToRaw: ratio(figures.publishPipedPerSec, figures.rawProducePipedPerSec),
      handler5msToKafkajs: ratio(figures.handler5msPerSec, figures.kafkajsEachMessage5msPerSec),
    },
    rounds: seen.all(),
    settings: {
      ...{ partitions, keys: 1000, atOnce, piped, compression, share },
      acks: 'all, idempotent',
      rawConsume: `the client's stream, JSON.parse of each value, autocommit every second, maxBytes ${fetchBytesMax}`,
      rawProduce: `best of ${ways.map((way) => `${way.sends} x ${way.batch}`).join(', ')} records in send(), same bytes as a published event`,
      consume: 'inbox on, ledger in a SQLite file; consumePostgres: in PostgreSQL, on the same cores',
      effectOnce: 'inbox mark, user row and outbox in PostgreSQL, until the last event is in Kafka',
      latency: `publish in another process to handler start at ${steadyPerSec}/s, 2 % of the keys failing every 2 s at most; median of the p99 of ${windowMs} ms each`,
      postgres: await serverSettings(servers.url),
    },
  }
}
