import { z } from 'zod'
import type { Context } from '../src/contracts/context.ts'
import { FirebreakError } from '../src/contracts/errors.ts'
import type { AnyEvent, EventDefinition } from '../src/contracts/event.ts'
import type { Fact } from '../src/contracts/journal.ts'
import type { LogRecord } from '../src/contracts/log.ts'
import { event } from '../src/define/event.ts'
import { type HandlerOptions, handle } from '../src/define/handle.ts'
import { type ServiceDefinition, service } from '../src/define/service.ts'
import type { PortCall } from '../src/testing/around.ts'
import { createTestRuntime, type TestRuntime, type TestRuntimeOptions } from '../src/testing/test-runtime.ts'
import { named } from './named.ts'

const thing: z.ZodObject<{ id: z.ZodString; n: z.ZodNumber }> = z.object({ id: z.string(), n: z.number() })
export type Thing = { id: string; n: number }

export const Happened: EventDefinition<typeof thing> = event({
  type: 'thing.happened',
  topic: 'thing.events',
  key: 'id',
  schema: thing,
})
export const Followed: EventDefinition<typeof thing> = event({
  type: 'thing.followed',
  topic: 'follow.events',
  key: 'id',
  schema: thing,
})

/** The record of the `n`th thing of the key `k`, as another program would write it. */
export const recordOf = (n: number): LogRecord => ({
  topic: Happened.topic,
  key: 'k',
  value: new TextEncoder().encode(JSON.stringify({ id: 'k', n })),
  headers: {
    ce_id: `id-${n}`,
    ce_type: Happened.type,
    ce_source: '/test',
    ce_schemaversion: '1',
    ce_specversion: '1.0',
  },
})

/** One attempt every ten seconds, so that a failed record is parked; the first retry would wait in the lane otherwise. */
export const parkingRetry: NonNullable<HandlerOptions['retry']> = {
  attemptsMax: 3,
  baseMs: 10_000,
  capMs: 10_000,
  laneWaitMaxMs: 1000,
  jitter: 'none',
}
export const laneRetry: NonNullable<HandlerOptions['retry']> = {
  attemptsMax: 3,
  baseMs: 100,
  capMs: 100,
  laneWaitMaxMs: 1000,
  jitter: 'none',
}

/** What a handler does before its effect: throw, wait, look. */
export type Before = (thing: Thing, ctx: Context) => Promise<void> | void

/** A service whose handler writes one row per event, in its unit of work, and passes the event on when `publishes`. */
export function writer(
  name: string,
  before: Before = () => {},
  options: HandlerOptions & { readonly publishes?: AnyEvent; readonly handles?: typeof Happened } = {},
): ServiceDefinition {
  const { publishes, handles = Happened, ...rest } = options
  const run = async (it: Thing, ctx: Context): Promise<void> => {
    await before(it, ctx)
    await ctx.transaction(async (sql) => {
      await sql.query('insert into effects (key, n, event_id) values ($1, $2, $3)', [it.id, it.n, ctx.envelope.id])
      if (publishes !== undefined) ctx.publish(publishes, it)
    })
  }
  return service({
    name,
    handlers: [handle(handles, run, { retry: parkingRetry, ...rest })],
    ...(publishes === undefined ? {} : { publishes: [publishes] }),
  })
}

export interface Scene {
  readonly app: TestRuntime
  readonly facts: Fact[]
  /** `key:n` of the effects of a service, in the order in which they were made. */
  effects(serviceName: string): Promise<readonly string[]>
  /** Names of the facts about one record, in order: `failed`, `parked`, `done`. */
  told(key: string): readonly string[]
  count(kind: Fact['kind']): number
}

/** A test runtime whose databases have the table of effects. */
export async function scene(
  services: readonly ServiceDefinition[],
  options: Partial<TestRuntimeOptions> = {},
): Promise<Scene> {
  const facts: Fact[] = []
  const app = await createTestRuntime({
    services,
    prepare: (database) =>
      database.query('create table effects (seq integer primary key, key text, n bigint, event_id text)'),
    observe: (fact) => facts.push(fact),
    // What becomes of records that fail is the point of many.
    expectDeadLetters: true,
    ...options,
  })
  return {
    app,
    facts,
    effects: async (serviceName) => {
      const rows = await named(app, serviceName).database.query<Thing & { key: string }>(
        'select key, n from effects order by seq',
      )
      return rows.map((row) => `${row.key}:${row.n}`)
    },
    told: (key) => facts.filter((fact) => 'key' in fact && fact.key === key).map((fact) => fact.kind),
    count: (kind) => facts.filter((fact) => fact.kind === kind).length,
  }
}

/** Publishes several things one after the other, and lets them be handled. */
export async function publishAll(
  app: TestRuntime,
  things: readonly (readonly [id: string, n: number])[],
): Promise<string[]> {
  const ids: string[] = []
  for (const [id, n] of things) ids.push(await app.publish(Happened, { id, n }))
  return ids
}

/** Switches that take the log or the database away, and a count of what passes. */
export class Outage {
  logAway = false
  appendAway = false
  databaseAway = false
  /** Appends with such a record are refused for good. */
  refuses: (record: LogRecord) => boolean = () => false
  readonly statements: string[] = []
  readonly calls: string[] = []

  async call<T>({ port, method, records = [] }: PortCall, run: () => Promise<T>): Promise<T> {
    this.calls.push(`${port}.${method}`)
    const isDatabase = port === 'database'
    if (isDatabase && this.databaseAway) {
      throw new FirebreakError('FB_DATABASE_UNAVAILABLE', { path: 'test', reason: 'planted' })
    }
    if (records.some(this.refuses)) {
      throw new FirebreakError('FB_RECORD_TOO_LARGE', { type: 'thing.followed', bytes: 2, limit: 1 })
    }
    const isAway = this.logAway || (this.appendAway && method === 'append')
    if (!isDatabase && isAway && method !== 'close') {
      throw new FirebreakError('FB_LOG_UNAVAILABLE', { path: 'test', reason: 'planted' })
    }
    return run()
  }

  statement(sql: string): void {
    this.statements.push(sql)
  }
}
