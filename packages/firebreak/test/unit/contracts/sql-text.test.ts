import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SqlDialect, scanSql } from '../../../src/contracts/sql/sql-scan.ts'
import { postgresTexts } from '../../../src/postgres/statement.ts'
import { sqliteTexts } from '../../../src/sqlite/database/database-statement.ts'

const numbers = (text: string, dialect: SqlDialect): number[] =>
  scanSql(text, dialect).placeholders.map(({ number }) => number)

// What is quoted holds $9, what is not holds $1 and $2: so says the dialect that is named.
const quoted: readonly (readonly [SqlDialect | 'both', string])[] = [
  ['both', `$1, '$9', "$9", 'it''s $9', "a""$9", $2`],
  ['both', '$1 -- $9 \' " /*\n, $2'],
  ['both', "$1 /* $9 ' -- */, $2 /* open $9"],
  ['both', "$1, $2 -- the end of '$9"],
  ['both', "$1, $2, 'open $9"],
  ['both', '$1, a$9, $2'],
  ['both', '$1+$2'],
  ['sqlite', '$1, `$9`, [$9 "], $2'],
  ['sqlite', '$1 /* /* $9 */, $2'],
  ['sqlite', "$1, E'\\', $2, '$9'"],
  ['sqlite', '$1 -- a return ends no comment \r $9\n, $2'],
  ['postgres', '$1, a[1], $2, b[1:2]'],
  ['postgres', '$1 /* /* */ $9 */, $2'],
  ['postgres', "$1, E'\\'$9', e'\\\\', $2"],
  ['postgres', "$1, E'a' -- goes on\n -- and on\n  '\\'$9', $2"],
  ['postgres', "$1, re'\\', $2, '$9'"],
  ['postgres', "$1, $$ $9 ' $x$ $$, $tag$ $9 $$ $9 $tag$, $größe$ $9 $größe$, $2"],
  ['postgres', '$1 -- a return ends a comment\r, $2'],
  ['postgres', '$1::int, a::text, $2, U&"$9", B\'1\''],
]
for (const [named, text] of quoted) {
  for (const dialect of named === 'both' ? (['sqlite', 'postgres'] as const) : [named]) {
    test(`placeholders are found outside of quotes, ${dialect}: ${JSON.stringify(text)}`, () => {
      const { code } = scanSql(text, dialect)
      assert.deepEqual(numbers(text, dialect), [1, 2])
      assert.equal(code.length, text.length)
      assert.doesNotMatch(code, /[^a]\$9/)
    })
  }
}

test('other placeholders are named where they may be some', () => {
  const other = (text: string, dialect: SqlDialect): string | undefined => scanSql(text, dialect).otherPlaceholder
  for (const text of ['?', '?1', ':name', '@name', '$name', '$1a', ':1'])
    assert.equal(other(`select ${text}, $1`, 'sqlite'), text)
  for (const text of ['?', ':name', '@name', '$name', '$1a'])
    assert.equal(other(`select ${text}, $1`, 'postgres'), text)
  for (const text of ['a::text', "b @> '{}'", 'a[1:2]', 'f(a := 1)', "d ->> 'x'"])
    assert.equal(other(`select ${text}, $1`, 'postgres'), undefined, text)
})

const pragmas = [
  'query_only = 1',
  'foreign_keys(off)',
  'main.journal_mode = delete',
  '"query_only" = 1',
  'optimize',
  'wal_checkpoint',
]
const connection = [
  ...pragmas.map((text) => `pragma ${text}`),
  'explain pragma query_only = 1',
  'EXPLAIN QUERY PLAN -- so\n PRAGMA main . query_only=1',
  "/* x */ ;Attach database ':memory:' as other",
  'detach other',
  'vacuum',
  "VACUUM INTO 'copy.db'",
]
for (const text of connection) {
  test(`on SQLite a statement cannot change the connection: ${JSON.stringify(text)}`, () =>
    assert.throws(() => sqliteTexts().read(text), /changes the connection, which other units use too/))
}

test('on SQLite a pragma may read, and change what is in the file', () => {
  const fine = [
    'query_only',
    'main.journal_mode;',
    'table_info(items)',
    "index_list('x')",
    'integrity_check',
    'user_version = 7',
  ]
  for (const text of fine) sqliteTexts().read(`pragma ${text}`)
})

test('on SQLite a statement cannot undo the units beside its own', () => {
  const wide = [
    'insert or rollback into t values (1)',
    'create table t (a unique on conflict rollback)',
    "select raise(rollback, 'x')",
  ]
  for (const text of wide) assert.throws(() => sqliteTexts().read(text), /other units too: write ABORT/)
  sqliteTexts().read("insert into t values ('or rollback') -- or rollback")
})

test('COPY from or to the client is refused, and words inside of quotes are not taken for it', () => {
  for (const text of ['copy t from stdin', 'COPY/**/t (a) TO -- so\n STDOUT'])
    assert.throws(() => postgresTexts().read(text), /COPY needs a file/)
  postgresTexts().read("copy (select 'stdout') to '/tmp/stdin'")
})

test('a text of megabytes, and one made to be slow, are read at once', () => {
  const long = 500_000
  for (const part of ["'", '"', '--', '/*', '$', '$a', "E'\\", "''", "'\n", '-- \n', '/* */', '(', '?', '$1 ']) {
    for (const dialect of ['sqlite', 'postgres'] as const) {
      const text = part.repeat(long / part.length)
      assert.equal(scanSql(text, dialect).code.length, text.length)
    }
  }
  assert.equal(scanSql(`E'${"' --".repeat(100_000)}`, 'postgres').placeholders.length, 0)
})
