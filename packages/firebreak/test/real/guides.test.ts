import assert from 'node:assert/strict'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import { z } from 'zod'
import { event } from '../../src/define/event.ts'
import { handle } from '../../src/define/handle.ts'
import { service } from '../../src/define/service.ts'
import { topic } from '../../src/define/topic.ts'
import { verifyLedger } from '../../src/ledger/verify/verify.ts'
import { createRuntime } from '../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../src/sqlite/database/sqlite-database.ts'
import { extract, guides, run, snippetFolder } from '../docs/snippets.ts'
import { brokers, mortalLog, noKafka, unique } from './kafka/scene.ts'
import { needsPostgres, PostgresScene } from './postgres/scene.ts'
import { skipReason } from './servers.ts'

const skip = (noKafka !== false || needsPostgres !== false) && skipReason.both
const folder = snippetFolder()
// Servers keep what earlier runs have left, so topics, services and groups get names of this run's own.
const prefix = unique('')
const renamed = (text: string): string => text.replaceAll(/\b(topic|name|groupId): '/g, `$&${prefix}`)
const fourth = guides.filter((page) => page.includes('/04-'))
const files = fourth.flatMap((page) => extract(page, folder, renamed)).filter(({ output }) => output !== undefined)
let postgres: PostgresScene

before(async () => {
  if (skip === false) postgres = await PostgresScene.start()
})
after(async () => {
  if (skip === false) await postgres.end()
  rmSync(folder, { recursive: true })
})

for (const snippet of files) {
  test(`${snippet.page}: ${snippet.file} prints on Kafka and PostgreSQL what the page says`, {
    skip,
    timeout: 90_000,
  }, () => {
    const servers = { KAFKA_BROKERS: brokers.join(), DATABASE_URL: postgres.url }
    assert.equal(run(snippet, servers), snippet.output)
  })
}

const admin = () => new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()

/** A service that notes what it handles, in a topic and a group of its own. */
function noting(name: string) {
  const Noted = event({
    type: 'thing.noted',
    topic: topic(name, { partitions: 1 }),
    key: 'id',
    schema: z.object({ id: z.string() }),
  })
  const notes = service({
    name,
    publishes: [Noted],
    handlers: [
      handle(Noted, ({ id }, ctx) =>
        ctx.transaction(async (sql) => {
          await sql.query('INSERT INTO notes (id) VALUES ($1)', [id])
        }),
      ),
    ],
  })
  /** Publishes these, runs until the last of them is handled, and says what has been noted in all. */
  async function live(path: string, ids: readonly string[]): Promise<{ noted: string; balanced: boolean }> {
    const [{ log }, database] = [mortalLog(), sqliteDatabase({ path })]
    await database.query('CREATE TABLE IF NOT EXISTS notes (id TEXT)')
    const last = Promise.withResolvers<void>()
    const runtime = createRuntime({
      service: notes,
      log,
      database,
      observe: (fact) => {
        if (fact.kind === 'done' && fact.key === ids.at(-1)) last.resolve()
      },
    })
    await runtime.start()
    for (const id of ids) await runtime.publish(Noted, { id })
    await last.promise
    await runtime.stop()
    const rows = await database.query<{ id: string }>('SELECT id FROM notes ORDER BY rowid')
    const { ok } = await verifyLedger(database, { inspection: log.inspect(), group: name })
    await database.close()
    await log.close()
    return { noted: rows.map(({ id }) => id).join(' '), balanced: ok }
  }
  return { live }
}

const onlyKafka = { skip: noKafka, timeout: 60_000 }

test('a database that is put back repeats what it has lost', onlyKafka, async () => {
  const name = unique('restored')
  const { live } = noting(name)
  const [path, backup] = [join(folder, `${name}.db`), join(folder, `${name}-backup.db`)]
  await live(path, ['a', 'b'])
  copyFileSync(path, backup)
  assert.equal((await live(path, ['c', 'd'])).noted, 'a b c d')
  assert.deepEqual(await live(backup, ['e']), { noted: 'a b c d e', balanced: true })
})

test('a group that is deleted changes nothing: the ledger knows what is finished', onlyKafka, async () => {
  const name = unique('forgotten')
  const { live } = noting(name)
  const path = join(folder, `${name}.db`)
  await live(path, ['a', 'b'])
  const groups = admin()
  await groups.connect()
  await groups.deleteGroups([name])
  await groups.disconnect()
  assert.deepEqual(await live(path, ['c']), { noted: 'a b c', balanced: true })
})

test('a service with the name of an older consumer group goes on where that stopped', onlyKafka, async () => {
  const name = unique('older')
  const { live } = noting(name)
  const { log } = mortalLog()
  await log.ensureTopics([{ name, partitions: 1 }])
  const headers = { ce_specversion: '1.0', ce_source: '/old', ce_type: 'thing.noted' }
  const value = new TextEncoder().encode('{"id":"old"}')
  await log.append(
    ['1', '2', '3'].map((id) => ({ topic: name, key: 'old', value, headers: { ...headers, ce_id: id } })),
  )
  await log.close()
  const groups = admin()
  await groups.connect()
  await groups.setOffsets({ groupId: name, topic: name, partitions: [{ partition: 0, offset: '2' }] })
  await groups.disconnect()
  assert.equal((await live(join(folder, `${name}.db`), ['new'])).noted, 'old new')
})
