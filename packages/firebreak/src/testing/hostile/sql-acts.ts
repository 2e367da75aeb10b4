import type { Sql } from '../../contracts/database.ts'
import { type Act, actsOf, type Setting, unit, untyped } from './act.ts'

const { letter, either, done } = actsOf('sql')
const lite = actsOf('sql', 'sqlite')

// A value as any other: no clock is read.
const dateAt = (ms: number): Date => Reflect.construct(Date, [ms])

const insert = 'insert into hostile_rows (k, n) values ($1, $2)'

/** A statement behind the effect of the unit, in the same unit. */
const then = (text: unknown, ...values: readonly unknown[]) => {
  return (setting: Setting): Promise<void> => unit(setting, (sql) => sql.query(untyped(text), untyped(values)))
}
const thenMany = (text: unknown, rows: unknown) => {
  return (setting: Setting): Promise<void> => unit(setting, (sql) => sql.batch(untyped(text), untyped(rows)))
}

/** The author has to change something: nothing that time heals. */
const slips: readonly (readonly [name: string, text: unknown, ...values: readonly unknown[]])[] = [
  ['passes-too-few-values', insert, 'a'],
  ['passes-too-many-values', insert, 'a', 1, 2],
  ['passes-no-values', insert],
  ['writes-question-marks', 'insert into hostile_rows (k, n) values (?, ?)', 'a', 1],
  ['writes-a-named-parameter', 'insert into hostile_rows (k, n) values (:k, :n)', 'a', 1],
  ['skips-a-parameter', 'insert into hostile_rows (k, n) values ($1, $3)', 'a', 1],
  ['writes-two-statements', "insert into hostile_rows (k) values ('a'); insert into hostile_rows (k) values ('b')"],
  ['begins', 'BEGIN'],
  ['begins-behind-a-comment', '/* by hand */ begin'],
  ['commits', 'COMMIT'],
  ['ends', 'END'],
  ['rolls-back', 'ROLLBACK'],
  ['sets-a-savepoint', 'SAVEPOINT own'],
  ['releases-a-savepoint', 'RELEASE SAVEPOINT firebreak_unit'],
  ['rolls-back-to-a-savepoint', 'ROLLBACK TO firebreak_unit'],
  ['writes-no-sql', 'insrt into hostile_rows'],
  ['writes-to-a-table-that-is-missing', 'insert into hostile_missing (k) values ($1)', 'a'],
  ['writes-to-a-column-that-is-missing', 'insert into hostile_rows (missing) values ($1)', 'a'],
  ['breaks-a-constraint', "insert into hostile_unique (k) values ('taken')"],
  ['breaks-a-constraint-of-the-commit', 'insert into hostile_children (parent) values (-1)'],
  ['passes-undefined-as-sql', undefined],
  ['passes-an-object-as-sql', { text: insert }],
  ['passes-a-symbol', insert, Symbol('odd'), 1],
  ['passes-a-function', insert, () => 'a', 1],
]

/** What becomes of them is for the table of values to say (guarantees); none of them may harm anybody else. */
const values: readonly (readonly [name: string, value: unknown])[] = [
  ['a-date', dateAt(0)],
  ['an-invalid-date', dateAt(Number.NaN)],
  ['a-boolean', true],
  ['undefined', undefined],
  ['nan', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['minus-zero', -0],
  ['a-bigint-beyond-64-bits', 2n ** 80n],
  ['an-object', { a: 1 }],
  ['an-object-without-prototype', Object.create(null)],
  ['a-list', ['a', 'b']],
  ['a-map', new Map([['a', 1]])],
  ['an-array-buffer', new ArrayBuffer(8)],
  ['typed-floats', new Float64Array(2)],
  ['a-nul-character', 'a\0b'],
  ['half-a-character', '\ud800'],
  ['a-value-of-five-megabytes', 'x'.repeat(5_000_000)],
]

/** Statements and values that cannot be run as written, and settings of the connection. */
export const sqlActs: readonly Act[] = [
  ...slips.map(([name, text, ...rest]) => letter(name, then(text, ...rest))),
  ...values.flatMap(([name, value]) => [
    either(`binds-${name}`, then('insert into hostile_rows (k) values ($1)', value)),
    either(`binds-${name}-before-others`, then('insert into hostile_rows (k, n) values ($1, $2)', value, 1)),
  ]),
  letter('passes-no-list-of-values', (s) => unit(s, (sql) => sql.query(insert, untyped({ k: 'a', n: 1 })))),
  letter('runs-rows-of-other-lengths', thenMany(insert, [['a', 1], ['b']])),
  letter('runs-no-rows', thenMany(insert, untyped('a'))),
  either('writes-a-statement-of-a-megabyte', then(`select 1 /* ${'x'.repeat(1_000_000)} */`)),
  either('writes-a-thousand-statements', (s) => unit(s, aThousand)),
  done('reads-ten-thousand-rows', then(manyRows())),
  either('hides-an-error-and-goes-on', (s) => unit(s, hideAndGoOn)),
  either('does-not-wait-for-a-statement-that-fails', (s) =>
    unit(s, (sql) => void sql.query('insert into hostile_missing (k) values (1)').catch(() => undefined)),
  ),
  letter('waits-for-one-of-two-that-fail', (s) =>
    unit(s, (sql) => Promise.all([sql.query('insrt'), sql.query('insrt again')])),
  ),

  lite.letter(
    'lets-a-conflict-undo-the-transaction',
    then("insert or rollback into hostile_unique (k) values ('taken')"),
  ),
  lite.either('changes-the-writing-mode', then('pragma query_only = 1')),
  lite.either('changes-the-journal-mode', then('pragma journal_mode = delete')),
  lite.either('turns-off-foreign-keys', then('pragma foreign_keys = off')),
  lite.either('turns-off-synchronous-writes', then('pragma synchronous = off')),
  lite.either('limits-the-pages-of-the-file', then('pragma max_page_count = 1')),
  lite.either('attaches-a-database', then("attach database ':memory:' as hostile_attached")),
  lite.either('detaches-a-database', then('detach database main')),
  lite.either('vacuums', then('vacuum')),
  lite.either('shadows-a-table-of-the-file', then('create temp table hostile_trespasses (what text)')),
]

async function aThousand(sql: Sql): Promise<void> {
  for (let n = 0; n < 1000; n++) await sql.query('insert into hostile_rows (k, n) values ($1, $2)', ['many', n])
}

async function hideAndGoOn(sql: Sql): Promise<void> {
  await sql.query('insert into hostile_missing (k) values (1)').catch(() => undefined)
  await sql.query("insert into hostile_rows (k) values ('after')")
}

function manyRows(): string {
  return 'with recursive counted (n) as (select 1 union all select n + 1 from counted where n < 10000) select n from counted'
}
