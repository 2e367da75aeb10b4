import { type Clock, sleep } from '../src/contracts/clock.ts'
import type { Context } from '../src/contracts/context.ts'
import type { Database, Sql } from '../src/contracts/database.ts'
import type { Entropy } from '../src/contracts/entropy.ts'
import type { EventDefinition } from '../src/contracts/event.ts'
import type { Fact } from '../src/contracts/journal.ts'
import type { Log, LogRecord } from '../src/contracts/log.ts'
import type { Schema } from '../src/contracts/schema.ts'
import { event } from '../src/define/event.ts'
import { handle } from '../src/define/handle.ts'
import { type ServiceDefinition, service } from '../src/define/service.ts'
import { verifyLedger } from '../src/ledger/verify/verify.ts'
import type { DeadLetters } from '../src/runtime/operator/dead-letters.ts'
import type { Act, Setting } from '../src/testing/hostile/act.ts'
import { drawAct } from '../src/testing/hostile/acts.ts'
import { Hostility } from '../src/testing/hostile/hostile.ts'
import { hostileTables, trespasses } from '../src/testing/hostile/tables.ts'
import type { HostileEvidence, Left, SentRecord } from './hostile-findings.ts'

interface Deed {
  readonly id: string
  readonly n: number
  readonly act: string
}
type Innocent = Omit<Deed, 'act'>

/** Takes what has an id and a number, with everything else that it has. */
const schemaOf = <P extends Innocent>(): Schema<P> => ({
  '~standard': {
    version: 1,
    vendor: 'hostile-scene',
    validate: (value) => {
      const { id, n } = (value ?? {}) as Partial<P>
      const isFine = typeof id === 'string' && typeof n === 'number'
      return isFine ? { value: value as P } : { issues: [{ message: 'no deed' }] }
    },
  },
})

const topic = 'hostile.deeds'
const Followed: EventDefinition<Schema<Innocent>> = event({
  type: 'hostile.followed',
  topic: 'hostile.followed',
  key: 'id',
  schema: schemaOf<Innocent>(),
})
const Innocently: EventDefinition<Schema<Innocent>> = event({
  type: 'innocent.done',
  topic,
  key: 'id',
  schema: schemaOf<Innocent>(),
})
const deedType = 'hostile.done'

export const serviceName = 'guarded'
const retry = { attemptsMax: 3, baseMs: 50, capMs: 500, laneWaitMaxMs: 200, ageMaxMs: 10_000, jitter: 'full' } as const
/** Hostile records end within it, whatever they do. */
const deadlineMs = 1000
/** What happens at the same time shares commits. */
const tickMs = 10

export interface HostileCast {
  readonly service: ServiceDefinition
  readonly hostility: Hostility<Deed>
  readonly observe: (fact: Fact) => unknown
  readonly facts: Fact[]
}

export interface CastOptions {
  readonly acts: readonly Act[]
  readonly dialect: Database['capabilities']['dialect']
  readonly clock: () => Clock
  readonly entropy: Entropy
  readonly transactionMaxMs: number
  readonly ports: () => { readonly database: Database; readonly runtime: Setting['runtime'] }
}

/** What a unit sees of its session, as one text. */
const sessionOn = {
  sqlite: `(select f.foreign_keys || '/' || q.query_only || '/' || s.synchronous
     from pragma_foreign_keys f, pragma_query_only q, pragma_synchronous s)`,
  postgres: `concat_ws('/', coalesce(current_setting('app.tenant', true), ''), current_setting('search_path'),
     current_user, session_user, current_setting('timezone'), current_setting('datestyle'),
     current_setting('bytea_output'), current_setting('statement_timeout'), current_setting('lock_timeout'),
     current_setting('session_replication_role'))`,
} as const

/** A service with one handler that plays hostile acts, and one whose events are innocent; both in every group of commits. */
export function castOf({ acts, dialect, clock, entropy, transactionMaxMs, ports }: CastOptions): HostileCast {
  const facts: Fact[] = []
  const leave = (sql: Sql, { id, n }: Innocent, ctx: Context): Promise<unknown> => {
    const text = `insert into effects (event_id, key, n, session) values ($1, $2, $3, ${sessionOn[dialect]})`
    return sql.query(text, [ctx.envelope.id, id, n])
  }
  const late: Clock = {
    now: () => clock().now(),
    monotonic: () => clock().monotonic(),
    schedule: (delayMs, run) => clock().schedule(delayMs, run),
  }
  const hostility = new Hostility<Deed>({
    ...{ acts, clock: late, entropy, deadlineMs, transactionMaxMs, ports, leave },
    event: Followed,
    payloadOf: ({ id, n }) => ({ id, n }),
  })
  const Deeds = event({
    ...{ type: deedType, topic, version: 2 },
    key: 'id',
    schema: hostility.schema(schemaOf<Deed>()),
    upcast: { 1: hostility.upcast },
  })
  // Good, and slow but for one in four: they have something to lose when somebody else fails, in other commits and in one.
  const innocent = async (payload: Innocent, ctx: Context): Promise<void> => {
    if (payload.n % 4 > 0) await sleep(late, (payload.n % 4) * tickMs)
    await ctx.transaction(async (sql) => {
      await leave(sql, payload, ctx)
      ctx.publish(Followed, payload)
    })
  }
  const guarded = service({
    name: serviceName,
    handlers: [handle(Deeds, hostility.handler, { retry, deadlineMs }), handle(Innocently, innocent)],
    publishes: [Followed],
  })
  const observe = (fact: Fact): unknown => {
    // Acts may change the fact itself.
    facts.push({ ...fact })
    return hostility.observe(fact)
  }
  return { service: guarded, hostility, observe, facts }
}

/** What the service and the acts write into; once, before the service starts. Resolves to what a unit sees of its own session. */
export async function prepare(database: Database): Promise<string> {
  const isPostgres = database.capabilities.dialect === 'postgres'
  const seq = isPostgres ? 'bigint generated always as identity primary key' : 'integer primary key'
  const columns = `(seq ${seq}, event_id text, key text, n bigint, session text)`
  await database.query(`create table effects ${columns}`)
  await hostileTables(database)
  // A row in here has gone to the wrong place.
  if (isPostgres) await database.query(`create table hostile_elsewhere.effects ${columns}`)
  const own = `select ${sessionOn[database.capabilities.dialect]} as session`
  return (await database.query<{ session: string }>(own))[0]?.session ?? ''
}

export interface Planned extends SentRecord {
  readonly atMs: number
}

export interface PlanOptions {
  readonly seed: string
  readonly acts: readonly Act[]
  readonly hostile: number
  readonly innocent: number
  readonly spreadMs: number
  /** What is sent within so long is sent at once. */
  readonly gatherMs: number
}

/** What is sent, and when: hostile records on few keys, innocent ones on many of their own and now and then behind a hostile one. */
export function planOf(
  { seed, acts, hostile, innocent, spreadMs, gatherMs }: PlanOptions,
  entropy: Entropy,
): readonly Planned[] {
  const below = (limit: number): number => Math.floor(entropy.random() * limit)
  const atMs = (): number => Math.floor(below(spreadMs) / gatherMs) * gatherMs
  const drawn: { act: Act | null; key: string; atMs: number }[] = []
  for (let i = 0; i < hostile; i++) drawn.push({ act: drawAct(acts, entropy), key: `h${below(20)}`, atMs: atMs() })
  for (let i = 0; i < innocent; i++) {
    const key = hostile > 0 && entropy.random() < 0.1 ? `h${below(20)}` : `k${below(60)}`
    drawn.push({ act: null, key, atMs: atMs() })
  }
  return drawn.sort((a, b) => a.atMs - b.atMs).map((one, n) => ({ ...one, n, eventId: `${seed}-${n}` }))
}

/** As a program without firebreak would write it. */
export function recordOf({ eventId, key, n, act }: SentRecord): LogRecord {
  return {
    topic,
    key,
    value: new TextEncoder().encode(JSON.stringify({ id: key, n, ...(act === null ? {} : { act: act.name }) })),
    headers: {
      ce_id: eventId,
      ce_type: act === null ? Innocently.type : deedType,
      ce_source: '/hostile',
      ce_schemaversion: '1',
      ce_specversion: '1.0',
    },
  }
}

export interface Ports {
  readonly ownSession: string
  readonly database: Database
  readonly log: Log
  readonly letters: DeadLetters
}

/** What has not come to rest, in words. */
export async function unsettledIn({ database, log }: Ports): Promise<readonly string[]> {
  const { partitions, outbox } = await verifyLedger(database)
  const ends = new Map((await log.inspect().topics()).map((one) => [one.name, one.ends]))
  const found = outbox > 0 ? [`${outbox} events in the outbox`] : []
  for (const { partition, next } of ends.get(topic) ?? []) {
    const ledger = partitions.find((one) => one.topic === topic && one.partition === partition)
    const consumed = ledger?.consumed ?? 0
    if (consumed < next) found.push(`${topic}/${partition} is at ${consumed} of ${next}`)
    if ((ledger?.parked ?? 0) > 0) found.push(`${topic}/${partition} has ${ledger?.parked} parked records`)
  }
  return found
}

/** Reads what a run has left behind. */
export async function evidenceOf(
  sent: readonly SentRecord[],
  ports: Ports,
  facts: readonly Fact[],
): Promise<HostileEvidence> {
  const { database, log, letters, ownSession } = ports
  const effects = 'select event_id as "eventId", key, n, session from effects order by seq'
  const open = await letters.list({ max: 1_000_000 })
  return {
    sent,
    effects: await database.query<Left>(effects),
    letters: open.map(({ eventId, entry, reason, attempts }) => ({
      eventId: eventId ?? entry.headers['ce_id'] ?? '',
      reason,
      attempts: attempts.length,
    })),
    followed: await followedIn(log),
    failed: facts.flatMap((fact) =>
      fact.kind === 'failed' ? [{ eventId: fact.eventId ?? '', attempt: fact.attempt }] : [],
    ),
    halts: facts.flatMap((fact) => (fact.kind === 'halted' ? [String(fact.error)] : [])),
    unsettled: await unsettledIn(ports),
    ledger: (await verifyLedger(database, { inspection: log.inspect(), group: serviceName })).problems,
    trespasses: await trespasses(database),
    ownSession,
    attemptsMax: retry.attemptsMax,
  }
}

async function followedIn(log: Log): Promise<HostileEvidence['followed']> {
  const found: { id: string; cause: string }[] = []
  const [info] = await log.inspect().topics([Followed.topic])
  for (const { partition, first, next } of info?.ends ?? []) {
    const entries = await log.inspect().read({ topic: Followed.topic, partition, offset: first }, next - first)
    for (const { headers } of entries)
      found.push({ id: headers['ce_id'] ?? '', cause: headers['ce_causationid'] ?? '' })
  }
  return found
}
