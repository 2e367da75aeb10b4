/**
 * Random values in virtual time: thrown, returned, bound to SQL, and made by schemas, one a record. What halts, stays or grows is
 * a fault, and so is an event that is read as something else than was published.
 */

import { type Context, event, handle, type Schema, service, topic } from 'firebreak'
import { createTestRuntime, type TestRuntime } from 'firebreak/testing'
import { drawOddValue } from '../src/testing/hostile/values.ts'
import { seededEntropy } from '../src/testing/virtual-time/seeded-entropy.ts'
import { heapMiB } from './heap.ts'
import { type Said, SchemaValues } from './schema-values.ts'

export interface ValuesOptions {
  readonly values: number
  readonly seed: number
  readonly onProgress?: (line: string) => void
}

export interface ValuesReport {
  readonly seed: number
  readonly values: number
  readonly thrown: number
  readonly returned: number
  readonly bound: number
  /** Results that the schema of a reader returned, none of them a value for sure. */
  readonly judged: number
  /** Values that the schema of a published event made, and those of them that could be published. */
  readonly made: number
  readonly published: number
  /** Published and not read as the same, or not read. */
  readonly misread: number
  readonly halts: number
  /** Records that are neither done nor a dead letter. */
  readonly unsettled: number
  readonly done: number
  readonly deadLettered: number
  /** MiB after a collection: once a tenth of the values has been handled, and in the end. */
  readonly heapEarlyMiB: number
  readonly heapLateMiB: number
}

interface Try {
  readonly id: string
  readonly n: number
}

// Kept for a minute of virtual time: what this run measures is what the runtime keeps.
const topicOfValues = topic('values', { retentionMs: 60_000 })
const tried = { type: 'value.tried', topic: topicOfValues, key: 'id' } as const
const name = 'values'
const reader = 'reader'
const retry = { attemptsMax: 2, baseMs: 10, capMs: 10, ageMaxMs: 1000, laneWaitMaxMs: 50 } as const
const batch = 500
const settleMs = 5000

/** Tries so many values, each in a record of its own. Bounded: nothing of a record stays but its rows, and they are removed. */
export async function tryValues({ values, seed, onProgress }: ValuesOptions): Promise<ValuesReport> {
  const counts = { thrown: 0, returned: 0, bound: 0, done: 0, deadLettered: 0, halts: 0 }
  const entropy = seededEntropy(seed)
  const schemas = new SchemaValues(entropy.random)
  const Tried = event({ ...tried, schema: schemas.judging as Schema<Try> })
  const handler = ({ n }: Try, ctx: Context): unknown =>
    n % 4 === 0 ? schemas.publish(n, ctx) : tryOne(entropy.random, ctx, counts)
  const options = { retry, deadlineMs: 1000 } as const
  const trying = service({ name, publishes: [schemas.Said], handlers: [handle(Tried, handler as never, options)] })
  const reading = service({ name: reader, handlers: [handle(schemas.Said, (said: Said) => schemas.read(said))] })
  const app = await createTestRuntime({
    services: [trying, reading],
    seed,
    expectDeadLetters: true,
    prepare: (database) => database.query('create table bound (a text, b text)'),
    observe: ({ kind }, service) => {
      if (kind === 'halted') counts.halts++
      if (service === reader) return
      if (kind === 'done') counts.done++
      if (kind === 'dead-lettered') counts.deadLettered++
    },
  })
  let heapEarlyMiB = 0
  for (let n = 0; n < values; n += batch) {
    await feed(app, n, Math.min(batch, values - n))
    if (heapEarlyMiB === 0 && n >= values / 10) heapEarlyMiB = heapMiB()
    onProgress?.(`${n + batch} values, ${counts.done} done, ${counts.deadLettered} dead letters, ${counts.halts} halts`)
  }
  const heapLateMiB = heapMiB()
  await app.stop()
  const { halts, done, deadLettered, ...ways } = counts
  const { judged, made, published, misread } = schemas.counts()
  const unsettled = values - done - deadLettered
  return {
    seed,
    values,
    ...ways,
    judged,
    made,
    published,
    misread,
    halts,
    unsettled,
    done,
    deadLettered,
    heapEarlyMiB,
    heapLateMiB,
  }
}

/** One value goes one way: thrown, returned or bound. */
function tryOne(random: () => number, ctx: Context, counts: Record<'thrown' | 'returned' | 'bound', number>): unknown {
  const { value } = drawOddValue(random)
  const way = random()
  if (way < 0.4) {
    counts.thrown++
    throw value
  }
  if (way < 0.6) {
    counts.returned++
    return value
  }
  counts.bound++
  return ctx.transaction(async (sql) => void (await sql.query(...statement(value, way))))
}

type Statement = readonly [text: string, values: never]

/** At the first place, behind another value, or instead of the list. */
function statement(value: unknown, way: number): Statement {
  const text = 'insert into bound (a, b) values ($1, $2)'
  if (way < 0.75) return [text, [value, 'b'] as never]
  if (way < 0.95) return [text, ['a', value] as never]
  return [text, value as never]
}

async function feed(app: TestRuntime, from: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) void app.log.append([recordOf(from + i)])
  await app.advance(settleMs)
  // What is decided would fill the memory that this run measures.
  const [tries, reads] = app.services
  for (const table of ['fb_dead_letters', 'fb_inbox', 'bound']) await tries?.database.query(`delete from ${table}`)
  await reads?.database.query('delete from fb_inbox')
}

function recordOf(n: number): Parameters<TestRuntime['log']['append']>[0][number] {
  return {
    topic: topicOfValues.name,
    key: `k${n % 97}`,
    value: Buffer.from(JSON.stringify({ id: `k${n % 97}`, n })),
    headers: { ce_id: `v-${n}`, ce_type: tried.type, ce_source: '/values', ce_specversion: '1.0' },
  }
}
