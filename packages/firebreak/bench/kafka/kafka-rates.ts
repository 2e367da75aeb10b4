import { join } from 'node:path'
import { type Database, type Handler, type Log, sqliteDatabase } from 'firebreak'
import { kafkaLog } from 'firebreak/kafka'
import { postgresDatabase } from 'firebreak/postgres'
import { drain, publishPiped } from '../common/drain.ts'
import { type BenchEvents, eventsOn } from '../common/events.ts'
import { effectHandler, emptyHandler, waitingHandler } from '../common/handlers.ts'
import { createEffects, expectEffects, inDatabase } from '../common/postgres-databases.ts'
import { compression, inFolder } from '../common/settings.ts'
import { dropGroups, inTopics, ownName } from './kafka-topics.ts'
import { eachMessagePerSec } from './kafkajs-each-message.ts'
import { rawConsumePerSec } from './raw-kafka.ts'

export interface Servers {
  readonly brokers: readonly string[]
  readonly url: string
}

/** A filled topic, and the ways to read it that are compared. */
export interface FilledTopic {
  readonly servers: Servers
  readonly events: BenchEvents
  readonly count: number
}

export const openLog = (brokers: readonly string[]): Log => kafkaLog({ brokers, compression })

export async function bareLoop({ servers: { brokers }, events, count }: FilledTopic): Promise<number> {
  const group = ownName('raw')
  const rate = await rawConsumePerSec({ brokers, topic: events.Happened.topic, group, count })
  await dropGroups(brokers, [group])
  return rate
}

export async function kafkajs({ servers: { brokers }, events, count }: FilledTopic): Promise<number> {
  const group = ownName('kafkajs')
  const rate = await eachMessagePerSec({ brokers, topic: events.Happened.topic, group, count, waitMs: 5 })
  await dropGroups(brokers, [group])
  return rate
}

async function consumed(
  { servers: { brokers }, events, count }: FilledTopic,
  database: Database,
  spec: { handler: Handler; published?: number },
): Promise<number> {
  const name = ownName('consumer')
  const log = openLog(brokers)
  const { fromFirstPerSec } = await drain({ log, database, events, name, count, ...spec })
  await log.close()
  await database.close()
  await dropGroups(brokers, [name])
  return fromFirstPerSec
}

/** A handler that does nothing, its inbox in a SQLite file: the least that a database can cost. */
export const consume = (topic: FilledTopic): Promise<number> =>
  inFolder((folder) =>
    consumed(topic, sqliteDatabase({ path: join(folder, 'service.db') }), { handler: emptyHandler(topic.events) }),
  )

/** The same, its inbox in PostgreSQL. */
export const consumePostgres = (topic: FilledTopic): Promise<number> =>
  inDatabase(topic.servers.url, (url) =>
    consumed(topic, postgresDatabase({ url }), { handler: emptyHandler(topic.events) }),
  )

/** A handler that waits 5 ms, 100 at once. */
export const waiting = (topic: FilledTopic): Promise<number> =>
  inDatabase(topic.servers.url, (url) =>
    consumed(topic, postgresDatabase({ url }), { handler: waitingHandler(topic.events) }),
  )

/** Inbox mark, one user row and one event to a topic, in one unit of work each. */
export const effectOnce = (topic: FilledTopic): Promise<number> =>
  inDatabase(topic.servers.url, async (url) => {
    await createEffects(url)
    const handler = effectHandler(topic.events)
    const rate = await consumed(topic, postgresDatabase({ url }), { handler, published: 1 })
    await expectEffects(url, topic.count)
    return rate
  })

/** Topics of its own for one measurement. */
export function inBenchTopics<T>(brokers: readonly string[], run: (events: BenchEvents) => Promise<T>): Promise<T> {
  const events = eventsOn(ownName('topic'))
  return inTopics(brokers, [events.Happened.topic, events.Followed.topic], () => run(events))
}

/** The same, with `count` events published to the first of them. */
export function inFilledTopic<T>(servers: Servers, count: number, run: (topic: FilledTopic) => Promise<T>): Promise<T> {
  return inBenchTopics(servers.brokers, async (events) => {
    await published(servers.brokers, events, { inFlight: 2000, count })
    return run({ servers, events, count })
  })
}

/** Publishes to the first topic, straight to the log; resolves to the rate. */
export async function published(
  brokers: readonly string[],
  events: BenchEvents,
  load: { inFlight: number; count: number },
): Promise<number> {
  const log = openLog(brokers)
  const rate = await publishPiped(log, events, { name: 'fb-bench-publisher', ...load })
  await log.close()
  return rate
}
