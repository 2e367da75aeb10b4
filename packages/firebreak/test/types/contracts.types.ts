import { z } from 'zod'
import type { Context } from '../../src/contracts/context.ts'
import type { Database, SqlRow } from '../../src/contracts/database.ts'
import type { Payload, PayloadInput, Publish } from '../../src/contracts/event.ts'
import type { Transaction } from '../../src/contracts/transaction.ts'
import { event } from '../../src/define/event.ts'
import { handle } from '../../src/define/handle.ts'
import { job } from '../../src/define/job.ts'
import { schedule } from '../../src/define/schedule.ts'
import { topic } from '../../src/define/topic.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import type { TestRuntime } from '../../src/testing/test-runtime.ts'

// Checked by tsc, never run: every `@ts-expect-error` is a program that must not compile.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <T extends true>(_proof?: T): void => {}

const schema: z.ZodObject<{
  truckId: z.ZodString
  km: z.ZodNumber
  at: z.ZodCodec<z.ZodString, z.ZodBigInt>
}> = z.object({
  truckId: z.string(),
  km: z.number(),
  at: z.codec(z.string(), z.bigint(), { decode: (text) => BigInt(text), encode: (n) => String(n) }),
})
const Moved = event({ type: 'truck.moved', topic: 'truck.events', key: 'truckId', schema })

event({
  type: 'truck.moved',
  topic: 'truck.events',
  // @ts-expect-error a key that the payload does not have
  key: 'lorryId',
  schema,
})
event({
  type: 'truck.moved',
  topic: 'truck.events',
  // @ts-expect-error a key whose value is a number
  key: 'km',
  schema,
})
event({
  type: 'truck.moved',
  topic: 'truck.events',
  // @ts-expect-error a key whose value is text only on the wire
  key: 'at',
  schema,
})

holds<Same<PayloadInput<typeof Moved>['at'], string>>()
holds<Same<Payload<typeof Moved>['at'], bigint>>()

handle(Moved, async (payload, ctx) => {
  holds<Same<typeof payload.km, number>>()
  holds<Same<typeof payload.at, bigint>>()
  holds<Same<typeof ctx, Context>>()
  // @ts-expect-error a field that the payload does not have
  payload.miles
  const rows = await ctx.transaction(async (tx) => tx.query<{ n: number }>('select 1 as n'))
  holds<Same<typeof rows, readonly { n: number }[]>>()
  const read = await ctx.query<{ n: number }>('select 1 as n')
  holds<Same<typeof read, readonly { n: number }[]>>()
})

// One body serves a handler and what is outside of it.
void ((ctx: Context, runtime: Runtime, database: Database): void => {
  const body = async (tx: Transaction): Promise<number> => {
    tx.publish(Moved, { truckId: 't', km: 1, at: '1' })
    // @ts-expect-error a payload that lacks a field
    tx.publish(Moved, { truckId: 't', km: 1 })
    return tx.batch('insert into trucks values ($1)', [['t']])
  }
  void ctx.transaction(body)
  void runtime.transaction(body)
  // @ts-expect-error a database alone publishes nothing
  void database.transaction(body)
})

void ((ctx: Context, publish: Publish, app: TestRuntime): void => {
  ctx.publish(Moved, { truckId: 't', km: 1, at: '1' })
  // @ts-expect-error a payload that lacks a field
  ctx.publish(Moved, { truckId: 't', km: 1 })
  // @ts-expect-error a payload with a field of the wrong type
  ctx.publish(Moved, { truckId: 't', km: '1', at: '1' })
  // @ts-expect-error a payload with a field too many
  publish(Moved, { truckId: 't', km: 1, at: '1', lorry: true })
  // @ts-expect-error what a handler receives is not what a publisher passes
  void app.publish(Moved, { truckId: 't', km: 1, at: 0n })
  void app.published(Moved).then(([first]) => {
    holds<Same<NonNullable<typeof first>['payload'], Payload<typeof Moved>>>()
  })
})

const Forgotten = event({
  type: 'truck.forgotten',
  topic: 'truck.events',
  key: 'truckId',
  schema: z.object({ truckId: z.string() }),
  tombstone: true,
})
holds<Same<Payload<typeof Forgotten>, { truckId: string } | null>>()
holds<Same<PayloadInput<typeof Forgotten>, { truckId: string }>>()

handle(Forgotten, (payload) => {
  holds<Same<typeof payload, { truckId: string } | null>>()
  // @ts-expect-error there may be no payload
  payload.truckId
})
// @ts-expect-error a handler that takes no null
handle(Forgotten, (_: { truckId: string }) => {})

void ((ctx: Context, publish: Publish, app: TestRuntime, runtime: Runtime): void => {
  ctx.publish(Forgotten, { truckId: 't' })
  ctx.publish(Forgotten, null, { key: 't' })
  publish(Forgotten, null, { key: 't' })
  void app.publish(Forgotten, null, { key: 't' })
  void runtime.publish(Forgotten, null, { key: 't', correlationId: 'c' })
  // @ts-expect-error null without its key
  ctx.publish(Forgotten, null)
  // @ts-expect-error null without its key
  void runtime.publish(Forgotten, null, { correlationId: 'c' })
  // @ts-expect-error a key that is no text
  publish(Forgotten, null, { key: 7 })
  // @ts-expect-error an event that declares no tombstones
  ctx.publish(Moved, null, { key: 't' })
  void app.published(Forgotten).then(([first]) => {
    holds<Same<NonNullable<typeof first>['payload'], { truckId: string } | null>>()
  })
})

handle(Moved, {
  deadlineMs: 5,
  run: async (payload, ctx) => {
    holds<Same<typeof payload.km, number>>()
    holds<Same<typeof ctx, Context>>()
    // @ts-expect-error a field that the payload does not have
    payload.miles
  },
})
// @ts-expect-error options without a function
handle(Moved, { deadlineMs: 5 })
// @ts-expect-error a retry policy with an unknown field
handle(Moved, { retry: { attempts: 3 }, run: () => {} })
void (async (runtime: Runtime, database: Database): Promise<void> => {
  const end = runtime.on('failed', (fact) => {
    holds<Same<typeof fact.error, Error>>()
    holds<Same<typeof fact.attempt, number>>()
    // @ts-expect-error a field of another kind
    fact.letterId
  })
  holds<Same<typeof end, () => void>>()
  runtime.on('done', ({ kind }) => holds<Same<typeof kind, 'done'>>())
  // @ts-expect-error a kind that no fact has
  runtime.on('finished', () => {})
  holds<Same<ReturnType<Runtime['health']>['reasons'], readonly string[]>>()
  await using closing = database
  void closing
})

// Topics are defined or named.
event({ type: 'truck.moved', topic: topic('truck.events', { partitions: 12 }), key: 'truckId', schema })
// @ts-expect-error settings beside the topic
event({ type: 'truck.moved', topic: 'truck.events', key: 'truckId', schema, channel: { partitions: 12 } })
// @ts-expect-error a setting that no topic has
topic('truck.events', { partition: 12 })

void ((app: TestRuntime): void => {
  // @ts-expect-error a service by its name
  app.service('billing')
})

// @ts-expect-error a retry policy with an unknown field
handle(Moved, () => {}, { retry: { attempts: 3 } })
// @ts-expect-error an outcome that does not exist
handle(Moved, () => {}, { onExhausted: 'drop' })

const database: Database = {} as Database
void database.query('select $1', [true, {} as Date, 1n, null, new Uint8Array()])
// @ts-expect-error undefined is no value of a statement
void database.query('select $1', [undefined])
// @ts-expect-error an object is no value of a statement
void database.query('select $1', [{ a: 1 }])
// @ts-expect-error values by name
void database.query('select $1', { $1: 1 })
holds<Same<SqlRow[string], string | number | bigint | Uint8Array | null>>()

// A schedule names a job and what that takes.
const Count = job({ type: 'trucks.count', schema: z.object({ until: z.string() }) })
const Clean = job({ type: 'trucks.clean', schema: z.object({ before: z.number() }) })
const monthly = { cron: '0 2 1 * *', zone: 'Europe/Amsterdam' }
schedule('count', { ...monthly, enqueue: ({ local }) => [Count, { until: local }] })
schedule('clean', { ...monthly, enqueue: ({ atMs }) => (atMs > 0 ? [Clean, { before: atMs }] : null) })
// @ts-expect-error without a zone
schedule('count', { cron: '0 2 1 * *', enqueue: () => [Count, { until: '' }] })
// @ts-expect-error an input without a field
schedule('count', { ...monthly, enqueue: () => [Count, {}] })
// @ts-expect-error an input with a field of the wrong type
schedule('count', { ...monthly, enqueue: ({ atMs }) => [Count, { until: atMs }] })
// @ts-expect-error an event is no job
schedule('count', { ...monthly, enqueue: () => [Moved, { truckId: 't', km: 1, at: '1' }] })
// @ts-expect-error it does not wait
schedule('count', { ...monthly, enqueue: async () => [Count, { until: '' }] })
// @ts-expect-error a field that no slot has
schedule('count', { ...monthly, enqueue: (slot) => [Count, { until: slot.date }] })
// @ts-expect-error a choice that does not exist
schedule('count', { ...monthly, enqueue: () => [Count, { until: '' }], catchUp: 'all' })
