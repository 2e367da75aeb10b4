import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import type { Clock } from '../../../src/contracts/clock.ts'
import { type FirebreakError, isFirebreakError } from '../../../src/contracts/errors.ts'
import type { SqlText } from '../../../src/contracts/sql/sql-text.ts'
import { systemClock } from '../../../src/node/clock.ts'
import { readsOnly, StatementCache, sqliteTexts, withNumbers } from '../../../src/sqlite/database/database-statement.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { outcomes } from '../../../src/testing/conformance/database-scene.ts'

const folder = mkdtempSync(join(tmpdir(), 'firebreak-database-unit-'))
const children: ChildProcess[] = []
after(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})
let files = 0
const fresh = (): string => join(folder, `${files++}.db`)
const read = (sql: string): SqlText => sqliteTexts().read(sql)
const text = (sql: string): string => withNumbers(read(sql))

/** Rejects with `code`, and passes the error on. */
async function rejection(promise: Promise<unknown>, code: FirebreakError['code']): Promise<FirebreakError> {
  const error = await promise.then(
    () => assert.fail('it resolved'),
    (caught: unknown) => caught,
  )
  assert.ok(isFirebreakError(error, code), `${code} was expected, not ${String(error)}`)
  return error
}

/** Another process that runs `body` with `database` at hand, and says a word on stdout when it gets there. */
function otherProcess(path: string, body: string): ChildProcess {
  const module = JSON.stringify(new URL('../../../src/sqlite/database/sqlite-database.ts', import.meta.url).href)
  const code = `import { sqliteDatabase } from ${module}
    const say = (word) => process.stdout.write(word + '\\n')
    const database = sqliteDatabase({ path: ${JSON.stringify(path)} })
    ${body}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

test('parameters are rewritten, and left alone where they are none', () => {
  assert.equal(text('select $1, $2, $1'), 'select ?1, ?2, ?1')
  for (const same of ["select '$1'", "select 'it''s $1'", 'select "a$1"', 'select `$1`', 'select [$1]', 'select a$1']) {
    assert.deepEqual([text(same), read(same).parameters], [same, 0])
  }
  assert.equal(text('select 1 -- $2\n, $1'), 'select 1 -- $2\n, ?1')
  assert.equal(text('select /* $2 ; */ $1 /* open $3'), 'select /* $2 ; */ ?1 /* open $3')
})

test('a second statement in one text is refused instead of dropped, a trigger is one statement', () => {
  assert.throws(() => read('select 1; select 2'), /several statements/)
  assert.equal(text("select ';'; -- end ;"), "select ';'; -- end ;")
  text('create trigger t after insert on a begin delete from b; delete from c; end;')
})

test('statements cannot open or end a transaction', async () => {
  const database = sqliteDatabase({ path: ':memory:' })
  for (const sql of ['begin', ' /* x */ COMMIT', '-- x\nrollback', 'savepoint a', 'release a', 'end']) {
    await rejection(database.query(sql), 'FB_STATEMENT_INVALID')
  }
  await database.close()
})

test('only statements that surely read may run beside a commit', () => {
  for (const sql of ['select 1', ' -- why\n /* so */ SELECT 1', 'values (1)']) assert.ok(readsOnly(read(sql)))
  for (const sql of ['with a as (select 1) delete from b', 'update a set b = 1']) assert.ok(!readsOnly(read(sql)))
})

test('a missing or a surplus value is refused', async () => {
  const database = sqliteDatabase({ path: ':memory:' })
  await rejection(database.query('select $1, $2', [1]), 'FB_STATEMENT_INVALID')
  await rejection(database.query('select $1', [1, 2]), 'FB_STATEMENT_INVALID')
  await database.close()
})

test('the statement cache is bounded and keeps what is used', () => {
  const raw = new DatabaseSync(':memory:')
  const cache = new StatementCache(raw, sqliteTexts(), 10)
  const hot = cache.get('select 1')
  for (let i = 0; i < 100; i++) {
    cache.get(`select ${i} as n`)
    assert.equal(cache.get('select 1'), hot)
    assert.ok(cache.size <= 20)
  }
  raw.close()
})

test('nothing is opened before the first use, which also makes the folder', async () => {
  const path = join(folder, 'deep', 'er', 'x.db')
  const database = sqliteDatabase({ path })
  assert.ok(!existsSync(path))
  await database.query('create table t (a)')
  assert.ok(existsSync(path))
  await database.close()
  assert.ok(!existsSync(`${path}-wal`), 'the log is folded in on closing')
})

test('the file is set up for safety: write-ahead log, full synchronous, foreign keys', async () => {
  for (const [options, level] of [
    [{}, 2],
    [{ durability: 'full' }, 2],
    [{ durability: 'survives-process-crash-only' }, 1],
  ] as const) {
    const database = sqliteDatabase({ path: fresh(), ...options })
    const pragma = async (name: string): Promise<unknown> =>
      Object.values((await database.query(`pragma ${name}`))[0]!)[0]
    assert.deepEqual(
      [
        await pragma('journal_mode'),
        await pragma('synchronous'),
        await pragma('foreign_keys'),
        await pragma('temp_store'),
      ],
      ['wal', level, 1, 2],
    )
    await database.close()
  }
})

test('a file of something else and a damaged one are FB_DATABASE_CORRUPT, and are not touched', async () => {
  const foreign = fresh()
  writeFileSync(foreign, 'this is a letter to grandmother, not a database. '.repeat(100))
  const before = readFileSync(foreign)
  await rejection(sqliteDatabase({ path: foreign }).query('select 1'), 'FB_DATABASE_CORRUPT')
  assert.deepEqual(readFileSync(foreign), before)

  const damaged = fresh()
  const first = sqliteDatabase({ path: damaged })
  await first.query('create table t (a integer primary key, b text)')
  await first.commit([
    (sql) => sql.batch('insert into t (b) values ($1)', Array(500).fill(['x'.repeat(50)])).then(() => {}),
  ])
  await first.close()
  const content = readFileSync(damaged)
  writeFileSync(damaged, content.fill(0xff, 4096))
  const second = sqliteDatabase({ path: damaged })
  await rejection(second.query('select sum(length(b)) from t'), 'FB_DATABASE_CORRUPT')
  await second.close()
})

test('a path that cannot be written is FB_DATABASE_READONLY', async () => {
  const directory = join(folder, 'directory.db')
  mkdirSync(directory)
  const file = fresh()
  writeFileSync(file, '')
  for (const path of [directory, join(file, 'below', 'a', 'file.db'), '/proc/firebreak/x.db']) {
    await rejection(sqliteDatabase({ path }).query('select 1'), 'FB_DATABASE_READONLY')
  }
})

test('a full disk rejects the commit, leaves nothing of any unit, and work goes on when there is space', async (t) => {
  const raw: DatabaseSync[] = []
  const prepare = DatabaseSync.prototype.prepare
  // The connection is nobody's to change, so the test takes it where it is made.
  t.mock.method(DatabaseSync.prototype, 'prepare', function (this: DatabaseSync, text: string) {
    raw.push(this)
    return prepare.call(this, text)
  })
  const database = sqliteDatabase({ path: fresh() })
  await database.query('create table t (a text)')
  const [pages] = await database.query<{ page_count: number }>('pragma page_count')
  raw[0]?.exec(`pragma max_page_count = ${pages!.page_count + 3}`)
  let after = 0
  const units = [
    async (sql: Parameters<Parameters<typeof database.commit>[0][number]>[0]) => {
      await sql.query("insert into t values ('small')")
    },
    async (sql: Parameters<Parameters<typeof database.commit>[0][number]>[0]) => {
      await sql.query('insert into t values ($1)', ['x'.repeat(100_000)]).catch(() => {})
      await sql.query("insert into t values ('outside of the transaction')").catch(() => {})
    },
    async () => {
      after++
    },
  ]
  await rejection(database.commit(units), 'FB_DATABASE_FULL')
  assert.equal(after, 0)
  assert.deepEqual(await database.query('select a from t'), [])
  raw[0]?.exec('pragma max_page_count = 10000')
  assert.ok((await database.commit(units)).every((verdict) => verdict.ok))
  await database.close()
})

test('a constraint that is checked at the end rejects the commit and leaves nothing open', async () => {
  const database = sqliteDatabase({ path: ':memory:' })
  await database.query('create table parent (id integer primary key)')
  await database.query('create table child (id integer references parent deferrable initially deferred)')
  await assert.rejects(
    database.commit([(sql) => sql.query('insert into child values (1)').then(() => {})]),
    /FOREIGN KEY/,
  )
  await database.query('insert into parent values (1)')
  assert.deepEqual(await database.query('select * from child'), [])
  await database.close()
})

test('a file held by another process makes a commit wait on the clock, and go on when it is free', async () => {
  const path = fresh()
  const child = otherProcess(
    path,
    `await database.query('create table t (a)')
    await database.commit([async (sql) => {
      await sql.query('insert into t values (1)')
      say('held')
      await new Promise((go) => process.stdin.once('data', go))
    }])
    await database.close()
    process.exit()`,
  )
  await once(child.stdout!, 'data')
  const waits: number[] = []
  const clock: Clock = {
    ...systemClock,
    schedule(delayMs, run) {
      waits.push(delayMs)
      if (waits.length === 5) child.stdin!.write('go\n')
      return systemClock.schedule(delayMs, run)
    },
  }
  const database = sqliteDatabase({ path, clock })
  await database.query('insert into t values (2)')
  assert.ok(waits.length >= 5 && waits.every((delayMs) => delayMs > 0 && delayMs <= 30))
  assert.equal((await database.query('select a from t')).length, 2)
  await database.close()
})

test('a file held for longer than busyTimeoutMs is FB_DATABASE_BUSY, without a trace', async () => {
  const path = fresh()
  const holder = new DatabaseSync(path)
  holder.exec('pragma journal_mode = wal; create table t (a); begin immediate')
  const database = sqliteDatabase({ path, busyTimeoutMs: 30 })
  let ran = false
  const unit = async (): Promise<void> => {
    ran = true
  }
  const error = await rejection(database.commit([unit]), 'FB_DATABASE_BUSY')
  assert.ok(Number(error.detail.waitedMs) >= 30)
  assert.equal(ran, false)
  await rejection(database.query('insert into t values (1)'), 'FB_DATABASE_BUSY')
  assert.deepEqual(await database.query('select a from t'), [])
  holder.exec('rollback')
  assert.deepEqual(outcomes(await database.commit([unit])), ['ok'])
  holder.close()
  await database.close()
})

test('four processes that open one fresh file at the same moment all succeed', async () => {
  const path = fresh()
  const all = Array.from({ length: 4 }, () =>
    otherProcess(
      path,
      `say('ready')
      await new Promise((go) => process.stdin.once('data', go))
      await database.query('create table if not exists t (a)')
      for (let i = 0; i < 20; i++) await database.query('insert into t values ($1)', [i])
      await database.close()
      process.exit()`,
    ),
  )
  await Promise.all(all.map((child) => once(child.stdout!, 'data')))
  const ends = all.map((child) => once(child, 'exit'))
  for (const child of all) child.stdin!.write('go\n')
  assert.deepEqual(
    (await Promise.all(ends)).map(([code]) => code),
    [0, 0, 0, 0],
  )
  const database = sqliteDatabase({ path })
  assert.deepEqual({ ...(await database.query('select count(*) as n from t'))[0] }, { n: 80 })
  await database.close()
})

test('a process that is killed inside a commit leaves what was committed before, and nothing else', async () => {
  const path = fresh()
  const child = otherProcess(
    path,
    `await database.query('create table t (a)')
    await database.query('insert into t values (1)')
    await database.commit([
      async (sql) => { await sql.run('insert into t values ($1)', Array.from({ length: 5000 }, (_, i) => [i])) },
      async () => { say('inside'); process.stdin.resume(); await new Promise(() => {}) },
    ])`,
  )
  await once(child.stdout!, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const database = sqliteDatabase({ path })
  assert.deepEqual({ ...(await database.query('select a from t'))[0] }, { a: 1 })
  assert.equal((await database.query('select a from t')).length, 1)
  assert.deepEqual({ ...(await database.query('pragma integrity_check'))[0] }, { integrity_check: 'ok' })
  await database.close()
})
