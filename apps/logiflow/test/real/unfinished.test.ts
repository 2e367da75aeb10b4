import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { postgresDatabase } from 'firebreak/postgres'
import { Night } from '../../incident/night.ts'
import { shortNight, traceOf } from '../../incident/scenario.ts'
import { hasRun, madeHere } from '../../platform/data-dir.ts'
import { databaseNameOf, type EngineChoice, type EngineSettings } from '../../platform/engine-settings.ts'
import { discardSpace, type Made, makeSpace, nothingMade } from '../../platform/server-space.ts'
import { databaseUrl } from '../../platform/servers.ts'
import { serviceNames } from '../../system.ts'
import { newNamespace, noPostgres, until } from './scene.ts'

/** A port that nobody listens on. */
const NOBODY = '127.0.0.1:1'
const START = join(import.meta.dirname, '../../start.ts')

const settingsOf = (choice: EngineChoice, namespace: string): EngineSettings => ({
  ...{ ...choice, namespace, dataDir: mkdtempSync(join(tmpdir(), 'logiflow-unfinished-')) },
  ...{ brokers: [], databaseUrl: databaseUrl() ?? '' },
})

const databasesWith = async (namespace: string): Promise<readonly string[]> => {
  const database = postgresDatabase({ url: databaseUrl() ?? '', schema: 'public', poolMax: 1 })
  const like = databaseNameOf({ namespace }, '%')
  const rows = await database.query<{ datname: string }>(
    'SELECT datname FROM pg_database WHERE datname LIKE $1 ORDER BY datname',
    [like],
  )
  await database.close()
  return rows.map(({ datname }) => datname)
}

const namesIn = (namespace: string): readonly string[] =>
  serviceNames.map((service) => databaseNameOf({ namespace }, service)).toSorted()

const nightOn = (choice: EngineChoice): Night => {
  const settings = { ...choice, brokers: [NOBODY], databaseUrl: databaseUrl() ?? '', dataDir: '', namespace: '' }
  return new Night({ mode: 'events', scenario: shortNight, trace: traceOf(shortNight, 1), settings }, () => {})
}

test('each database is noted before it is made, and one that the server refuses is not', {
  skip: noPostgres,
}, async () => {
  const settings = settingsOf({ log: 'embedded', database: 'postgres' }, newNamespace())
  const services = ['routing', 'portal', 'routing"']
  const noted: (readonly string[])[] = []
  const note = ({ databases }: Made): void => void noted.push(databases)
  try {
    await assert.rejects(makeSpace(settings, { services, topics: [] }, note), /cannot be created/)
    const [routing = '', portal = '', broken = ''] = services.map((service) => databaseNameOf(settings, service))
    assert.deepEqual(noted, [[routing], [routing, portal], [routing, portal, broken], [routing, portal]])
  } finally {
    await discardSpace(settings, { ...nothingMade, databases: noted.at(-1) ?? [] })
    rmSync(settings.dataDir, { recursive: true })
  }
})

test('Ctrl-C before the topics are there: the data folder lists the databases', { skip: noPostgres }, async () => {
  const settings = settingsOf({ log: 'kafka', database: 'postgres' }, newNamespace())
  const { namespace, dataDir } = settings
  // Answers like a broker that has just died.
  const broker = createServer((socket) => socket.on('error', () => {}).destroy()).listen(0, '127.0.0.1')
  await once(broker, 'listening')
  const address = broker.address()
  assert.ok(typeof address === 'object' && address !== null)
  const flags = ['--log', 'kafka', '--database', 'postgres', '--namespace', namespace, '--data', dataDir, '--port', '0']
  const env = { ...process.env, KAFKA_BROKERS: `127.0.0.1:${address.port}`, DATABASE_URL: settings.databaseUrl }
  const starting = spawn(process.execPath, [START, ...flags], { env, stdio: 'ignore' })
  const ended = once(starting, 'exit')
  try {
    await until('all databases', async () => (await databasesWith(namespace)).length === serviceNames.length)
    starting.kill('SIGINT')
    await ended
    assert.deepEqual(madeHere(dataDir).databases.toSorted(), namesIn(namespace))
    assert.equal(hasRun(dataDir), false)
  } finally {
    starting.kill('SIGKILL')
    broker.close()
    await discardSpace(settings, { ...nothingMade, databases: namesIn(namespace) })
    rmSync(dataDir, { recursive: true })
  }
})

test('a night that fails before it begins leaves nothing on the server', { skip: noPostgres }, async () => {
  const night = nightOn({ log: 'kafka', database: 'postgres' })
  await assert.rejects(night.run(), /topics failed/)
  assert.deepEqual(await databasesWith(night.namespace), [])
})

test('a night that is ended while it makes its databases leaves nothing on the server', {
  skip: noPostgres,
}, async () => {
  const night = nightOn({ log: 'embedded', database: 'postgres' })
  const played = assert.rejects(night.run(), /ended before it began/)
  await until('the first database', async () => (await databasesWith(night.namespace)).length > 0)
  await night.discard()
  await played
  assert.deepEqual(await databasesWith(night.namespace), [])
})
