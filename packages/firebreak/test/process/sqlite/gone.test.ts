import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { sqliteLog } from '../../../src/sqlite/sqlite-log.ts'

const skip = process.platform === 'win32' ? 'Windows keeps open files from being deleted' : false
const record = { topic: 'orders', key: 'a', value: new Uint8Array(1), headers: {} }

const lostBeside = ['-wal', '-shm']

for (const part of lostBeside) {
  test(`a log whose ${part} was deleted acknowledges nothing more`, { skip }, async () => {
    const root = mkdtempSync(join(tmpdir(), 'firebreak-gone-'))
    const log = sqliteLog({ path: join(root, 'log') })
    await log.ensureTopics([{ name: 'orders' }])
    rmSync(join(root, 'log', `log.db${part}`))
    await assert.rejects(log.append([record]), { code: 'FB_LOG_CORRUPT', message: /-wal, -shm/ })
    await log.close()
    rmSync(root, { recursive: true })
  })

  test(`a database whose ${part} was deleted commits nothing more, in units and in statements of their own`, {
    skip,
  }, async () => {
    const root = mkdtempSync(join(tmpdir(), 'firebreak-gone-'))
    const path = join(root, 'service.db')
    const database = sqliteDatabase({ path })
    await database.query('create table items (id integer)')
    rmSync(`${path}${part}`)
    const gone = { code: 'FB_DATABASE_CORRUPT', message: /-wal, -shm/ }
    const insert = database.commit([async (sql) => void (await sql.query('insert into items values (1)'))])
    await assert.rejects(insert, gone)
    await assert.rejects(database.query('insert into items values (2)'), gone)
    await database.close()
    rmSync(root, { recursive: true })
  })
}

test('a file that was deleted before the first commit is noticed at the first one', { skip }, async () => {
  const root = mkdtempSync(join(tmpdir(), 'firebreak-gone-'))
  const path = join(root, 'service.db')
  const database = sqliteDatabase({ path })
  await database.query('select 1')
  rmSync(`${path}-wal`)
  await assert.rejects(database.query('create table items (id integer)'), { code: 'FB_DATABASE_CORRUPT' })
  await database.close()
  rmSync(root, { recursive: true })
})

const losses: Readonly<Record<string, (folder: string) => void>> = {
  deleted: (folder) => rmSync(folder, { recursive: true }),
  'moved away': (folder) => renameSync(folder, `${folder}-away`),
}
for (const [how, lose] of Object.entries(losses)) {
  test(`a log whose folder was ${how} acknowledges nothing more, and says why`, { skip }, async () => {
    const root = mkdtempSync(join(tmpdir(), 'firebreak-gone-'))
    const log = sqliteLog({ path: join(root, 'log') })
    await log.ensureTopics([{ name: 'orders' }])
    await log.append([record])
    lose(join(root, 'log'))
    for (let i = 0; i < 3; i++)
      await assert.rejects(log.append([record]), { code: 'FB_LOG_CORRUPT', message: /deleted or replaced/ })
    await log.close()
    rmSync(root, { recursive: true })
  })

  test(`a database whose folder was ${how} commits nothing more, and says why`, { skip }, async () => {
    const root = mkdtempSync(join(tmpdir(), 'firebreak-gone-'))
    const database = sqliteDatabase({ path: join(root, 'data', 'service.db') })
    await database.query('create table items (id integer)')
    lose(join(root, 'data'))
    const insert = database.commit([async (sql) => void (await sql.query('insert into items values (1)'))])
    await assert.rejects(insert, { code: 'FB_DATABASE_CORRUPT', message: /deleted or replaced/ })
    await database.close()
    rmSync(root, { recursive: true })
  })
}
