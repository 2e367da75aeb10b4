import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Database, Sql } from '../../src/contracts/database.ts'
import type { Committer } from '../../src/runtime/committer.ts'
import { bareUnit, type Unit } from '../../src/runtime/unit.ts'
import { committerOn, isFailed } from '../commit-scene.ts'
import { needsPostgres, PostgresScene } from './postgres-scene.ts'

const options = { skip: needsPostgres, timeout: 60_000 }
const groupSize = 200

/** What a unit may do to its session or its transaction, as one statement. */
const acts: Readonly<Record<string, string>> = {
  'a setting for its transaction': "SET LOCAL app.tenant = 'A'",
  'a setting for its session': "SET app.tenant = 'A'",
  'set_config for its transaction': "SELECT set_config('app.tenant', 'A', true)",
  'set_config for its session': "SELECT set_config('app.tenant', 'A', false)",
  'a setting through the view': "UPDATE pg_settings SET setting = 'elsewhere' WHERE name = 'search_path'",
  'a search path': 'SET search_path TO elsewhere',
  'a search path for its transaction': 'SET LOCAL search_path TO elsewhere',
  'a role': 'SET LOCAL ROLE tenant_role',
  'a role for its session': 'SET ROLE tenant_role',
  'a session authorization': 'SET SESSION AUTHORIZATION tenant_role',
  'read only': 'SET TRANSACTION READ ONLY',
  'read only by its setting': "SELECT set_config('transaction_read_only', 'on', true)",
  'read only from now on': 'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY',
  'deferred constraints': 'SET CONSTRAINTS ALL DEFERRED',
  'a time limit': "SET statement_timeout = '1ms'",
  'a temporary table': 'CREATE TEMPORARY TABLE scratch (n integer) ON COMMIT DROP',
  'a temporary table that stays': 'CREATE TEMPORARY TABLE seen (n integer)',
  'a table out of a query': 'SELECT 1 AS n INTO TEMPORARY seen',
  'a cursor': 'DECLARE walk CURSOR FOR SELECT 1',
  'a cursor that stays': 'DECLARE walk CURSOR WITH HOLD FOR SELECT 1',
  'a prepared statement': 'PREPARE mine AS SELECT 1',
  'no prepared statements': 'DEALLOCATE ALL',
  'no plans': 'DISCARD PLANS',
  'no temporary tables': 'DISCARD TEMP',
  'a channel to listen on': 'LISTEN somewhere',
  'an advisory lock': 'SELECT pg_advisory_lock(1)',
  'an advisory lock for its transaction': 'SELECT pg_advisory_xact_lock(1)',
  'a lock on a table': 'LOCK TABLE seen IN SHARE MODE',
  'a seed': 'SELECT setseed(0.5)',
}

const probe = `INSERT INTO public.seen SELECT $1, coalesce(current_setting('app.tenant', true), ''), current_user,
  current_setting('search_path'), current_setting('transaction_read_only'), current_setting('statement_timeout')`
const add = 'INSERT INTO seen (k) VALUES ($1)'

let scene: PostgresScene
let database: Database
let committer: Committer
const functions = new Map<string, string>()

before(async () => {
  if (needsPostgres !== false) return
  scene = await PostgresScene.start()
  await scene.rows('CREATE SCHEMA elsewhere')
  await scene.rows('CREATE TABLE seen (k text, tenant text, role text, path text, read_only text, time_limit text)')
  await scene.rows('CREATE TABLE elsewhere.seen (LIKE seen)')
  await scene.rows('CREATE TABLE guarded (k text)')
  await scene.rows(
    `DO $$ BEGIN CREATE ROLE tenant_role; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$`,
  )
  await scene.rows('GRANT INSERT ON seen, elsewhere.seen TO tenant_role')
  let n = 0
  for (const [name, text] of Object.entries(acts)) {
    const called = `act_${n++}`
    functions.set(name, called)
    await scene.rows(`CREATE FUNCTION ${called}() RETURNS void LANGUAGE plpgsql AS
      $f$ BEGIN EXECUTE $t$${text}$t$; END $f$`)
  }
  await scene.rows(`CREATE FUNCTION sets_tenant() RETURNS trigger LANGUAGE plpgsql AS
    $f$ BEGIN PERFORM set_config('app.tenant', 'A', true); RETURN NEW; END $f$`)
  await scene.rows('CREATE TRIGGER sets_tenant BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION sets_tenant()')
  await scene.rows('CREATE VIEW through AS SELECT k FROM guarded')
  database = scene.open()
  committer = await committerOn(database)
})
after(async () => {
  await database?.close()
  await scene?.end()
})

const unit = (id: string, body: (sql: Sql) => Promise<unknown>): Unit => ({
  ...bareUnit,
  inboxId: id,
  body: async (sql) => void (await body(sql)),
})

let groups = 0

/** A group of which every tenth unit acts, before and after a write of its own. Resolves to what is wrong with the others. */
async function neighboursOf(act: (sql: Sql, k: string) => Promise<unknown>): Promise<readonly unknown[]> {
  await scene.rows('TRUNCATE seen, elsewhere.seen, guarded')
  const group = ++groups
  const units = Array.from({ length: groupSize }, (_, i) => {
    const k = `${group}-${i}`
    if (i % 10 !== 5) return unit(k, (sql) => sql.query(probe, [k]))
    return unit(k, async (sql) => {
      if (i % 20 === 5) await sql.query(add, [k])
      await act(sql, k)
    })
  })
  const ends = await Promise.all(units.map((one) => committer.commit(one)))
  const wrong: unknown[] = []
  for (const [i, end] of ends.entries())
    if (i % 10 !== 5 && end !== 'committed') wrong.push(isFailed(end) ? end.failed : end)
  const innocents = groupSize - groupSize / 10
  const rows = await scene.rows(`SELECT * FROM seen WHERE time_limit IS NOT NULL`)
  if (rows.length !== innocents) wrong.push(`${rows.length} rows of ${innocents}`)
  for (const row of rows) {
    const { k: _, ...session } = row
    const kind = JSON.stringify(session)
    if (kind !== (await clean())) wrong.push(kind)
  }
  return [...new Set(wrong)]
}

let cleanSession: string | undefined
async function clean(): Promise<string> {
  if (cleanSession === undefined) {
    const fresh = scene.open()
    const [row] = await fresh.query(`SELECT '' AS tenant, current_user AS role, current_setting('search_path') AS path,
      current_setting('transaction_read_only') AS read_only, current_setting('statement_timeout') AS time_limit`)
    await fresh.close()
    cleanSession = JSON.stringify(row)
  }
  return cleanSession
}

for (const [name, text] of Object.entries(acts)) {
  test(
    `of ${groupSize} units that share a commit every tenth does this, and no other notices: ${name}`,
    options,
    async () => {
      assert.deepEqual(await neighboursOf((sql) => sql.query(text)), [])
    },
  )
  test(`nor from inside a function: ${name}`, options, async () => {
    assert.deepEqual(await neighboursOf((sql) => sql.query(`SELECT ${functions.get(name)}()`)), [])
  })
}

test('nor when it is a trigger that does it, on the table or behind a view', options, async () => {
  assert.deepEqual(await neighboursOf((sql, k) => sql.query('INSERT INTO guarded VALUES ($1)', [k])), [])
  assert.deepEqual(await neighboursOf((sql, k) => sql.query('INSERT INTO through VALUES ($1)', [k])), [])
})
