import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { z } from 'zod'
import { sleep } from '../../src/contracts/clock.ts'
import type { Database } from '../../src/contracts/database.ts'
import { FirebreakError, permanent } from '../../src/contracts/errors.ts'
import type { AnyEvent } from '../../src/contracts/event.ts'
import type { Log, LogEntry, LogRecord } from '../../src/contracts/log.ts'
import { event } from '../../src/define/event.ts'
import { type HandlerOptions, handle } from '../../src/define/handle.ts'
import { type ServiceDefinition, service } from '../../src/define/service.ts'
import { type LedgerReport, verifyLedger } from '../../src/ledger/verify/verify.ts'
import { systemClock } from '../../src/node/clock.ts'
import { createRuntime, type Runtime } from '../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../src/sqlite/database/sqlite-database.ts'
import { sqliteLog } from '../../src/sqlite/sqlite-log.ts'
import { mortalLog, noKafka, unique } from './kafka/scene.ts'
import { needsPostgres, PostgresScene } from './postgres/scene.ts'
import { skipReason } from './servers.ts'

/**
 * One workload on every pair of engines: what it leaves behind must be the same. Keys that work, keys that fail twice, keys
 * that fail for good, keys that are parked, copies of events, bytes that are no event, and an event that nobody handles.
 */
const missing = noKafka !== false || needsPostgres !== false
const folder = mkdtempSync(join(tmpdir(), 'firebreak-differential-'))
let postgres: PostgresScene

before(async () => {
  if (!missing) postgres = await PostgresScene.start()
})
after(async () => {
  if (!missing) await postgres.end()
  rmSync(folder, { recursive: true })
})

const placed = z.object({ id: z.string(), n: z.number() })
type Placed = z.infer<typeof placed>

interface Arm {
  readonly log: Log
  database(name: string): Promise<Database>
}

const inFile = (name: string): Database => sqliteDatabase({ path: join(folder, `${unique(name)}.db`) })
const onServer = async (name: string): Promise<Database> => {
  const own = unique(name).replaceAll('-', '_')
  await postgres.rows(`create schema ${own}`)
  return postgres.open({ searchPath: [own], schema: `${own}_ledger` })
}
const embedded = (): Log => sqliteLog({ path: join(folder, unique('log')) })

const arms: Readonly<Record<string, () => Arm>> = {
  'embedded + SQLite': () => ({ log: embedded(), database: async (name) => inFile(name) }),
  'embedded + PostgreSQL': () => ({ log: embedded(), database: onServer }),
  'Kafka + SQLite': () => ({ log: mortalLog().log, database: async (name) => inFile(name) }),
  'Kafka + PostgreSQL': () => ({ log: mortalLog().log, database: onServer }),
}

const retry: NonNullable<HandlerOptions['retry']> = {
  attemptsMax: 4,
  baseMs: 5,
  capMs: 5,
  jitter: 'none',
  laneWaitMaxMs: 1000,
}
// Every wait is longer than a lane waits: the second failure of a key is a parked one.
const parking: NonNullable<HandlerOptions['retry']> = { ...retry, laneWaitMaxMs: 1 }

interface System {
  readonly tag: string
  readonly orders: ServiceDefinition
  readonly billing: ServiceDefinition
  readonly Placed: AnyEvent
}

function systemOf(tag: string): System {
  const Placed = event({ type: 'order.placed', topic: `${tag}.orders`, key: 'id', schema: placed })
  const Accepted = event({ type: 'order.accepted', topic: `${tag}.accepted`, key: 'id', schema: placed })
  const attempts = new Map<string, number>()
  const failing = (it: Placed, times: number): boolean => {
    const id = `${it.id}:${it.n}`
    const before = attempts.get(id) ?? 0
    attempts.set(id, before + 1)
    return before < times
  }
  const orders = service({
    name: `${tag}-orders`,
    publishes: [Accepted],
    handlers: [
      handle(
        Placed,
        async (it, ctx) => {
          if (it.id.startsWith('never') && it.n % 2 === 0) throw permanent('no such customer')
          if (it.id.startsWith('nul')) throw permanent(`no \0 here`)
          if (it.id.startsWith('twice') && failing(it, 2)) throw new Error('not yet')
          if (it.id.startsWith('exhausts') && it.n === 3) throw new Error('never works')
          await ctx.transaction(async (db) => {
            await db.query('INSERT INTO accepted (id, n) VALUES ($1, $2)', [it.id, it.n])
            ctx.publish(Accepted, { id: it.id, n: it.n * 10 })
          })
        },
        { retry },
      ),
    ],
  })
  const billing = service({
    name: `${tag}-billing`,
    handlers: [
      handle(
        Accepted,
        async (it, ctx) => {
          if (it.id.startsWith('late') && failing(it, 1)) throw new Error('parked')
          await ctx.transaction(async (db) => {
            const [row] = await db.query<{ total: number }>('SELECT total FROM bills WHERE id = $1', [it.id])
            const total = Number(row?.total ?? 0) * 2 + it.n
            await db.query(
              'INSERT INTO bills (id, total) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET total = excluded.total',
              [it.id, total],
            )
          })
        },
        { retry: parking },
      ),
    ],
  })
  return { tag, orders, billing, Placed }
}

const keys = [
  'plain-a',
  'plain-b',
  'plain-ü',
  'never-a',
  'twice-a',
  'twice-b',
  'exhausts-a',
  'late-a',
  'late-b',
  'nul-\0',
]
const perKey = 6

function workload({ tag }: System): readonly LogRecord[] {
  const topic = `${tag}.orders`
  const headers = (id: string, type = 'order.placed'): Record<string, string> => ({
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: '/differential',
    ce_type: type,
    ce_schemaversion: '1',
    ce_correlationid: id,
  })
  const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
  const records = Array.from({ length: perKey }, (_, n) =>
    keys.map((id) => ({ topic, key: id, value: bytes({ id, n }), headers: headers(`${id}/${n}`) })),
  ).flat()
  const copies = records.filter((_, i) => i % 5 === 0)
  const odd: LogRecord[] = [
    { topic, key: 'plain-a', value: new Uint8Array([123, 34]), headers: headers('cut-off') },
    { topic, key: 'plain-b', value: bytes({ id: 'plain-b' }), headers: headers('no-number') },
    { topic, key: null, value: bytes({}), headers: headers('other', 'order.unknown') },
    { topic, key: 'plain-a', value: null, headers: {} },
  ]
  return [...records.slice(0, 20), ...odd, ...records.slice(20), ...copies]
}

/** What a run leaves behind, without what may differ: generated ids, times, names of its own, places in the log. */
async function play(arm: Arm): Promise<unknown> {
  const system = systemOf(unique('diff'))
  const { log } = arm
  const databases = { orders: await arm.database('orders'), billing: await arm.database('billing') }
  await databases.orders.query('CREATE TABLE accepted (id TEXT NOT NULL, n BIGINT NOT NULL)')
  await databases.billing.query('CREATE TABLE bills (id TEXT PRIMARY KEY, total BIGINT NOT NULL)')
  const runtimes = (['orders', 'billing'] as const).map((name) =>
    createRuntime({ service: system[name], log, database: databases[name], observe: false }),
  )
  try {
    for (const runtime of runtimes) await runtime.start()
    await log.append(workload(system))
    const ledgers = await settled(log, system, databases)
    return {
      accepted: await tableOf(databases.orders, 'SELECT id, n FROM accepted'),
      bills: await tableOf(databases.billing, 'SELECT id, total FROM bills'),
      ledgers,
      letters: await lettersOf(runtimes),
      published: await publishedIn(log, `${system.tag}.accepted`),
    }
  } finally {
    await Promise.all(runtimes.map((runtime) => runtime.stop()))
    await log.close()
    await Promise.all(Object.values(databases).map((database) => database.close()))
  }
}

// As text and sorted here: engines sort by languages of their own.
async function tableOf(database: Database, sql: string): Promise<readonly string[]> {
  return (await database.query(sql)).map((row) => JSON.stringify(row)).sort()
}

type Ledgers = Readonly<Record<string, Readonly<Record<string, number>>>>

async function settled(log: Log, system: System, databases: Readonly<Record<string, Database>>): Promise<Ledgers> {
  const clock = systemClock
  const endMs = clock.now() + 60_000
  for (;;) {
    const topics = await log.inspect().topics([`${system.tag}.orders`, `${system.tag}.accepted`])
    const reports = await Promise.all(
      Object.entries(databases).map(async ([name, database]): Promise<[string, LedgerReport]> => {
        return [name, await verifyLedger(database)]
      }),
    )
    const isDone = reports.every(([name, report]) => {
      const topic = topics.find((one) => one.name === `${system.tag}.${name === 'orders' ? 'orders' : 'accepted'}`)
      const end = topic?.ends.reduce((sum, { next }) => sum + next, 0) ?? -1
      const sum = sums(report)
      return report.outbox === 0 && sum['parked'] === 0 && sum['consumed'] === end
    })
    if (isDone && reports.every(([, { ok }]) => ok))
      return Object.fromEntries(reports.map(([name, r]) => [name, sums(r)]))
    if (clock.now() >= endMs) assert.fail(`not done within a minute: ${JSON.stringify(reports)}`)
    await sleep(clock, 50)
  }
}

function sums({ partitions, marks }: LedgerReport): Readonly<Record<string, number>> {
  const accounts = ['consumed', 'done', 'duplicate', 'skipped', 'parked', 'dead', 'discarded'] as const
  const total = (name: (typeof accounts)[number]): number => partitions.reduce((sum, one) => sum + one[name], 0)
  return { ...Object.fromEntries(accounts.map((name) => [name, total(name)])), marks }
}

async function lettersOf(runtimes: readonly Runtime[]): Promise<unknown> {
  const all = await Promise.all(runtimes.map((runtime) => runtime.deadLetters.list({ max: 1000 })))
  return all
    .flat()
    .map(({ entry, reason, eventId, errorClass, message, attempts }) => {
      const value = entry.value === null ? null : Buffer.from(entry.value).toString()
      return { key: entry.key, value, reason, eventId, errorClass, message, attempts: attempts.length }
    })
    .sort((a, b) => (`${a.eventId}` < `${b.eventId}` ? -1 : 1))
}

async function publishedIn(log: Log, topic: string): Promise<readonly string[]> {
  const inspection = log.inspect()
  const [info] = await inspection.topics([topic])
  if (info === undefined) throw new FirebreakError('FB_TOPIC_UNKNOWN', { topic })
  const entries: LogEntry[] = []
  for (const { partition, first, next } of info.ends) {
    for (let offset = first; offset < next; ) {
      const page = await inspection.read({ topic, partition, offset }, 500)
      entries.push(...page)
      offset = (page.at(-1)?.offset ?? next) + 1
    }
  }
  // Per key in order: the bills depend on it as well.
  const byKey = Map.groupBy(entries, ({ key, partition }) => `${key} in ${partition}`)
  const textOf = ({ value, headers }: LogEntry): string =>
    `${headers['ce_type']} ${Buffer.from(value ?? []).toString()}`
  return [...byKey].map(([key, list]) => `${key}: ${list.map(textOf).join(' ')}`).sort()
}

test('one workload leaves the same behind on every pair of engines', {
  skip: missing && skipReason.both,
  timeout: 240_000,
}, async () => {
  const [[first, reference], ...rest] = Object.entries(arms) as [[string, () => Arm], ...[string, () => Arm][]]
  const expected = (await play(reference())) as { accepted: unknown[]; ledgers: Ledgers; letters: unknown[] }
  // The workload does what it is there for.
  assert.equal(expected.accepted.length, (keys.length - 1) * perKey - 3 - 1)
  assert.equal(expected.letters.length, 3 + 1 + 3 + perKey)
  assert.ok((expected.ledgers['orders']?.['duplicate'] ?? 0) >= 9)
  assert.equal(expected.ledgers['orders']?.['skipped'], 1)
  for (const [name, arm] of rest) assert.deepEqual(await play(arm()), expected, `${name} differs from ${first}`)
})
