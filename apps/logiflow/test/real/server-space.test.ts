import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { databaseNameOf, type EngineSettings } from '../../platform/engine-settings.ts'
import { createTables, loadEngines } from '../../platform/engines.ts'
import { discardSpace, makeSpace, nothingMade } from '../../platform/server-space.ts'
import { databaseUrl, kafkaBrokers } from '../../platform/servers.ts'
import { newNamespace, noKafka, noPostgres, notNoted, until } from './scene.ts'

const settingsOf = (choice: Pick<EngineSettings, 'log' | 'database'>): EngineSettings => ({
  ...{ ...choice, namespace: newNamespace(), dataDir: mkdtempSync(join(tmpdir(), 'logiflow-space-')) },
  ...{ brokers: kafkaBrokers() ?? [], databaseUrl: databaseUrl() ?? '' },
})

test("what was on the server before is not LogiFlow's to delete", { skip: noPostgres }, async () => {
  const settings = settingsOf({ log: 'embedded', database: 'postgres' })
  const first = await makeSpace(settings, { services: ['routing'], topics: [] }, notNoted)
  const second = await makeSpace(settings, { services: ['routing', 'portal'], topics: [] }, notNoted)
  try {
    assert.deepEqual(first.databases, [databaseNameOf(settings, 'routing')])
    assert.deepEqual(second.databases, [databaseNameOf(settings, 'portal')])
    await discardSpace(settings, second)
    const again = await makeSpace(settings, { services: ['routing', 'portal'], topics: [] }, notNoted)
    assert.deepEqual(again.databases, second.databases)
    const database = (await loadEngines(settings)).openDatabase('routing')
    const foreign = `other_${settings.namespace}`
    await database.query(`CREATE DATABASE ${foreign} TEMPLATE template0`)
    await discardSpace(settings, { ...nothingMade, databases: [foreign] })
    const found = await database.query('SELECT datname FROM pg_database WHERE datname = $1', [foreign])
    await database.query(`DROP DATABASE IF EXISTS ${foreign}`)
    await database.close()
    assert.equal(found.length, 1, "a name that is not LogiFlow's is left alone")
  } finally {
    for (const made of [first, second]) await discardSpace(settings, made)
    rmSync(settings.dataDir, { recursive: true })
  }
})

test('instances may create their tables at the same moment', { skip: noPostgres }, async () => {
  const settings = settingsOf({ log: 'embedded', database: 'postgres' })
  const made = await makeSpace(settings, { services: ['routing'], topics: [] }, notNoted)
  const engines = await loadEngines(settings)
  const instances = Array.from({ length: 6 }, () => engines.openDatabase('routing'))
  try {
    // Connected first: what comes then comes at the same time.
    await Promise.all(instances.map((database) => database.query('SELECT 1')))
    for (let round = 0; round < 10; round++) {
      const table = `CREATE TABLE IF NOT EXISTS shared_${round} (id TEXT PRIMARY KEY)`
      await Promise.all(instances.map((database) => createTables(database, [table])))
    }
  } finally {
    for (const database of instances) await database.close()
    await discardSpace(settings, made)
    rmSync(settings.dataDir, { recursive: true })
  }
})

test('two namespaces on the same brokers have nothing in common', { skip: noKafka }, async () => {
  const both = [settingsOf({ log: 'kafka', database: 'sqlite' }), settingsOf({ log: 'kafka', database: 'sqlite' })]
  const spec = { name: 'routing.events', partitions: 2 }
  const made = await Promise.all(
    both.map((settings) => makeSpace(settings, { services: [], topics: [spec] }, notNoted)),
  )
  const logs = await Promise.all(both.map(async (settings) => (await loadEngines(settings)).openLog()))
  try {
    const [mine, other] = logs
    assert.ok(mine && other)
    const value = new TextEncoder().encode('a route')
    const [at] = await mine.append([{ topic: spec.name, key: 'TRK-01', headers: {}, value }])
    assert.equal(at?.topic, spec.name)
    const ends = async (log: typeof mine): Promise<number> => {
      const topics = await log.inspect().topics()
      assert.deepEqual(
        topics.map(({ name }) => name),
        [spec.name],
      )
      return topics.flatMap((topic) => topic.ends).reduce((total, { first, next }) => total + next - first, 0)
    }
    assert.deepEqual([await ends(mine), await ends(other)], [1, 0])
    const cursor = await mine.open('readers', [spec.name])
    const limit = { recordsMax: 10, waitMs: 100, signal: new AbortController().signal }
    const entry = await until('the record', async () => (await cursor.poll(limit))[0])
    assert.equal(`${entry.topic} ${entry.key}`, 'routing.events TRK-01')
    cursor.pause(cursor.assignment())
    await cursor.commit([{ topic: entry.topic, partition: entry.partition, offset: entry.offset + 1 }])
    assert.equal(
      (await mine.inspect().committed('readers')).find(({ partition }) => partition === entry.partition)?.offset,
      1,
    )
    assert.deepEqual(await mine.inspect().groups(), ['readers'])
    assert.equal((await mine.inspect().members('readers')).length, 1)
    assert.deepEqual(await other.inspect().groups(), [])
    assert.equal((await mine.inspect().read(entry, 1))[0]?.topic, spec.name)
  } finally {
    for (const log of logs) await log.close()
    for (const [index, settings] of both.entries()) {
      await discardSpace(settings, made[index] ?? nothingMade)
      rmSync(settings.dataDir, { recursive: true })
    }
  }
})
