import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { sqliteLog } from '../../../src/sqlite/sqlite-log.ts'
import { acked, type Child, folder, longestStall, startChild } from './log-processes.ts'

const timeout = 60_000

async function stored(path: string): Promise<string[]> {
  const inspection = sqliteLog({ path }).inspect()
  const values: string[] = []
  for (const topic of await inspection.topics()) {
    for (const { partition, first } of topic.ends) {
      const entries = await inspection.read({ topic: topic.name, partition, offset: first }, 1_000_000)
      assert.deepEqual(
        entries.map(({ offset }) => offset),
        entries.map((_, i) => i),
        'offsets have no gaps',
      )
      values.push(...entries.map(({ value }) => Buffer.from(value!).toString()))
    }
  }
  return values
}

async function withTopic(path: string): Promise<void> {
  const log = sqliteLog({ path })
  await log.ensureTopics([{ name: 'orders' }])
  await log.close()
}

const ownerPid = (path: string): number => {
  const db = new DatabaseSync(join(path, 'log.db'), { readOnly: true })
  const row = db.prepare(`SELECT value FROM meta WHERE key = 'owner_pid'`).get()
  db.close()
  return Number(row?.['value'])
}

async function ackedOver(child: Child, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await child.next('acked')
}

test('processes share one log without configuration', { timeout }, async (t) => {
  const path = folder(t)
  await withTopic(path)
  const [a, b] = await Promise.all([startChild(t, path), startChild(t, path)])
  await Promise.all([
    a.ask({ do: 'append', values: ['a1', 'a2'] }, 'appended'),
    b.ask({ do: 'append', values: ['b1', 'b2'] }, 'appended'),
  ])
  assert.deepEqual((await stored(path)).sort(), ['a1', 'a2', 'b1', 'b2'])
  await Promise.all([a.ask({ do: 'close' }, 'closed'), b.ask({ do: 'close' }, 'closed')])
})

test('killing the owner under load loses and doubles nothing, and the others go on', { timeout }, async (t) => {
  const path = folder(t)
  await withTopic(path)
  const children = await Promise.all(['a', 'b', 'c'].map(() => startChild(t, path)))
  for (const [i, child] of children.entries()) child.send({ do: 'flood', prefix: `${'abc'[i]}-` })
  await Promise.all(children.map((child) => ackedOver(child, 200)))
  const owners: number[] = []
  const alive = new Set(children)
  while (alive.size > 1) {
    const owner = [...alive].find(({ process }) => process.pid === ownerPid(path))
    assert.ok(owner, 'one of the living owns the log')
    owners.push(owner.process.pid!)
    alive.delete(owner)
    const killedAt = performance.now()
    await owner.kill()
    const before = [...alive].map((child) => acked(child).length)
    await Promise.all([...alive].map((child, i) => child.next('acked', () => acked(child).length > before[i]! + 200)))
    for (const child of alive) t.diagnostic(`a survivor stalled for ${longestStall(child, killedAt).toFixed(0)} ms`)
  }
  assert.equal(new Set(owners).size, 2)
  for (const child of alive) await child.ask({ do: 'close' }, 'closed')
  const values = await stored(path)
  const unique = new Set(values)
  assert.equal(unique.size, values.length, 'no record is stored twice')
  const lost = children.flatMap(acked).filter((value) => !unique.has(value))
  assert.deepEqual(lost, [], 'no acknowledged record is lost')
})

test('an owner that is busy computing stalls nobody', { timeout }, async (t) => {
  const path = folder(t)
  await withTopic(path)
  const owner = await startChild(t, path)
  await owner.ask({ do: 'append', values: ['first'] }, 'appended')
  const other = await startChild(t, path)
  await owner.ask({ do: 'block', ms: 1500 }, 'blocking')
  await other.ask({ do: 'append', values: ['second'] }, 'appended')
  assert.ok(!owner.heard.some((news) => 'unblocked' in news), 'answered while the owner was still blocked')
  await owner.next('unblocked')
})

test('partitions of a killed member move to the others, who start where it had committed', { timeout }, async (t) => {
  const path = folder(t)
  await withTopic(path)
  const [a, b] = [await startChild(t, path), await startChild(t, path)]
  for (const child of [a, b]) {
    await child.ask({ do: 'open', group: 'g' }, 'opened')
    child.send({ do: 'consume' })
  }
  const three = (partitions: number[]): boolean => partitions.length === 3
  const [ofA, ofB] = await Promise.all([a.next<number[]>('assignment', three), b.next<number[]>('assignment', three)])
  assert.deepEqual([...ofA, ...ofB].sort(), [0, 1, 2, 3, 4, 5])
  const killedAt = performance.now()
  await a.kill()
  await b.next<number[]>('assignment', (partitions) => partitions.length === 6)
  t.diagnostic(`moved after ${(performance.now() - killedAt).toFixed(0)} ms`)
})

test('a takeover while polls wait moves no partition and wakes them for what comes after', { timeout }, async (t) => {
  const path = folder(t)
  await withTopic(path)
  const owner = await startChild(t, path)
  await owner.ask({ do: 'append', values: ['x'] }, 'appended')
  const [a, b] = [await startChild(t, path), await startChild(t, path)]
  for (const child of [a, b]) {
    await child.ask({ do: 'open', group: 'g' }, 'opened')
    child.send({ do: 'consume' })
  }
  const three = (partitions: number[]): boolean => partitions.length === 3
  await Promise.all([a.next<number[]>('assignment', three), b.next<number[]>('assignment', three)])
  await owner.kill()
  const values = Array.from({ length: 30 }, (_, i) => `after-${i}`)
  const [writer, heardA, heardB] = [await startChild(t, path), a.heard.length, b.heard.length]
  await writer.ask({ do: 'append', values }, 'appended')
  const got = new Set<string>()
  const collect = async (child: Child): Promise<void> => {
    while (got.size < values.length)
      for (const value of await child.next<string[]>('consumed')) if (value !== 'x') got.add(value)
  }
  await Promise.race([collect(a), collect(b)])
  const moves = [...a.heard.slice(heardA), ...b.heard.slice(heardB)].filter((news) => 'assignment' in news)
  assert.deepEqual(moves, [])
})

test('a process exits by itself after close', { timeout }, async (t) => {
  const path = folder(t)
  await withTopic(path)
  const child = await startChild(t, path)
  await child.ask({ do: 'open' }, 'opened')
  const exit = new Promise((resolve) => child.process.once('exit', (code, signal) => resolve({ code, signal })))
  child.send({ do: 'close' })
  assert.deepEqual(await exit, { code: 0, signal: null })
})
