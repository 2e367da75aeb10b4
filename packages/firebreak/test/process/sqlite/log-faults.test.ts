import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { Log } from '../../../src/contracts/log.ts'
import { systemClock } from '../../../src/node/clock.ts'
import { systemEntropy } from '../../../src/node/entropy.ts'
import { createLogClient } from '../../../src/sqlite/client/log-client.ts'
import { sqliteLog } from '../../../src/sqlite/sqlite-log.ts'
import { folder, startChild } from './log-processes.ts'

const timeout = 60_000
const orders = [{ name: 'orders', partitions: 2 }]
const record = (text: string) => ({ topic: 'orders', key: text, value: Buffer.from(text), headers: {} })
const signal = new AbortController().signal

async function filled(path: string, count = 10): Promise<void> {
  const log = sqliteLog({ path })
  await log.ensureTopics(orders)
  await log.append(Array.from({ length: count }, (_, i) => record(`r${i}`)))
  await log.close()
}

async function count(log: Log): Promise<number> {
  const topics = await log.inspect().topics()
  return topics.flatMap(({ ends }) => ends).reduce((sum, { first, next }) => sum + next - first, 0)
}

async function refuses(path: string, code: string): Promise<void> {
  const log = sqliteLog({ path })
  await assert.rejects(log.ensureTopics(orders), { code })
  await assert.rejects(log.open('g', ['orders']), { code })
  await log.close()
}

test('a damaged file is refused as FB_LOG_CORRUPT, by owner and inspector, and left as it is', {
  timeout,
}, async (t) => {
  const path = folder(t)
  await filled(path)
  const file = join(path, 'log.db')
  const bytes = readFileSync(file).fill(0x5a, 0, 4096)
  writeFileSync(file, bytes)
  await refuses(path, 'FB_LOG_CORRUPT')
  await assert.rejects(sqliteLog({ path }).inspect().topics(), { code: 'FB_LOG_CORRUPT' })
  assert.deepEqual(readFileSync(file), bytes)
})

test('a page damaged inside is FB_LOG_CORRUPT when it is read', { timeout }, async (t) => {
  const path = folder(t)
  await filled(path, 5000)
  const file = join(path, 'log.db')
  const bytes = readFileSync(file)
  writeFileSync(file, bytes.fill(0xee, 4096 * 20, bytes.length))
  const log = sqliteLog({ path })
  const drain = async (): Promise<void> => {
    const cursor = await log.open('g', ['orders'])
    for (let got = 0; got < 5000; ) got += (await cursor.poll({ recordsMax: 500, waitMs: 1000, signal })).length
  }
  await assert.rejects(drain(), { code: 'FB_LOG_CORRUPT' })
  await log.close()
})

test('a SQLite file of another program is refused and not touched', { timeout }, async (t) => {
  const path = folder(t)
  const db = new DatabaseSync(join(path, 'log.db'))
  db.exec('CREATE TABLE recipes (name TEXT)')
  db.close()
  const before = readFileSync(join(path, 'log.db'))
  await refuses(path, 'FB_LOG_CORRUPT')
  assert.deepEqual(readFileSync(join(path, 'log.db')), before)
})

test('a file of another format version is FB_LOG_VERSION', { timeout }, async (t) => {
  const path = folder(t)
  await filled(path)
  const db = new DatabaseSync(join(path, 'log.db'))
  db.exec('PRAGMA user_version = 99')
  db.close()
  await refuses(path, 'FB_LOG_VERSION')
})

test('a path that cannot be written is FB_LOG_READONLY', { timeout }, async (t) => {
  const path = folder(t)
  writeFileSync(join(path, 'file'), '')
  await refuses(join(path, 'file', 'below'), 'FB_LOG_READONLY')
  mkdirSync(join(path, 'log.db'))
  await refuses(path, 'FB_LOG_READONLY')
  if (existsSync('/proc/self')) await refuses('/proc/firebreak', 'FB_LOG_READONLY')
})

test('a full disk rejects appends as FB_LOG_FULL and loses nothing; later appends succeed', { timeout }, async (t) => {
  const path = folder(t)
  await filled(path)
  const client = (pageCountMax?: number): Log =>
    createLogClient({
      path,
      durability: 'full',
      clock: systemClock,
      entropy: systemEntropy,
      unavailableMs: 10_000,
      pageCountMax,
    })
  const full = client(40)
  const large = { ...record('large'), value: Buffer.alloc(10_000) }
  let stored = 10
  const fill = async (): Promise<void> => {
    for (;;) {
      await full.append([large])
      stored++
    }
  }
  await assert.rejects(fill(), { code: 'FB_LOG_FULL' })
  await assert.rejects(full.append([large, large]), { code: 'FB_LOG_FULL' })
  assert.equal(await count(full), stored)
  const cursor = await full.open('g', ['orders'])
  let read = 0
  while (read < stored) read += (await cursor.poll({ recordsMax: 100, waitMs: 1000, signal })).length
  await full.close()
  const roomy = client()
  const [position] = await roomy.append([large])
  assert.equal(await count(roomy), stored + 1)
  const ends = (await roomy.inspect().topics())[0]!.ends[position!.partition]!
  assert.equal(position?.offset, ends.next - 1, 'a failed append used up no offset')
  await roomy.close()
})

function mountSmall(t: TestContext): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'firebreak-small-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    t.skip('mounting a small file system needs root')
    return undefined
  }
  t.after(() => {
    execFileSync('umount', ['-l', path])
    rmSync(path, { recursive: true })
  })
  return path
}

test('a file system without a byte left is FB_LOG_FULL until there is room again', { timeout }, async (t) => {
  const path = mountSmall(t)
  if (path === undefined) return
  const ballast = join(path, 'ballast')
  writeFileSync(ballast, Buffer.alloc(1_500_000))
  const log = sqliteLog({ path: join(path, 'log') })
  await log.ensureTopics(orders)
  const large = { ...record('large'), value: Buffer.alloc(20_000) }
  let stored = 0
  const fill = async (): Promise<void> => {
    for (; ; stored++) await log.append([large])
  }
  await assert.rejects(fill(), { code: 'FB_LOG_FULL' })
  assert.equal(await count(log), stored)
  rmSync(ballast)
  await log.append([large, large])
  assert.equal(await count(log), stored + 2)
  await log.close()
})

test('what a killed owner left behind is in nobody’s way', { timeout }, async (t) => {
  const path = folder(t)
  await filled(path)
  const child = await startChild(t, path)
  await child.ask({ do: 'append', values: ['last'] }, 'appended')
  await child.kill()
  assert.ok(existsSync(join(path, 'log.sock')), 'the socket of the dead owner is still there')
  const log = sqliteLog({ path })
  await log.append([record('next')])
  assert.equal(await count(log), 12)
  await log.close()
})

test('without an owner to be had, appends reject as FB_LOG_UNAVAILABLE after a bounded time', {
  timeout,
}, async (t) => {
  const path = folder(t)
  await filled(path)
  const lock = new DatabaseSync(join(path, 'log.lock'))
  lock.exec('BEGIN EXCLUSIVE')
  const unavailableMs = 1000
  const log = createLogClient({
    path,
    durability: 'full',
    clock: systemClock,
    entropy: systemEntropy,
    unavailableMs,
  })
  await log.inspect().read({ topic: 'orders', partition: 0, offset: 0 }, 1)
  await assert.rejects(log.append([record('x')]), { code: 'FB_LOG_UNAVAILABLE' })
  lock.close()
  await log.append([record('y')])
  assert.equal(await count(log), 11)
  await log.close()
})

test('a client that talks nonsense is cut off and the others are served', { timeout }, async (t) => {
  const path = folder(t)
  await filled(path)
  const log = sqliteLog({ path })
  await log.append([record('before')])
  for (const nonsense of [
    'GET / HTTP/1.1\r\n\r\n',
    '\x05\0\0\0\x01\0\0\0\0',
    '\x08\0\0\0\x03\x01\0\0\0{{{',
    '\xff\xff\xff\xff',
  ]) {
    const socket = connect(join(path, 'log.sock'))
    const cut = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => undefined).resume()
    socket.write(Buffer.from(nonsense, 'latin1'))
    await cut
  }
  await log.append([record('after')])
  assert.equal(await count(log), 12)
  await log.close()
})

test('a foreign listener on a stale address does not hold the log up forever', { timeout }, async (t) => {
  const path = folder(t)
  await filled(path)
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => void server.listen(join(path, 'log.sock'), resolve))
  const log = sqliteLog({ path })
  const append = log.append([record('x')]).catch((error: unknown) => error)
  server.close()
  const result = await append
  assert.ok(!isFirebreakError(result), String(result))
  await log.close()
})

test('opening and closing many times, at once too, leaves one clean log', { timeout }, async (t) => {
  const path = folder(t)
  await filled(path, 0)
  let expected = 0
  for (let round = 0; round < 25; round++) {
    const logs = Array.from({ length: round % 5 === 4 ? 4 : 1 }, () => sqliteLog({ path }))
    await Promise.all(
      logs.map(async (log, i) => {
        await log.ensureTopics(orders)
        await log.append([record(`${round}-${i}`)])
        await log.close()
      }),
    )
    expected += logs.length
  }
  const log = sqliteLog({ path })
  await log.append([record('end')])
  assert.equal(await count(log), expected + 1)
  await log.close()
  for (const rest of ['log.sock', 'log.db-wal', 'log.db-shm']) assert.ok(!existsSync(join(path, rest)), rest)
})
