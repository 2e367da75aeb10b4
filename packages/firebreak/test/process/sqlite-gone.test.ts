import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sqliteDatabase } from '../../src/sqlite/sqlite-database.ts'
import { sqliteLog } from '../../src/sqlite/sqlite-log.ts'

const skip = process.platform === 'win32' ? 'Windows keeps open files from being deleted' : false
const record = { topic: 'orders', key: 'a', value: new Uint8Array(1), headers: {} }

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
