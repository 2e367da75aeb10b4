import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { jsonb, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import { isFirebreakError } from 'firebreak'
import { pgClient } from 'firebreak/postgres'
import { type Generated, Kysely, PostgresDialect } from 'kysely'
import type { Database, Sql, SqlUnit, Verdict } from '../../../src/contracts/database.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { outcomes } from '../../../src/testing/conformance/database-scene.ts'
import { needsPostgres, PostgresScene } from './scene.ts'

interface Tables {
  readonly invoices: { id: string; lines: Generated<unknown>; paid_at: Date | null }
}

const invoices = pgTable('invoices', {
  id: text('id').primaryKey(),
  lines: jsonb('lines').$type<readonly string[]>().notNull().default([]),
  paidAt: timestamp('paid_at', { withTimezone: true }),
})

const skip = needsPostgres
let scene: PostgresScene
let database: Database
let epoch: Date
before(async () => {
  if (needsPostgres !== false) return
  scene = await PostgresScene.start()
  await scene.rows(
    "create table invoices (id text primary key, lines jsonb not null default '[]', paid_at timestamptz)",
  )
  database = scene.open()
  epoch = (await scene.rows('select to_timestamp(0) as at'))[0]?.['at'] as Date
})
after(async () => {
  await database?.close()
  await scene?.end()
})

/** Kysely on the unit's transaction: its pool holds one client, the unit's. */
function kysely(sql: Sql): Kysely<Tables> {
  const pool = { connect: async () => pgClient(sql), end: async () => undefined, options: {} }
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
}

async function commitOne(unit: SqlUnit): Promise<Verdict> {
  const [verdict] = await database.commit([unit])
  assert.ok(verdict !== undefined)
  return verdict
}

const ids = async (prefix: string): Promise<unknown[]> => {
  const rows = await scene.rows("select id from invoices where id like $1 || '%' order by id", [prefix])
  return rows.map(({ id }) => id)
}

test('plain pg: values and rows are those of pg, in the transaction of the unit', { skip }, async () => {
  const ok = await commitOne(async (sql) => {
    const client = pgClient(sql)
    await client.query('insert into invoices (id, lines, paid_at) values ($1, $2, $3)', [
      'pg-1',
      JSON.stringify(['toll']),
      epoch,
    ])
    const { rows, rowCount } = await client.query({ text: "select * from invoices where id = 'pg-1'" })
    assert.deepEqual(rows, [{ id: 'pg-1', lines: ['toll'], paid_at: epoch }])
    assert.equal(rowCount, 1)
    assert.deepEqual(await ids('pg-1'), [], 'nobody else sees it yet')
  })
  assert.deepEqual(ok, { ok: true, value: undefined })
  assert.deepEqual(await ids('pg-1'), ['pg-1'])
})

test('Drizzle: inserts, selects and updates in the transaction of the unit', { skip }, async () => {
  const ok = await commitOne(async (sql) => {
    const db = drizzle(pgClient(sql))
    await db.insert(invoices).values({ id: 'drizzle-1', lines: ['toll', 'fuel'] })
    await db.update(invoices).set({ paidAt: epoch }).where(eq(invoices.id, 'drizzle-1'))
    const [found] = await db.select().from(invoices).where(eq(invoices.id, 'drizzle-1'))
    assert.deepEqual(found, { id: 'drizzle-1', lines: ['toll', 'fuel'], paidAt: epoch })
  })
  assert.deepEqual(ok, { ok: true, value: undefined })
  const undone = await commitOne(async (sql) => {
    await drizzle(pgClient(sql)).insert(invoices).values({ id: 'drizzle-2' })
    throw new Error('no')
  })
  assert.equal(undone.ok, false)
  assert.deepEqual(await ids('drizzle'), ['drizzle-1'])
})

test('Drizzle: a transaction inside the unit is undone alone', { skip }, async () => {
  const ok = await commitOne(async (sql) => {
    const db = drizzle(pgClient(sql))
    await db.transaction(async (tx) => {
      await tx.insert(invoices).values({ id: 'nested-1' })
      await assert.rejects(
        tx.transaction(async (deeper) => {
          await deeper.insert(invoices).values({ id: 'nested-2' })
          await deeper.insert(invoices).values({ id: 'nested-1' })
        }),
      )
    })
    await assert.rejects(
      db.transaction(async (tx) => {
        await tx.insert(invoices).values({ id: 'nested-3' })
        await tx.insert(invoices).values({ id: 'nested-1' })
      }),
    )
    await db.insert(invoices).values({ id: 'nested-4' })
  })
  assert.deepEqual(ok, { ok: true, value: undefined })
  assert.deepEqual(await ids('nested'), ['nested-1', 'nested-4'])
})

test('Kysely: inserts, returning and counts, in the transaction of the unit', { skip }, async () => {
  const ok = await commitOne(async (sql) => {
    const db = kysely(sql)
    const added = await db
      .insertInto('invoices')
      .values({ id: 'kysely-1', paid_at: epoch })
      .returning(['id', 'paid_at'])
      .executeTakeFirstOrThrow()
    assert.deepEqual(added, { id: 'kysely-1', paid_at: epoch })
    const { numUpdatedRows } = await db
      .updateTable('invoices')
      .set({ paid_at: null })
      .where('id', '=', 'kysely-1')
      .executeTakeFirst()
    assert.equal(numUpdatedRows, 1n)
    await assert.rejects(
      db.transaction().execute(async (tx) => {
        await tx.insertInto('invoices').values({ id: 'kysely-2', paid_at: null }).execute()
        throw new Error('no')
      }),
      /no/,
    )
    await db
      .transaction()
      .execute((tx) => tx.insertInto('invoices').values({ id: 'kysely-3', paid_at: null }).execute())
  })
  assert.deepEqual(ok, { ok: true, value: undefined })
  assert.deepEqual(await ids('kysely'), ['kysely-1', 'kysely-3'])
})

const refusals = [
  'commit',
  'rollback',
  'begin isolation level serializable',
  'end',
  "prepare transaction 'x'",
  '/* app=x */ rollback',
  '/* app=x */ commit',
  ';commit',
  'rollback and chain',
  'commit and chain',
  'rollback -- all of it',
  "rollback prepared 'x'",
]
test('the unit stays the one that commits: isolation and COMMIT of its own are refused', { skip }, async () => {
  const ok = await commitOne(async (sql) => {
    const client = pgClient(sql)
    await client.query("insert into invoices (id) values ('refused-1')")
    for (const refused of refusals)
      await assert.rejects(client.query(refused), (error) => isFirebreakError(error, 'FB_STATEMENT_INVALID'), refused)
    await client.query('begin')
    for (const refused of ['rollback and chain', 'commit and chain', 'rollback /* all */ work'])
      await assert.rejects(client.query(refused), (error) => isFirebreakError(error, 'FB_STATEMENT_INVALID'), refused)
    await client.query('commit')
    assert.deepEqual(await ids('refused'), [], 'nothing was committed')
  })
  assert.deepEqual(ok, { ok: true, value: undefined })
  assert.deepEqual(await ids('refused'), ['refused-1'])
})

test('a transaction inside the unit may carry a comment, and savepoints of its own', { skip }, async () => {
  const ok = await commitOne(async (sql) => {
    const client = pgClient(sql)
    const add = (id: string) => client.query('insert into invoices (id) values ($1)', [id])
    await client.query('/* app=x */ begin')
    await add('tagged-1')
    await client.query('/* app=x */ rollback;')
    await client.query('-- app=x\nSAVEPOINT mine')
    await add('tagged-2')
    await assert.rejects(add('tagged-2'))
    await client.query('/* app=x */ rollback to mine')
    await add('tagged-3')
    await client.query(';release mine')
  })
  assert.deepEqual(ok, { ok: true, value: undefined })
  assert.deepEqual(await ids('tagged'), ['tagged-3'])
})

test('several statements in one text are refused', { skip }, async () => {
  for (const text of [
    "insert into invoices (id) values ('several'); commit",
    'select 1; rollback',
    '; ; select 1; end',
  ]) {
    const verdict = await commitOne(async (sql) => void (await pgClient(sql).query(text)))
    assert.ok(verdict.ok === false && isFirebreakError(verdict.error, 'FB_STATEMENT_INVALID'), text)
  }
  assert.deepEqual(await ids('several'), [])
})

test('a value that the driver cannot send fails its statement and nothing else', { skip }, async () => {
  const ok = await commitOne(async (sql) => {
    const client = pgClient(sql)
    const unsendable = {
      toPostgres: (): never => {
        throw new Error('cannot be sent')
      },
    }
    const text = 'insert into invoices (id) values ($1)'
    await assert.rejects(client.query({ name: 'mine', text, values: [unsendable] }), /cannot be sent/)
    await client.query({ name: 'mine', text, values: ['unsent-1'] })
    const noList = { 0: 'unsent-0' } as unknown as unknown[]
    await assert.rejects(client.query({ text, values: noList }), /an array of values/)
    await client.query({ text, values: ['unsent-2'] })
  })
  assert.deepEqual(ok, { ok: true, value: undefined })
  assert.deepEqual(await ids('unsent'), ['unsent-1', 'unsent-2'])
})

const named = async (sql: Sql, id: string): Promise<unknown> => {
  const query = drizzle(pgClient(sql)).select().from(invoices).where(eq(invoices.id, id))
  return (await query.prepare('by_id').execute())[0]
}

test('Drizzle: a statement with a name survives a failure in front of it', { skip }, async () => {
  const one = scene.open({ poolMax: 1 })
  await scene.rows("insert into invoices (id) values ('named-1')")
  // The insert is sent with the statement behind it, fails there, and the server skips what follows.
  const failing: SqlUnit = async (sql) => {
    await sql.query("insert into invoices (id) values ('named-1')")
    await named(sql, 'named-1')
  }
  const looking: SqlUnit = async (sql) => void (await named(sql, 'named-1'))
  const [first, second] = await one.commit([failing, looking])
  assert.ok(first?.ok === false && (first.error as { code?: string }).code === '23505')
  assert.deepEqual(second, { ok: true, value: undefined })
  await one.close()
})

test('Drizzle: a statement with a name reads anew when the schema has changed', { skip }, async () => {
  const one = scene.open({ poolMax: 1 })
  const all: SqlUnit = async (sql) => {
    await pgClient(sql).query({ name: 'all', text: 'select * from changing' })
  }
  await one.query('create table changing (n integer)')
  assert.deepEqual(outcomes(await one.commit([all])), ['ok'])
  await one.query('alter table changing add column name text')
  assert.deepEqual(outcomes(await one.commit([all])), ['ok'])
  await one.close()
})

test('the client is dead when its unit has ended', { skip }, async () => {
  let client: ReturnType<typeof pgClient> | undefined
  await commitOne(async (sql) => {
    client = pgClient(sql)
  })
  assert.ok(client !== undefined)
  await assert.rejects(client.query('select 1'), (error) => isFirebreakError(error, 'FB_UNIT_ENDED'))
})

test('the handle of another engine is refused', async () => {
  const other = sqliteDatabase({ path: ':memory:' })
  const [verdict] = await other.commit([
    async (sql) => {
      pgClient(sql)
    },
  ])
  assert.ok(verdict?.ok === false && isFirebreakError(verdict.error, 'FB_STATEMENT_INVALID'))
  await other.close()
})
