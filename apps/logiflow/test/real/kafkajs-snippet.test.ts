import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createRuntime, type Database, type Log } from 'firebreak'
import { Kafka, logLevel } from 'kafkajs'
import type { RouteCalculated as Route } from '../../contracts/payloads.ts'
import { trucks } from '../../domain/roads/fleet.ts'
import { type EngineSettings, topicNameOf } from '../../platform/engine-settings.ts'
import { createTables, loadEngines } from '../../platform/engines.ts'
import { discardSpace, makeSpace } from '../../platform/server-space.ts'
import { databaseUrl, kafkaBrokers } from '../../platform/servers.ts'
import { dispatchOrder, routing } from '../../services/routing/handlers.ts'
import { routingTables } from '../../services/routing/store.ts'
import { topicsOfSystem } from '../../system.ts'
import { sampleOrder } from '../samples.ts'
import { newNamespace, noServers, notNoted, until } from './scene.ts'

/** As it was published, letter by letter; only `consumer` and `generateInvoice` come from outside. */
const snippet = `
// Invoice service: independent consumer
consumer.run({
  eachMessage: async ({ message }) => {
    const event = JSON.parse(message.value);
    if (event.type === 'RouteCalculated') {
      await generateInvoice(event);
    }
  }
});
`

const topic = 'routing.events'
const ROUTES = 24

/** KafkaJS computes waiting times below zero, and Node says so every time. */
const withoutItsWarnings = (context: TestContext): void => {
  const warn = process.emitWarning
  context.mock.method(process, 'emitWarning', (...args: Parameters<typeof warn>) => {
    if ((args[1] as unknown) !== 'TimeoutNegativeWarning') warn.apply(process, args)
  })
}

/** The routing service at work on the servers: its routes are in its database and, through its outbox, in the topic. */
const dispatchRoutes = async ({ log, database }: { log: Log; database: Database }): Promise<readonly Route[]> => {
  await createTables(database, routingTables)
  const runtime = createRuntime({ service: routing, log, database })
  await runtime.start()
  const dispatched = Array.from({ length: ROUTES }, (_, index) =>
    runtime.transaction((tx) =>
      dispatchOrder(tx, sampleOrder(index + 1), { truckId: trucks[index % trucks.length]?.truckId ?? '' }),
    ),
  )
  const routes = await Promise.all(dispatched)
  await until('everything is sent', async () => runtime.stats().outboxPending === 0)
  await runtime.stop()
  return routes
}

const topicsOn = async (kafka: Kafka): Promise<readonly string[]> => {
  const admin = kafka.admin()
  await admin.connect()
  return admin.listTopics().finally(() => admin.disconnect())
}

test('the published consumer reads what the routing service writes, unchanged', {
  skip: noServers,
}, async (context) => {
  withoutItsWarnings(context)
  const brokers = kafkaBrokers() ?? []
  const dataDir = await mkdtemp(join(tmpdir(), 'logiflow-snippet-'))
  const kafka = new Kafka({ clientId: 'snippet', brokers: [...brokers], logLevel: logLevel.ERROR })
  const namespace = newNamespace()
  // Where a LogiFlow lives already, its topic is not ours to write to.
  const isTaken = (await topicsOn(kafka)).includes(topic)
  const own: EngineSettings = {
    ...{ log: 'kafka', database: 'postgres', brokers, databaseUrl: databaseUrl() ?? '', namespace, dataDir },
  }
  const withTopic: EngineSettings = { ...own, database: 'sqlite', namespace: isTaken ? namespace : '' }
  const withDatabase: EngineSettings = { ...own, log: 'embedded' }
  const wanted = { services: ['routing'], topics: topicsOfSystem() }
  const made = [await makeSpace(withTopic, wanted, notNoted), await makeSpace(withDatabase, wanted, notNoted)] as const
  const log = (await loadEngines(withTopic)).openLog()
  const database = (await loadEngines(withDatabase)).openDatabase('routing')
  const consumer = kafka.consumer({ groupId: `${namespace}.snippet` })
  const invoiced: Pick<Route, 'truckId' | 'eta' | 'timestamp'>[] = []
  try {
    const routes = await dispatchRoutes({ log, database })
    await consumer.connect()
    await consumer.subscribe({ topic: topicNameOf(withTopic, topic), fromBeginning: true })
    const generateInvoice = async (event: Route): Promise<void> => void invoiced.push(event)
    new Function('consumer', 'generateInvoice', snippet)(consumer, generateInvoice)
    await until('an invoice for every route', async () => invoiced.length >= routes.length)
    const fields = (all: readonly Pick<Route, 'truckId' | 'eta' | 'timestamp'>[]): readonly string[] =>
      all.map(({ truckId, eta, timestamp }) => `${truckId} ${eta} ${timestamp}`).sort()
    assert.deepEqual(fields(invoiced), fields(routes))
  } finally {
    await consumer.disconnect()
    await log.close()
    await database.close()
    await discardSpace(withTopic, made[0])
    await discardSpace(withDatabase, made[1])
    await rm(dataDir, { recursive: true, force: true })
  }
})
