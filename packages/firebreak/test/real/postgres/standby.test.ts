import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type PostgresServer, startPostgres } from '../../../../../scripts/infra/postgres-server.ts'
import { findPostgres } from '../../../../../scripts/infra/tools.ts'
import { postgresDatabase } from '../../../src/postgres/postgres-database.ts'
import { rejectsWithCode } from '../../../src/testing/conformance/database-scene.ts'
import { proxyBefore } from '../kafka/cutting-proxy.ts'

const skip = findPostgres() === undefined && 'needs the programs of PostgreSQL: apt-get install postgresql'
const folder = mkdtempSync(join(tmpdir(), 'firebreak-standby-'))
let server: PostgresServer | undefined
before(async () => {
  if (skip === false) server = await startPostgres({ folder, settings: { synchronous_standby_names: 'away' } })
})
after(async () => {
  await server?.remove()
  rmSync(folder, { recursive: true, force: true })
})

test('a commit that no standby has is not called durable when its answer is lost', {
  skip,
  timeout: 60_000,
}, async () => {
  const url = server?.url ?? ''
  const local = postgresDatabase({ url: `${url}?options=${encodeURIComponent('-c synchronous_commit=local')}` })
  await local.query('create table items (id integer primary key)')
  const through = await proxyBefore(url)
  const database = postgresDatabase({ url: through.url, commitDoubtMaxMs: 500 })
  try {
    await database.query('select 1 as one')
    through.proxy.cut = { at: 'COMMIT', when: 'after' }
    const committing = database.commit([async (sql) => void (await sql.query('insert into items values (1)'))])
    await rejectsWithCode(committing, 'FB_COMMIT_UNKNOWN')
    const waiting = "select count(*) as n from pg_stat_activity where wait_event = 'SyncRep'"
    assert.deepEqual(await local.query(waiting), [{ n: 1 }], 'it waits for the standby')
    assert.deepEqual(await local.query('select id from items'), [], 'and nobody sees it')
  } finally {
    await Promise.all([database.close(), local.close()])
    await through.proxy.stop()
  }
})
