import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { z } from 'zod'
import { retriesOf } from '../../src/cli/describe.ts'
import { sleep, type Timer } from '../../src/contracts/clock.ts'
import type { LogRecord } from '../../src/contracts/log.ts'
import { call } from '../../src/define/call.ts'
import { type HandlerOptions, handle } from '../../src/define/handle.ts'
import { job } from '../../src/define/job.ts'
import { manifestOf } from '../../src/define/manifest-of.ts'
import { schedule } from '../../src/define/schedule.ts'
import { service } from '../../src/define/service.ts'
import { defineConfig } from '../../src/runtime/system/config.ts'
import { emptyScene, filledScene, OrderPlaced, run, type Scene, scratch } from './scene.ts'

let scene: Scene
before(async () => {
  scene = await filledScene(scratch())
})

test('topics: shows records, groups and lag in records', async (t) => {
  const { exit, out } = await run(scene, ['topics'])
  assert.equal(exit, 0)
  assert.match(out, /^TOPIC +PARTITIONS +RECORDS +KEPT +GROUP +LAG$/m)
  assert.match(out, /^invoices +1 +1 +7 d +- +-$/m)
  assert.match(out, /^orders +2 +3 +7 d +invoicing +0$/m)
  const behind = emptyScene(t)
  await publish(behind, [order('a'), order('b')])
  assert.match((await run(behind, ['topics'])).out, /^orders +2 +2 +7 d +invoicing +2$/m)
})

test('topics: one topic, partition by partition; --json has all of it', async () => {
  const { out } = await run(scene, ['topics', 'orders'])
  assert.match(out, /^orders {2}3 records, kept 7 d\nPARTITION +FIRST +NEXT +LAG invoicing\n/)
  const { topics } = JSON.parse((await run(scene, ['topics', 'orders', '--json'])).out)
  assert.equal(topics.length, 1)
  const [{ groups, records, partitions }] = topics
  assert.deepEqual([groups[0].group, groups[0].lag, records, partitions.length], ['invoicing', 0, 3, 2])
})

test('topics: an unknown topic is 3 with a suggestion', async () => {
  const { exit, err } = await run(scene, ['topics', 'order'])
  assert.equal(exit, 3)
  assert.match(err, /Did you mean "orders"\?\nIt has: invoices, orders/)
})

const tail = (...options: string[]) => run(scene, ['tail', 'orders', '--from', 'earliest', '--no-follow', ...options])

test('tail: prints one line per event in the order of arrival, and joins no group', async () => {
  const { exit, out } = await tail()
  assert.equal(exit, 0)
  const keys = out
    .trimEnd()
    .split('\n')
    .map((line) => line.split('  ')[3])
  assert.deepEqual(keys, ['K-1', 'K-2', 'K-3'])
  assert.match(out, /^\d{4}-\d\d-\d\dT[\d:.]+Z {2}[01]:0 {2}order\.placed {2}K-1 {2}\{"orderId":"K-1",.*\}$/m)
  const { topics } = JSON.parse((await run(scene, ['topics', 'orders', '--json'])).out)
  assert.deepEqual(
    topics[0].groups.map((group: { group: string }) => group.group),
    ['invoicing'],
  )
})

test('tail: filters by type and key, and ends after --max', async () => {
  const count = async (...options: string[]): Promise<number> => (await tail(...options)).out.split('\n').length - 1
  assert.equal(await count('--type', 'order.placed'), 3)
  assert.equal(await count('--type', 'order.cancelled'), 0)
  assert.equal(await count('--key', 'K-2'), 1)
  assert.equal(await count('--max', '2'), 2)
  assert.equal(await count('--from', '99'), 0)
})

test('tail: --json keeps the payload as it was published', async (t) => {
  const odd = emptyScene(t)
  await publish(odd, [
    { ...order('a'), value: new TextEncoder().encode('{ "n":\n 9007199254740993 }') },
    { ...order('b'), value: new TextEncoder().encode('not json') },
    { ...order('c'), value: null },
  ])
  const { out } = await run(odd, ['tail', 'orders', '--from', 'earliest', '--no-follow', '--json'])
  const lines = out.trimEnd().split('\n')
  assert.ok(
    lines.some((line) => line.endsWith(',"payload":{ "n":  9007199254740993 }}')),
    out,
  )
  assert.deepEqual(
    lines
      .map((line) => JSON.parse(line))
      .map(({ payload, payloadText }) => payload ?? payloadText)
      .slice(1),
    ['not json', null],
  )
})

test('tail: follows what comes in, waiting on the clock, and ends on Ctrl-C with 130', async (t) => {
  const live = emptyScene(t)
  const log = live.config.log()
  t.after(() => log.close())
  await log.ensureTopics([{ name: 'orders', partitions: 2 }])
  const stop = new AbortController()
  const seen: string[] = []
  const waits: number[] = []
  // The first wait says that it has caught up: only then is there something to come.
  let publishing: Promise<unknown> | undefined
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    schedule(delayMs: number, go: () => void): Timer {
      waits.push(delayMs)
      publishing ??= log.append([order('late')])
      const timer = setImmediate(() => void publishing?.then(go))
      return { cancel: () => clearImmediate(timer) }
    },
  }
  const out = (line: string | Uint8Array): void => {
    seen.push(String(line))
    stop.abort()
  }
  const { exit } = await run(live, ['tail', 'orders'], { clock, out, signal: stop.signal })
  assert.equal(exit, 130)
  assert.equal(seen.length, 1)
  assert.match(seen[0]!, / {2}order\.placed {2}late {2}/)
  assert.ok(waits.every((delayMs) => delayMs === 100))
  await sleep(clock, 0)
})

test('tail: a strange --from is 2, an unknown topic 3', async () => {
  assert.equal((await run(scene, ['tail', 'orders', '--from', 'yesterday'])).exit, 2)
  assert.equal((await run(scene, ['tail', 'order'])).exit, 3)
})

test('verify: one line per service, then the verdict, all of it data', async () => {
  const { exit, out, err } = await run(scene, ['verify'])
  assert.deepEqual([exit, err], [0, ''])
  assert.match(out, /^SERVICE +VERDICT +CONSUMED +PARKED +DEAD +OUTBOX +BLOCKED\ninvoicing +balanced +3 +0 +2 +0 +0\n/)
  assert.match(out, /\nEvery record of 1 service is accounted for\.\n$/)
})

test('verify --partitions: prints the equation of every partition and ends with 0', async () => {
  const { exit, out } = await run(scene, ['verify', '--partitions'])
  assert.equal(exit, 0)
  assert.match(out, /^invoicing {2}balanced\n {2}PARTITION +CONSUMED += {2}DONE/)
  assert.match(out, /^ {2}orders\/0 +\d += +\d +\+ +0 +\+ +0 +\+ +0 +\+ +\d +\+ +0$/m)
  assert.match(out, /Every record of 1 service is accounted for\./)
})

test('verify: an imbalance is named and ends with 1', async (t) => {
  const broken = await filledScene(t)
  const database = broken.config.services[1]!.database!()
  await database.query('UPDATE fb_partitions SET skipped = skipped + 1 WHERE part = 0')
  await database.close()
  const brief = await run(broken, ['verify'])
  assert.equal(brief.exit, 1)
  assert.match(brief.out, /^invoicing +off by 1 [\s\S]*^invoicing: .*orders\/0[\s\S]*^1 ledger of 1 out of balance\.$/m)
  const { exit, out } = await run(broken, ['verify', '--partitions'])
  assert.equal(exit, 1)
  assert.match(out, /^invoicing {2}off by 1/)
  assert.match(out, /^ {2}orders\/0 +\d +≠ /m)
  const { ok, services } = JSON.parse((await run(broken, ['verify', '--json'])).out)
  assert.deepEqual([ok, services[0].service, services[0].imbalance], [false, 'invoicing', 1])
})

test('verify: a service that never ran has nothing to answer for', async (t) => {
  const { exit, err } = await run(emptyScene(t), ['verify'])
  assert.equal(exit, 0)
  assert.match(err, /invoicing has never run/)
})

test('describe: shows who publishes and who handles what', async () => {
  const { exit, out } = await run(scene, ['describe'])
  assert.equal(exit, 0)
  assert.match(out, /^ {4}handles {4}order\.placed$/m)
  assert.match(out, /^ {2}order\.placed +1 +orders +orderId +shop +invoicing$/m)
})

test('describe: says of a handler how often it is tried, how long that lasts, where it waits, and what happens then', () => {
  const told = (options: HandlerOptions): readonly string[] => {
    const one = service({ name: 'one', handlers: [handle(OrderPlaced, () => {}, options)] })
    return retriesOf(manifestOf([one]).services[0]?.handles[0] ?? assert.fail())
  }
  assert.deepEqual(told({}), [
    '18 attempts of 30 s each, over 40.2 min on average, 53.7 min at most; pauses asked for may make it 1 d',
    'waits above 1 s are parked in fb_parked, from attempt 5 on',
    'then a dead letter, and the key goes on',
  ])
  assert.deepEqual(told({ retry: { attemptsMax: 1 }, onExhausted: 'hold' }), [
    '1 attempt of 30 s',
    'then a dead letter, and the key waits for a person',
  ])
  assert.deepEqual(told({ retry: { attemptsMax: 4 } }), [
    '4 attempts of 30 s each, over 525 ms on average, 700 ms at most; pauses asked for may make it 1 d',
    'waits in its lane',
    'then a dead letter, and the key goes on',
  ])
  assert.match(told({ retry: { ageMaxMs: 90_000 } })[0] ?? '', /, as many as start within 1.5 min$/)
})

test('describe: says of a job what holds it up, how often it is tried, and when it is enqueued by the clock', async (t) => {
  const Render = job({
    type: 'statement.render',
    schema: z.object({ customer: z.string() }),
    key: 'customer',
    unique: 'live',
    concurrency: 4,
    rate: { max: 100, perMs: 60_000 },
  })
  const monthly = schedule('month-end', {
    cron: '0 2 1 * *',
    zone: 'Europe/Amsterdam',
    enqueue: () => [Render, { customer: 'all' }],
  })
  const handlers = [handle(Render, () => {}, { retry: { attemptsMax: 4 } })]
  const rendering = service({ name: 'rendering', handlers, schedules: [monthly] })
  const config = defineConfig({
    log: scene.config.log,
    services: [{ service: rendering, database: () => assert.fail() }],
  })
  const { exit, out } = await run({ ...emptyScene(t), config }, ['describe'])
  assert.equal(exit, 0)
  assert.match(out, /^ {4}runs {7}statement\.render$/m)
  assert.match(out, /in order per customer, the same payload once at a time, 4 at once, 100 in 1 min$/m)
  assert.match(out, /between them it is a row, and holds no place/)
  assert.match(out, /^ {4}schedules {2}month-end {2}0 2 1 \* \* Europe\/Amsterdam$/m)
})

test('describe: says of a call which answers are not final', async (t) => {
  const quote = call({
    name: 'pricing.quote',
    to: 'pricing',
    method: 'GET',
    path: '/q',
    final: { 404: false, 501: true },
  })
  const calling = {
    ...emptyScene(t),
    config: defineConfig({
      log: scene.config.log,
      services: [{ service: service({ name: 'billing', calls: [quote] }) }],
    }),
  }
  const { out } = await run(calling, ['describe'])
  const says = 'tried again after 401, 403, 404, 407, 408, 425, 429, 5xx but 501; other failures are final'
  assert.ok(out.includes(`    calls      pricing.quote\n               ${says}\n`), out)
  const manifest = JSON.parse((await run(calling, ['describe', '--json'])).out)
  assert.deepEqual(manifest.calls[0].final, { 404: false, 501: true })
})

test('describe: --json is the manifest, --asyncapi the document', async () => {
  const manifest = JSON.parse((await run(scene, ['describe', '--json'])).out)
  assert.deepEqual(
    manifest.topics.map((topic: { name: string }) => topic.name),
    ['invoices', 'orders'],
  )
  assert.deepEqual(manifest.services[0].handles[0].retryTime, {
    averageMs: 0,
    maxMs: 0,
    endsBy: 'attempts',
    parksAfter: null,
  })
  const document = JSON.parse(
    (await run(scene, ['describe', '--asyncapi', '--title', 'Shop', '--release', '2.0.0'])).out,
  )
  assert.deepEqual([document.asyncapi, document.info], ['3.1.0', { title: 'Shop', version: '2.0.0' }])
})

function order(key: string): LogRecord {
  const headers = { ce_specversion: '1.0', ce_id: key, ce_source: '/shop', ce_type: 'order.placed' }
  return {
    topic: 'orders',
    key,
    headers,
    value: new TextEncoder().encode(JSON.stringify({ orderId: key, weightKg: 1 })),
  }
}

async function publish(at: Scene, records: readonly LogRecord[]): Promise<void> {
  const log = at.config.log()
  await log.ensureTopics([{ name: 'orders', partitions: 2 }])
  await log.append(records)
  await log.close()
}
