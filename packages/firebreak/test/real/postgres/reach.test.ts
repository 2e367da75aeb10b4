import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { IsolationScene } from './isolation-scene.ts'
import { needsPostgres } from './scene.ts'

const options = { skip: needsPostgres, timeout: 60_000 }

const sets = "set_config('app.tenant', 'A', false)"
const acting = (name: string, body: string): string =>
  `CREATE FUNCTION ${name} RETURNS void LANGUAGE plpgsql AS $f$ BEGIN ${body} END $f$`

/** What somebody has defined, and a statement that does not say what comes of it. */
interface Reach {
  readonly by: readonly string[]
  readonly act: string
}

const reaches: Readonly<Record<string, Reach>> = {
  'the default of a column': {
    by: [`CREATE TABLE by_default (k text, t text DEFAULT ${sets})`],
    act: `INSERT INTO by_default VALUES ('k')`,
  },
  'a constraint': {
    by: [`CREATE TABLE checked (k text CHECK (${sets} IS NOT NULL))`],
    act: `INSERT INTO checked VALUES ('k')`,
  },
  'a view': { by: [`CREATE VIEW viewed AS SELECT ${sets}`], act: 'TABLE viewed' },
  'a view of a view that locks': {
    by: ['CREATE VIEW inner_view AS SELECT pg_advisory_lock(7)::text', 'CREATE VIEW outer_view AS TABLE inner_view'],
    act: 'TABLE outer_view',
  },
  'a view of the settings': {
    by: ['CREATE VIEW config AS TABLE pg_settings'],
    act: `UPDATE config SET setting = 'elsewhere' WHERE name = 'search_path'`,
  },
  'a rule': {
    by: ['CREATE TABLE ruled (k text)', `CREATE RULE sets AS ON INSERT TO ruled DO ALSO SELECT ${sets}`],
    act: `INSERT INTO ruled VALUES ('k')`,
  },
  'the condition of a trigger': {
    by: [
      'CREATE TABLE watched (k text)',
      `CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
      `CREATE TRIGGER sets BEFORE INSERT ON watched FOR EACH ROW WHEN (${sets} = 'B') EXECUTE FUNCTION nothing()`,
    ],
    act: `INSERT INTO watched VALUES ('k')`,
  },
  'a trigger that waits for the end of the transaction': {
    by: [
      'CREATE TABLE waiting (k text)',
      `CREATE FUNCTION sets_late() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN PERFORM ${sets}; RETURN NULL; END $f$`,
      `CREATE CONSTRAINT TRIGGER sets AFTER INSERT ON waiting DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION sets_late()`,
    ],
    act: `INSERT INTO waiting VALUES ('k')`,
  },
  'the default of an argument': {
    by: [`CREATE FUNCTION by_argument(t text DEFAULT ${sets}) RETURNS text LANGUAGE sql AS 'SELECT t'`],
    act: 'SELECT by_argument()',
  },
  'a body behind what looks like a comment': {
    by: [acting('in_quotes()', `PERFORM '--'; SET app.tenant = 'A';`)],
    act: 'SELECT in_quotes()',
  },
  'a statement that is put together': {
    by: [acting('put_together()', `EXECUTE 'SELECT set_' || 'config(''app.tenant'', ''A'', false)';`)],
    act: 'SELECT put_together()',
  },
  'a table whose name is put together': {
    by: [
      'CREATE TABLE someones (k text)',
      `CREATE FUNCTION sets_now() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN PERFORM ${sets}; RETURN NEW; END $f$`,
      'CREATE TRIGGER sets BEFORE INSERT ON someones FOR EACH ROW EXECUTE FUNCTION sets_now()',
      acting('writes_to(name text)', `EXECUTE format('INSERT INTO %I VALUES (%L)', name, 'k');`),
    ],
    act: `SELECT writes_to('some' || 'ones')`,
  },
  'a name in escapes': {
    by: [acting('escaped()', `PERFORM ${sets};`), acting('escapes()', 'PERFORM U&"\\0065scaped"();')],
    act: 'SELECT escapes()',
  },
  'a name that is cut, and one that is folded': {
    by: [acting(`${'a'.repeat(70)}()`, `PERFORM ${sets};`), acting('Ändert()', `PERFORM ${sets};`)],
    act: `SELECT ${'A'.repeat(70)}(), ÄNDERT()`,
  },
  'an aggregate of a function of the server': {
    by: [`CREATE AGGREGATE sets_all(text, boolean) (SFUNC = set_config, STYPE = text, INITCOND = 'app.tenant')`],
    act: `SELECT sets_all('A', false)`,
  },
  'another name of a function of the server': {
    by: [`CREATE FUNCTION harmless(text, text, boolean) RETURNS text LANGUAGE internal AS 'set_config_by_name'`],
    act: `SELECT harmless('app.tenant', 'A', false)`,
  },
}

let scene: IsolationScene

before(async () => {
  if (needsPostgres === false) scene = await IsolationScene.start()
})
after(() => scene?.end())

for (const [name, { by, act }] of Object.entries(reaches)) {
  test(
    `what a unit does to its session ends with it, also by ${name} that was defined a moment before`,
    options,
    async () => {
      await scene.database.query('SELECT 1')
      for (const definition of by) await scene.rows(definition)
      assert.deepEqual(await scene.neighboursOf((sql) => sql.query(act)), [])
    },
  )
}

test('a function that another program has replaced is judged anew at once', options, async () => {
  await scene.rows(acting('replaced()', 'NULL;'))
  assert.deepEqual(await scene.neighboursOf((sql) => sql.query('SELECT replaced()')), [])
  await scene.rows(acting('replaced()', `PERFORM ${sets};`).replace('CREATE', 'CREATE OR REPLACE'))
  assert.deepEqual(await scene.neighboursOf((sql) => sql.query('SELECT replaced()')), [])
})

test('what a statement of its own does by a function that is new stays out of the pool', options, async () => {
  await scene.rows(acting('brand_new()', `PERFORM ${sets};`))
  await scene.database.query('SELECT brand_new()')
  assert.deepEqual(await scene.neighboursOf(async () => {}), [])
})
