import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Database } from '../../../src/contracts/database.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { postgresDatabase } from '../../../src/postgres/postgres-database.ts'
import { needsPostgres, PostgresScene } from './scene.ts'

const options = { skip: needsPostgres, timeout: 60_000 }

let scene: PostgresScene
let database: Database
before(async () => {
  if (needsPostgres !== false) return
  scene = await PostgresScene.start()
  await scene.rows('CREATE TABLE effects (key text)')
  database = scene.open()
})
after(async () => {
  await database?.close()
  await scene?.end()
})

async function refused(act: () => Promise<unknown>): Promise<boolean> {
  const [verdict] = await database.commit([async () => void (await act())])
  return verdict?.ok === false && isFirebreakError(verdict.error, 'FB_TRANSACTION_NESTED')
}

test('a second handle is known by its database, by whatever name of the host', options, async () => {
  const url = new URL(scene.url)
  url.hostname = url.hostname === 'localhost' ? '127.0.0.1' : 'localhost'
  url.searchParams.set('options', '-c TimeZone=Asia/Tokyo')
  const other = postgresDatabase({ url: url.href })
  const add = "INSERT INTO effects VALUES ('inner')"
  assert.ok(await refused(() => other.query(add)))
  assert.ok(await refused(() => other.commit([async (sql) => void (await sql.query(add))])))
  assert.deepEqual(await scene.rows('TABLE effects'), [])
  await other.query(add)
  await other.close()
})

test('inside a transaction one may read beside it, but not wait for its locks', options, async () => {
  const read = 'WITH one AS (SELECT 1 AS n) TABLE one'
  assert.deepEqual(await database.commit([() => database.query(read)]), [{ ok: true, value: [{ n: 1 }] }])
  for (const locks of ['UPDATE', 'NO KEY UPDATE', 'SHARE', 'KEY SHARE'])
    assert.ok(await refused(() => database.query(`SELECT key FROM effects FOR ${locks}`)), locks)
})

test('a transaction on another database of the server is none of its business', options, async () => {
  const elsewhere = await PostgresScene.start()
  const other = elsewhere.open()
  await elsewhere.rows('CREATE TABLE effects (key text)')
  const [verdict] = await database.commit([
    async () => void (await other.query("INSERT INTO effects VALUES ('theirs')")),
  ])
  assert.deepEqual(verdict?.ok, true)
  await other.close()
  await elsewhere.end()
})
