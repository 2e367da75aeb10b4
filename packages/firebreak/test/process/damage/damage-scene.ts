/** A log and a ledger with something of everything, and all that can be read of them. */

import { join } from 'node:path'
import { z } from 'zod'
import { permanent } from '../../../src/contracts/errors.ts'
import type { LogRecord } from '../../../src/contracts/log.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { topic } from '../../../src/define/topic.ts'
import { listLetters } from '../../../src/ledger/letters.ts'
import { addToOutbox, outboxShards, readOutbox } from '../../../src/ledger/outbox.ts'
import { readLane, readLanes } from '../../../src/ledger/parked.ts'
import { openLedger } from '../../../src/ledger/schema.ts'
import { verifyLedger } from '../../../src/ledger/verify/verify.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { sqliteLog } from '../../../src/sqlite/sqlite-log.ts'
import { exactOf } from '../../../src/testing/conformance/exact-record.ts'

const Seen = event({
  type: 'thing.seen',
  topic: topic('things', { partitions: 3 }),
  key: 'id',
  schema: z.object({ id: z.string(), n: z.number() }),
})
const name = 'keeper'
const records = 150

const keeper = service({
  name,
  handlers: [
    handle(
      Seen,
      ({ n }) => {
        if (n % 10 === 1) throw permanent(`never, says ${'the dependency '.repeat(n % 5)}`)
        if (n % 10 === 2) throw new Error('later')
      },
      { retry: { attemptsMax: 9, baseMs: 3_600_000, capMs: 3_600_000, laneWaitMaxMs: 1, jitter: 'none' } },
    ),
  ],
})

const recordOf = (n: number): LogRecord => ({
  topic: 'things',
  key: `k${n % 30}`,
  value: Buffer.from(JSON.stringify({ id: `k${n % 30}`, n, text: 'x'.repeat((n * 37) % 900) })),
  headers: { ce_id: `id-${n}`, ce_type: Seen.type, ce_source: '/damage', ce_specversion: '1.0', n: String(n) },
  ...(n % 25 === 0 && { original: { key: Uint8Array.of(255, n) } }),
})

const logOf = (folder: string) => sqliteLog({ path: join(folder, 'log') })
const ledgerOf = (folder: string) => sqliteDatabase({ path: join(folder, 'one.db') })

/**
 * Fills a folder. Resolves while log and database are open, so that the write-ahead logs are there, as a process that is killed
 * leaves them; `close` closes them.
 */
export async function fill(folder: string): Promise<{ close(): Promise<void> }> {
  const [log, database] = [logOf(folder), ledgerOf(folder)]
  await log.ensureTopics([
    { name: 'things', partitions: 3 },
    { name: 'kept', partitions: 1, retentionMs: 9e12 },
  ])
  let settled = 0
  const runtime = createRuntime({
    service: keeper,
    log,
    database,
    observe: ({ kind }) => {
      if (kind === 'done' || kind === 'parked' || kind === 'dead-lettered') settled++
    },
  })
  await runtime.start()
  for (let n = 0; n < records; n++) await log.append([recordOf(n)])
  while (settled < records) await new Promise(setImmediate)
  await runtime.stop()
  const waiting = Array.from({ length: 20 }, (_, n) => ({ ...recordOf(n), topic: 'kept' }))
  await database.commit([(sql) => addToOutbox(sql, waiting, 5)])
  return {
    async close() {
      await log.close()
      await database.close()
    },
  }
}

/** All that a reader of the log can be told. */
export async function readLog(folder: string): Promise<unknown> {
  const log = logOf(folder)
  try {
    // As a service starts: the owner opens the file.
    await log.ensureTopics([
      { name: 'things', partitions: 3 },
      { name: 'kept', partitions: 1 },
    ])
    const inspection = log.inspect()
    const topics = await inspection.topics()
    const entries: unknown[] = []
    for (const { name: topic, ends } of topics)
      for (const { partition, first, next } of ends)
        for (let offset = first; offset < next; ) {
          const page = await inspection.read({ topic, partition, offset }, 40)
          if (page.length === 0) break
          offset = (page.at(-1)?.offset ?? offset) + 1
          for (const entry of page) entries.push([topic, partition, entry.offset, entry.atMs, exactOf(entry)])
        }
    return { topics, entries, groups: await inspection.groups(), committed: await inspection.committed(name) }
  } finally {
    await log.close()
  }
}

export interface Ledger {
  readonly told: string
  readonly outbox: string
}

/** All that a service or a person can be told of a ledger. */
export async function readLedger(folder: string): Promise<Ledger> {
  const [database, log] = [ledgerOf(folder), logOf(folder)]
  try {
    await openLedger(database, name, 5)
    const exact = <R extends { readonly entry: Omit<LogRecord, 'topic'> }>({ entry, ...row }: R) => ({
      ...row,
      entry: { ...entry, ...exactOf(entry) },
    })
    const letters = (await listLetters(database, { max: 1000 })).map(exact)
    const outbox = await Promise.all(
      Array.from({ length: outboxShards }, (_, shard) => readOutbox(database, shard, 0, 99)),
    )
    const parked: unknown[] = []
    for (let partition = 0; partition < 3; partition++) {
      const at = { topic: 'things', partition }
      for (const { lane } of await readLanes(database, at))
        parked.push((await readLane(database, at, lane, 99)).map(exact))
    }
    const report = await verifyLedger(database, { inspection: log.inspect(), group: name })
    if (!report.ok) throw new DamageFound(report.problems)
    return {
      told: JSON.stringify({ letters, parked, partitions: report.partitions }),
      outbox: JSON.stringify(outbox.flat().map(({ record, ...row }) => [row, exactOf(record)])),
    }
  } finally {
    await database.close()
    await log.close()
  }
}

/** `firebreak verify` says what is wrong, and exits with 1. */
export class DamageFound extends Error {
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
  }
}
