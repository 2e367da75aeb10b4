/**
 * Random records, as other programs write them, in virtual time: any key, any headers, any value. Each ends once, and takes
 * nobody along: the good records between them are done, in the order of their keys.
 */

import { event, handle, type Schema, service, topic } from 'firebreak'
import { createTestRuntime, type TestRuntime, type TestService } from 'firebreak/testing'
import { drawOddRecord } from '../src/testing/hostile/records.ts'
import { seededEntropy } from '../src/testing/virtual-time/seeded-entropy.ts'
import { heapMiB } from './heap.ts'

export interface RecordsOptions {
  readonly records: number
  readonly seed: number
  readonly onProgress?: (line: string) => void
}

export interface RecordsReport {
  readonly seed: number
  readonly records: number
  readonly halts: number
  /** Records that have not ended, or more than once. */
  readonly unsettled: number
  readonly done: number
  readonly duplicate: number
  readonly skipped: number
  readonly deadLettered: number
  /** Good records, and those of them that were not handled, or not in the order of their keys. */
  readonly neighbours: number
  readonly neighboursHarmed: number
  readonly ledgerImbalance: number
  /** MiB after a collection: once a tenth of the records has been handled, and in the end. */
  readonly heapEarlyMiB: number
  readonly heapLateMiB: number
}

interface Good {
  readonly id: string
  readonly n: number
}

const schema: Schema<Good> = {
  '~standard': { version: 1, vendor: 'records', validate: (value) => ({ value: value as Good }) },
}
// Kept for a minute of virtual time: what this run measures is what the runtime keeps.
const foreign = topic('records', { retentionMs: 60_000, partitions: 3 })
const Foreign = event({ type: 'record.good', topic: foreign, key: 'id', schema })
const name = 'records'
const retry = { attemptsMax: 2, baseMs: 10, capMs: 10, ageMaxMs: 1000, laneWaitMaxMs: 50 } as const
const batch = 500
const settleMs = 5000
const goodKeys = 31

/** Plays so many records, one in five of them good. */
export async function tryRecords({ records, seed, onProgress }: RecordsOptions): Promise<RecordsReport> {
  const counts = { done: 0, duplicate: 0, skipped: 0, deadLettered: 0, halts: 0 }
  const { random } = seededEntropy(seed)
  const neighbours = new Neighbours()
  const reading = service({
    name,
    unknownEvents: 'skip',
    handlers: [handle(Foreign, (record) => neighbours.handle(record), { retry, deadlineMs: 1000 })],
  })
  const app = await createTestRuntime({
    services: [reading],
    seed,
    expectDeadLetters: true,
    observe: ({ kind }) => {
      if (kind === 'done' || kind === 'duplicate' || kind === 'skipped') counts[kind]++
      if (kind === 'dead-lettered') counts.deadLettered++
      if (kind === 'halted') counts.halts++
    },
  })
  const one = app.service(reading)
  let ledgerImbalance = 0
  let heapEarlyMiB = 0
  for (let n = 0; n < records; n += batch) {
    const count = Math.min(batch, records - n)
    const sent = Array.from({ length: count }, () => {
      if (random() >= 0.2) return { topic: Foreign.topic, ...drawOddRecord(random, Foreign.type) }
      return neighbours.next()
    })
    await app.log.append(sent)
    await app.advance(settleMs)
    ledgerImbalance += (await one.ledger()).imbalance
    await forget(one)
    if (heapEarlyMiB === 0 && n >= records / 10) heapEarlyMiB = heapMiB()
    onProgress?.(
      `${n + count} records, ${counts.done} done, ${counts.deadLettered} dead letters, ${counts.halts} halts`,
    )
  }
  const heapLateMiB = heapMiB()
  await app.stop()
  const { halts, done, duplicate, skipped, deadLettered } = counts
  const unsettled = records - done - duplicate - skipped - deadLettered
  return {
    seed,
    records,
    ...{ halts, unsettled, done, duplicate, skipped, deadLettered },
    neighbours: neighbours.count,
    neighboursHarmed: neighbours.harmed,
    ledgerImbalance,
    heapEarlyMiB,
    heapLateMiB,
  }
}

/** The good records between the odd ones, and whether each was handled in the order of its key. */
class Neighbours {
  readonly #handled = new Map<string, number>()
  #outOfOrder = 0
  count = 0

  next(): Parameters<TestRuntime['log']['append']>[0][number] {
    const n = this.count++
    const id = `good-${n % goodKeys}`
    return {
      topic: Foreign.topic,
      key: id,
      value: Buffer.from(JSON.stringify({ id, n: Math.floor(n / goodKeys) })),
      headers: { ce_id: `g-${n}`, ce_type: Foreign.type, ce_source: '/records', ce_specversion: '1.0' },
    }
  }

  handle({ id, n }: Good): void {
    if (!Number.isSafeInteger(n) || !String(id).startsWith('good-')) return
    if (n !== (this.#handled.get(id) ?? -1) + 1) this.#outOfOrder++
    this.#handled.set(id, n)
  }

  /** Out of order, and never handled. */
  get harmed(): number {
    let harmed = this.#outOfOrder
    for (let key = 0; key < goodKeys; key++) {
      const expected = Math.ceil((this.count - key) / goodKeys)
      harmed += Math.abs(expected - 1 - (this.#handled.get(`good-${key}`) ?? -1))
    }
    return harmed
  }
}

/** What is decided would fill the memory that this run measures; its accounts go with it. */
async function forget({ database }: TestService): Promise<void> {
  await database.query('delete from fb_dead_letters')
  await database.query('update fb_partitions set done = done + dead, dead = 0')
  await database.query(
    `update fb_meta set value = (select sum(done) from fb_partitions) where name = 'inbox-forgotten'`,
  )
  await database.query('delete from fb_inbox')
}
