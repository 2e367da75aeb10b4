import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Sql } from '../../../src/contracts/database.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { pgClient } from '../../../src/postgres/pg-client.ts'
import { postgresDatabase } from '../../../src/postgres/postgres-database.ts'
import { IsolationScene } from './isolation-scene.ts'
import { needsPostgres } from './scene.ts'

const options = { skip: needsPostgres, timeout: 60_000 }

let scene: IsolationScene

before(async () => {
  if (needsPostgres === false) scene = await IsolationScene.start()
})
after(() => scene?.end())

async function untilGone(backend: number | undefined): Promise<void> {
  for (;;) {
    const rows = await scene.rows(`SELECT 1 FROM pg_stat_activity WHERE pid = ${backend}`)
    if (rows.length === 0) return
  }
}

const backendOf = async (sql: Sql): Promise<number | undefined> => {
  const [row] = await sql.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return row?.pid
}

const endings: Readonly<Record<string, (sql: Sql) => Promise<unknown>>> = {
  'by terminating it': (sql) => sql.query('SELECT pg_terminate_backend(pg_backend_pid())'),
  'by a time limit': async (sql) => {
    const backend = await backendOf(sql)
    await sql.query("SET LOCAL idle_in_transaction_session_timeout = '1ms'")
    await untilGone(backend)
  },
  'by a time limit that its text does not show': async (sql) => {
    const backend = await backendOf(sql)
    await sql.query('SELECT set_config($1, $2, true)', ['idle_in_transaction_session_timeout', '1ms'])
    await untilGone(backend)
  },
}

for (const [how, end] of Object.entries(endings)) {
  test(`a unit that ends its own connection, ${how}, takes no neighbour along`, options, async () => {
    assert.deepEqual(await scene.neighboursOf(end), [])
  })
}

test('what a unit has deferred finds the settings of its unit', options, async () => {
  await scene.rows('CREATE TABLE audited (k text)')
  await scene.rows('CREATE TABLE audit (k text, tenant text)')
  await scene.rows(`CREATE FUNCTION audits() RETURNS trigger LANGUAGE plpgsql AS
    $f$ BEGIN INSERT INTO audit VALUES (NEW.k, current_setting('app.tenant', true)); RETURN NULL; END $f$`)
  await scene.rows(`CREATE CONSTRAINT TRIGGER audits AFTER INSERT ON audited DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION audits()`)
  const writes = async (sql: Sql, k: string): Promise<void> => {
    await sql.query("SELECT set_config('app.tenant', $1, true)", [k])
    await sql.query('INSERT INTO audited VALUES ($1)', [k])
  }
  assert.deepEqual(await scene.neighboursOf(writes), [])
  const rows = await scene.rows('SELECT * FROM audit')
  assert.equal(rows.length, 20)
  assert.ok(rows.every(({ k, tenant }) => k === tenant))
  await scene.rows('DROP TABLE audited')
})

test('what a unit has deferred fails it as its own statements do, whatever code it raises', options, async () => {
  await scene.rows('CREATE TABLE refused (k text)')
  await scene.rows(`CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS
    $f$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = NEW.k; END $f$`)
  await scene.rows(`CREATE CONSTRAINT TRIGGER refuses AFTER INSERT ON refused DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuses()`)
  for (const code of ['57P01', '40001', 'XX001', '25006', '28P01']) {
    const unit = async (sql: Sql): Promise<void> => {
      await sql.query("SET LOCAL app.tenant = 'A'")
      await sql.query('INSERT INTO refused VALUES ($1)', [code])
    }
    await assert.rejects(scene.database.commit([unit]), (error) => !isFirebreakError(error))
  }
  await scene.rows('DROP TABLE refused')
})

test('the savepoint of a unit is not for its code', options, async () => {
  for (const text of [
    'ROLLBACK TO firebreak_unit',
    'RELEASE "firebreak_unit"',
    'ROLLBACK TO U&"firebreak\\005Funit"',
  ]) {
    const [verdict] = await scene.database.commit([async (sql) => void (await pgClient(sql).query(text))])
    assert.ok(verdict?.ok === false && isFirebreakError(verdict.error, 'FB_STATEMENT_INVALID'), text)
  }
})

test('commits go on while somebody defines functions all the time', options, async () => {
  const others = postgresDatabase({ url: scene.url, poolMax: 2 })
  const stop = new AbortController()
  const defining = [1, 2].map(async (one) => {
    for (let n = 0; !stop.signal.aborted; n++)
      await others.query(`CREATE FUNCTION made_${one}_${n}() RETURNS integer LANGUAGE sql AS 'SELECT 1'`)
  })
  for (let n = 0; n < 5; n++) assert.deepEqual(await scene.neighboursOf((sql) => sql.query('SELECT 1')), [])
  stop.abort()
  await Promise.all(defining)
  await others.close()
})
