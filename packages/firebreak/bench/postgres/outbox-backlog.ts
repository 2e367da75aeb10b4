import { createRuntime, type Database, type Log, type Runtime, type ServiceDefinition, service } from 'firebreak'
import { postgresDatabase } from 'firebreak/postgres'
import pg from 'pg'
import { outboxShards, shardOf } from '../../src/ledger/outbox.ts'
import { type BenchEvents, measured } from '../common/events.ts'
import { median, perSecond } from '../common/settings.ts'

export interface Backlog {
  /** A database of its own. */
  readonly url: string
  readonly events: BenchEvents
  readonly log: Log
  /** Events that wait in the outbox when the relay starts. */
  readonly rows: number
  /** How many of them to relay. */
  readonly relayed: number
  readonly progress?: (rows: number) => void
}

export interface Relayed {
  readonly perSec: number
  readonly claim: Claim
}

/** The relay's look for the next events of a shard. */
export interface Claim {
  readonly ms: number
  /** With the values known to the planner, and without. */
  readonly plan: string
}

/** The relay bringing a backlog to the log: from the start of the service to the last event that the log has confirmed. */
export async function relayBacklog(backlog: Backlog): Promise<Relayed> {
  const { url, events, log, rows, relayed } = backlog
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const database = postgresDatabase({ url })
  const definition = service({ name: 'fb-bench-outbox', publishes: [events.Followed] })
  try {
    // A first life makes the ledger, and looks for events in it.
    const looks: Look[] = []
    await relay({ definition, log, database: overheard(database, looks) }, 0)
    await fill(client, backlog)
    const claim = await explain(client, looks[0])
    const perSec = await relay({ definition, log, database }, relayed)
    if (rows === relayed) await expectEmpty(client)
    return { perSec, claim }
  } finally {
    await database.close()
    await client.end()
  }
}

async function relay(
  on: { definition: ServiceDefinition; log: Log; database: Database },
  relayed: number,
): Promise<number> {
  const finished = Promise.withResolvers<void>()
  let left = relayed
  const runtime: Runtime = createRuntime({
    service: on.definition,
    log: on.log,
    database: on.database,
    observe: (fact) => {
      if (fact.kind === 'published') left -= fact.count
      if (fact.kind === 'halted') finished.reject(fact.error)
      if (left <= 0) finished.resolve()
    },
  })
  const started = performance.now()
  await runtime.start()
  if (relayed > 0) await finished.promise
  const perSec = perSecond(relayed - left, performance.now() - started)
  await runtime.stop({ drainMs: 10_000 })
  return perSec
}

/** A statement of the relay, as it was asked. */
interface Look {
  readonly sql: string
  readonly params: readonly unknown[]
}

// The plan must be that of the statement which runs, not of a copy of it here.
function overheard(database: Database, looks: Look[]): Database {
  return {
    capabilities: database.capabilities,
    query: (sql, params) => {
      if (/FROM "firebreak"\.fb_outbox WHERE/.test(sql)) looks.push({ sql, params: params ?? [] })
      return database.query(sql, params)
    },
    commit: (units) => database.commit(units),
    transaction: (body) => database.transaction(body),
    close: () => database.close(),
    [Symbol.asyncDispose]: () => database.close(),
  }
}

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Index Name'?: string
  readonly Plans?: readonly PlanNode[]
}

async function explain(client: pg.Client, look: Look | undefined): Promise<Claim> {
  if (look === undefined) throw new Error('the relay never looked into the outbox')
  const plans: string[] = []
  const times: number[] = []
  for (const mode of ['force_custom_plan', 'force_generic_plan']) {
    await client.query(`SET plan_cache_mode = ${mode}`)
    for (let round = 0; round < 11; round++) {
      const { rows } = await client.query<{ 'QUERY PLAN': readonly [{ Plan: PlanNode; 'Execution Time': number }] }>({
        name: `claim ${mode}`,
        text: `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${look.sql}`,
        values: [...look.params],
      })
      const [{ Plan: plan, 'Execution Time': ms }] = (rows[0] as (typeof rows)[0])['QUERY PLAN']
      if (round === 0) plans.push(planText(plan))
      times.push(ms)
    }
  }
  return { ms: Math.round(median(times) * 1000) / 1000, plan: plans.join(' | ') }
}

function planText(node: PlanNode): string {
  const index = node['Index Name'] === undefined ? '' : ` ${node['Index Name']}`
  return [`${node['Node Type']}${index}`, ...(node.Plans ?? []).map(planText)].join(' > ')
}

const filledAtOnce = 500_000
// Rows as the ledger's own commit writes them: 256 bytes of JSON, the headers of an envelope, 1,000 keys.
const insert = `
  INSERT INTO firebreak.fb_outbox (shard, seq, topic, msg_key, headers, value, at_ms)
  SELECT ($4::bigint[])[n % 1000 + 1], n, $1, ($5::text[])[n % 1000 + 1],
    '{"ce_specversion":"1.0","ce_id":"' || id || '","ce_source":"/fb-bench-outbox","ce_type":"bench.followed",'
      || '"ce_time":"2026-01-01T00:00:00.000Z","ce_schemaversion":"1","ce_correlationid":"' || id
      || '","content-type":"application/json","ce_causationid":"01890000-0000-7000-8000-000000000000",'
      || '"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}',
    convert_to(replace($6, '"n":0', '"n":' || n), 'UTF8'), 1767225600000
  FROM (SELECT n, '01890000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS id
    FROM generate_series($2::bigint, $3::bigint) AS n) AS numbered`

async function fill(client: pg.Client, { events, rows, progress }: Backlog): Promise<void> {
  const keys = Array.from({ length: 1000 }, (_, n) => measured(n).id)
  const shards = keys.map((key) => shardOf(key, 0))
  if (new Set(shards).size !== outboxShards) throw new Error('the keys do not reach every shard')
  for (let from = 1; from <= rows; from += filledAtOnce) {
    const to = Math.min(rows, from + filledAtOnce - 1)
    const values = [events.Followed.topic, from, to, shards, keys, JSON.stringify(measured(0))]
    await client.query({ name: 'fill', text: insert, values })
    progress?.(to)
  }
  await client.query("UPDATE firebreak.fb_meta SET value = $1 WHERE name = 'outbox-seq'", [String(rows)])
  await client.query('VACUUM ANALYZE firebreak.fb_outbox')
}

async function expectEmpty(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ n: string }>('SELECT count(*) AS n FROM firebreak.fb_outbox')
  if (rows[0]?.n !== '0') throw new Error(`${rows[0]?.n} events were relayed and are still in the outbox`)
}
