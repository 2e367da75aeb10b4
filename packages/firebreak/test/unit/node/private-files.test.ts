import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makePrivateFile, makePrivateFolder } from '../../../src/node/private-files.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { sqliteLog } from '../../../src/sqlite/sqlite-log.ts'

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)
const skip = process.platform === 'win32' ? 'Windows has no such modes' : false

for (const mask of [0, 0o022, 0o777]) {
  test(`what the engines make is for its owner alone, with umask ${mask.toString(8)}`, { skip }, async () => {
    const root = mkdtempSync(join(tmpdir(), 'firebreak-private-'))
    const before = process.umask(mask)
    const folder = join(root, 'new', 'data')
    const log = sqliteLog({ path: folder })
    const database = sqliteDatabase({ path: join(folder, 'service.db') })
    try {
      await log.ensureTopics([{ name: 'orders' }])
      await log.append([{ topic: 'orders', key: 'a', value: new Uint8Array(1), headers: {} }])
      await database.query('create table items (id integer)')
      const modes = Object.fromEntries(readdirSync(folder).map((name) => [name, modeOf(join(folder, name))]))
      const names = [
        'log.db',
        'log.db-shm',
        'log.db-wal',
        'log.end',
        'log.lock',
        'log.sock',
        'service.db',
        'service.db-shm',
        'service.db-wal',
      ]
      assert.deepEqual(modes, Object.fromEntries(names.map((name) => [name, '600'])))
      assert.deepEqual([modeOf(join(root, 'new')), modeOf(folder)], ['700', '700'])
    } finally {
      await database.close()
      await log.close()
      process.umask(before)
      rmSync(root, { recursive: true })
    }
  })
}

test('what is there already keeps the modes that somebody has given it', { skip }, () => {
  const root = mkdtempSync(join(tmpdir(), 'firebreak-private-'))
  const [folder, file] = [join(root, 'shared'), join(root, 'shared.db')]
  mkdirSync(folder)
  chmodSync(folder, 0o770)
  writeFileSync(file, 'data')
  chmodSync(file, 0o660)
  makePrivateFolder(folder)
  makePrivateFile(file)
  assert.deepEqual([modeOf(folder), modeOf(file)], ['770', '660'])
  rmSync(root, { recursive: true })
})

const longPath = process.platform === 'linux' ? false : 'only Linux finds a socket through an open folder'

test('a log whose path is too long for a socket has it in its own folder, where nobody else can take its place', {
  skip: longPath,
}, async () => {
  const root = mkdtempSync(join(tmpdir(), 'firebreak-private-'))
  const folder = join(root, 'd'.repeat(90), 'e'.repeat(90))
  const before = readdirSync('/proc/self/fd').length
  const [owner, member] = [sqliteLog({ path: folder }), sqliteLog({ path: folder })]
  await owner.ensureTopics([{ name: 'orders' }])
  // A handle of its own, so by the socket: the log of a process has one owner.
  await member.append([{ topic: 'orders', key: 'a', value: new Uint8Array(1), headers: {} }])
  const sockets = readdirSync(folder).filter((name) => name.endsWith('.sock'))
  assert.equal(sockets.length, 1)
  assert.equal(modeOf(join(folder, sockets[0] ?? '')), '600')
  await member.close()
  await owner.close()
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.sock')),
    [],
  )
  assert.ok(readdirSync('/proc/self/fd').length <= before, 'no folder stays open')
  rmSync(root, { recursive: true })
})
