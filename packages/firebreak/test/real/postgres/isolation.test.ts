import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { groupSize, IsolationScene } from './isolation-scene.ts'
import { needsPostgres } from './scene.ts'

const options = { skip: needsPostgres, timeout: 60_000 }

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

let scene: IsolationScene
const functions = new Map<string, string>()

before(async () => {
  if (needsPostgres !== false) return
  scene = await IsolationScene.start()
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
})
after(() => scene?.end())

for (const [name, text] of Object.entries(acts)) {
  test(
    `of ${groupSize} units that share a commit every tenth does this, and no other notices: ${name}`,
    options,
    async () => {
      assert.deepEqual(await scene.neighboursOf((sql) => sql.query(text)), [])
    },
  )
  test(`nor from inside a function: ${name}`, options, async () => {
    assert.deepEqual(await scene.neighboursOf((sql) => sql.query(`SELECT ${functions.get(name)}()`)), [])
  })
}

test('nor when it is a trigger that does it, on the table or behind a view', options, async () => {
  assert.deepEqual(await scene.neighboursOf((sql, k) => sql.query('INSERT INTO guarded VALUES ($1)', [k])), [])
  assert.deepEqual(await scene.neighboursOf((sql, k) => sql.query('INSERT INTO through VALUES ($1)', [k])), [])
})
