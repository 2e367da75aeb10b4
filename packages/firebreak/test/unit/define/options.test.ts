/** Every option of every table: what it takes and what it refuses, at the place where somebody gives it. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { z } from 'zod'
import { type OptionArea, optionAreas } from '../../../../../scripts/option-tables.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { type NumberOption, type Option, rangeOf } from '../../../src/contracts/option.ts'
import { call } from '../../../src/define/call.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { job } from '../../../src/define/job.ts'
import { schedule } from '../../../src/define/schedule.ts'
import { service } from '../../../src/define/service.ts'
import { topic } from '../../../src/define/topic.ts'
import { createAdmission } from '../../../src/gateway/admission.ts'
import { createGateway } from '../../../src/gateway/jobs/gateway.ts'
import { accept, jobRoutes } from '../../../src/gateway/jobs/routes.ts'
import { settingsOf } from '../../../src/kafka/cluster/kafka-options.ts'
import { isolated } from '../../../src/node/isolated/isolated.ts'
import { policy } from '../../../src/policy/definition/policy.ts'
import { connectionSettings } from '../../../src/postgres/connection-settings.ts'
import { createCaller } from '../../../src/runtime/calls/caller.ts'
import { JobMaker } from '../../../src/runtime/message/job-maker.ts'
import { PayloadWriter } from '../../../src/runtime/message/payload-writer.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { sqliteLog } from '../../../src/sqlite/sqlite-log.ts'
import { Faults } from '../../../src/testing/faults.ts'
import { Hostility } from '../../../src/testing/hostile/hostile.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { startStopStress } from '../../../src/testing/start-stop.ts'
import { createTestRuntime } from '../../../src/testing/test-runtime.ts'
import { seededEntropy } from '../../../src/testing/virtual-time/seeded-entropy.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'

/** What is given at a place; from JavaScript it may be anything. */
type Given = Readonly<Record<string, unknown>>

const schema: z.ZodObject<{ id: z.ZodString }> = z.object({ id: z.string() })
const Ordered = event({ type: 'order.placed', topic: 'orders', key: 'id', schema })
const silent = service({ name: 'silent' })
const ping = call({ name: 'ping.sent', to: 'ping', method: 'GET', path: '/' })
const never = async (): Promise<never> => assert.fail('nothing is sent')

/** A runtime that is set up like this, started and stopped. */
async function runtimeOf(options: Given, use: (runtime: ReturnType<typeof createRuntime>) => unknown = () => {}) {
  const clock = virtualClock()
  const database = sqliteDatabase({ path: ':memory:', clock })
  const log = memoryLog({ clock, recordBytesMax: 2 ** 31 - 1 })
  try {
    const runtime = createRuntime({ service: silent, log, database, clock, ...(options as object) })
    await runtime.start()
    try {
      await use(runtime)
    } finally {
      await runtime.stop({ drainMs: 0 })
    }
  } finally {
    await log.close()
    await database.close()
  }
}

const limitsOf = (limits: Given): Given => ({ service: service({ name: 'silent', handlersMax: 1 }), limits })
const Order = job({ type: 'order', schema, keepMs: 1 })
const limitRange = { initial: 1, min: 1, max: 1_000_000_000 }
const alone = { attemptsMax: 1, bulkhead: null, deadlineMs: 2 ** 31 - 1 }
const aimd = { kind: 'aimd', backoff: 0.5, timeoutMs: 1 }
const fetchNothing = { endpoints: { ping: 'http://ping' }, fetch: never }

/** How something is given at each place. */
const places: Readonly<Record<string, (given: Given) => unknown>> = {
  'event({ … })': (given) => event({ type: 'a', topic: 'a', key: 'id', schema, ...given }),
  'topic(name, { … })': (given) => topic('a', given),
  'job({ … })': (given) => job({ type: 'a', schema, ...given }),
  'job({ rate: { … } })': (given) => job({ type: 'a', schema, rate: { max: 1, perMs: 1, ...given } }),
  'job({ unique: { … } })': (given) => job({ type: 'a', schema, unique: { windowMs: 1, ...given } }),
  'isolated(module, { … })': (given) => isolated(new URL('file:///a.js'), { in: 'thread', memoryMb: 8, ...given }),
  'tx.enqueue(job, input, { … })': (given) => {
    const { clock, entropy } = { clock: virtualClock(), entropy: seededEntropy(1) }
    const writer = new PayloadWriter({ clock, readBack: 'when-changed', bytesMax: 1000 })
    const ordering = service({ name: 'a', handlers: [handle(Order, () => {})] })
    return new JobMaker(ordering, { clock, entropy, writer }).job(Order, { id: 'a' }, { cause: null, options: given })
  },
  'schedule(name, { … })': (given) =>
    schedule('a', { cron: '@daily', zone: 'UTC', enqueue: () => [Order, { id: 'a' }], ...given }),
  'log.ensureTopics([{ … }])': (given) => memoryLog().ensureTopics([{ name: 'a', ...given }]),
  'handle(event, run, { … })': (given) => handle(Ordered, () => {}, given),
  'handle(event, run, { retry: { … } })': (given) =>
    handle(Ordered, () => {}, { retry: { baseMs: 0, capMs: 2 ** 31 - 1, ...given } }),
  'service({ … })': (given) => service({ name: 'a', ...given }),
  'createRuntime({ … })': (given) => runtimeOf(given),
  'createRuntime({ limits: { … } })': (given) => runtimeOf(limitsOf(given)),
  'createRuntime({ startFrom: { … } })': (given) => runtimeOf({ startFrom: given }),
  'runtime.stop({ … })': (given) => runtimeOf({}, (runtime) => runtime.stop(given)),
  'runtime.deadLetters.list({ … })': (given) => runtimeOf({}, (runtime) => runtime.deadLetters.list(given)),
  'runtime.jobs.list({ … })': (given) => runtimeOf({}, (runtime) => runtime.jobs.list(given)),
  'runtime.outbox.list({ … })': (given) => runtimeOf({}, (runtime) => runtime.outbox.list(given)),
  'call({ … })': (given) => call({ name: 'a', to: 'a', method: 'GET', path: '/', ...given }),
  'caller.call(call, request, { … })': async (given) => {
    const clock = virtualClock()
    const asked = createCaller({ ...fetchNothing, clock }).call(ping, {}, { ...given, signal: AbortSignal.abort() })
    await asked.catch((error) => assert.ok(!isFirebreakError(error, 'FB_CONFIG'), error))
  },
  'createCaller({ … })': (given) => createCaller({ ...fetchNothing, ...given }),
  'policy({ … })': (given) =>
    policy({ ...alone, ...(given['deadlineMs'] === 1 ? { attemptTimeoutMs: 1 } : {}), ...given }),
  'policy({ backoff: { … } })': (given) => policy({ ...alone, backoff: { baseMs: 0, capMs: 2 ** 31 - 1, ...given } }),
  "policy({ budget: { kind: 'ratio', … } })": (given) => policy({ budget: { kind: 'ratio', ...given } }),
  "policy({ budget: { kind: 'tokens', … } })": (given) =>
    policy({ budget: { kind: 'tokens', tokensMax: 10, tokenRatio: 1, ...given } }),
  'policy({ breaker: { … } })': (given) => policy({ ...alone, attemptTimeoutMs: 2 ** 31 - 1, breaker: given }),
  'policy({ bulkhead: { … } })': (bulkhead) => policy({ bulkhead }),
  "policy({ limit: { kind: 'vegas' or 'gradient2', … } })": (given) =>
    policy({ limit: { kind: 'vegas', ...fitting(given), ...given } as never }),
  "policy({ limit: { kind: 'aimd', … } })": (given) =>
    policy({ limit: { ...aimd, ...fitting(given), ...given } as never }),
  'policy({ hedge: { … } })': (given) =>
    policy({ ...alone, deadlineMs: 2 ** 31 - 1, attemptTimeoutMs: 2 ** 30, hedge: { after: 0, max: 1, ...given } }),
  'sqliteLog({ … })': (given) => sqliteLog({ path: 'never-opened', ...given }),
  'sqliteDatabase({ … })': (given) => sqliteDatabase({ path: 'never-opened', ...given }),
  'postgresDatabase({ … })': (given) => connectionSettings({ url: 'postgresql://h/d', ...given }),
  'postgresDatabase({ address: { … } })': (address) => connectionSettings({ address }),
  'kafkaLog({ … })': (given) =>
    settingsOf({ brokers: ['h:1'], sessionTimeoutMs: 2 ** 31 - 1, heartbeatMs: 1, drainTimeoutMs: 1, ...given }),
  'kafkaLog({ fetch: { … } })': (fetch) => settingsOf({ brokers: ['h:1'], fetch }),
  'createAdmission({ … })': (given) => createAdmission({ concurrency: 1, ...given } as never),
  'createAdmission({ codel: { … } })': (given) =>
    createAdmission({ concurrency: 1, codel: { targetMs: 1, intervalMs: 2 ** 31 - 1, ...given } }),
  // It takes no option but others; what they may be is tested with it.
  'createGateway({ … })': (given) => {
    const routes = [jobRoutes('/jobs')]
    return runtimeOf({}, (runtime) => createGateway({ runtime, scope: () => null, routes, ...given }))
  },
  'accept(route, job, { … })': (given) => accept('POST /orders', Order, given),
  'createTestRuntime({ … })': async (given) => (await createTestRuntime({ services: [], ...given })).stop(),
  'memoryLog({ … })': (given) => memoryLog(given),
  'new Faults({ … })': (given) => new Faults(given, { clock: virtualClock(), entropy: seededEntropy(1) }),
  'new Hostility({ … })': (given) => new Hostility({ acts: [], deadlineMs: 1, transactionMaxMs: 1, ...given } as never),
  'startStopStress({ … })': (given) =>
    startStopStress({ create: () => ({ close: async () => {} }), rounds: 0.5, concurrent: 0.5, ...given }),
}

const fitting = (given: Given): Given => ({
  ...limitRange,
  ...('min' in given ? { initial: given['min'], max: limitRange.max } : {}),
  ...('max' in given ? { initial: 1 } : {}),
})

async function problemsOf(area: OptionArea, given: Given): Promise<readonly string[]> {
  const give = places[area.place] ?? assert.fail(`how is something given at ${area.place}?`)
  try {
    await give(given)
  } catch (error) {
    assert.ok(isFirebreakError(error, 'FB_CONFIG'), `${area.place} ${inspect(given)}: ${inspect(error)}`)
    return String(error.detail['problems']).split('\n')
  }
  return []
}

const nonsense: readonly unknown[] = [
  Number.NaN,
  Number.NEGATIVE_INFINITY,
  '5',
  '',
  5n,
  {},
  [5],
  true,
  Symbol('five'),
  () => 5,
  { valueOf: () => 5 },
]

/** Values that a number does not take. */
function badOf({ least, most, hasFractions, or = [] }: NumberOption): readonly unknown[] {
  const below = least - Math.max(hasFractions ? 0.001 : 1, Math.abs(least) > 2 ** 31 ? Math.abs(least) : 0)
  const around = [below, most * 2 + 1, Number.POSITIVE_INFINITY, null]
  const fractions = hasFractions ? [] : [Math.max(least, 0) + 0.5, 1e-9]
  return [...nonsense, ...around, ...fractions].filter((value) => !or.includes(value as never))
}

const badWord = (option: Option): readonly unknown[] =>
  option.kind === 'flag'
    ? ['true', 0, 1, null, Number.NaN, {}]
    : ['', 'none at all', 0, null, true, {}, Symbol('s'), ['skip']]

for (const area of optionAreas)
  test(`${area.place}: what an option cannot be is refused with its name, its value and its range`, async () => {
    for (const [name, option] of Object.entries(area.table)) {
      if (option.kind === 'other') continue
      for (const value of option.kind === 'number' ? badOf(option) : badWord(option)) {
        const found: readonly string[] = (await problemsOf(area, { [name]: value })).filter((one) => one.includes(name))
        const said: readonly string[] = found.filter((one) => one.includes(` must be ${rangeOf(option)}, not `))
        assert.equal(said.length, 1, `${name} ${inspect(value)}: ${found.join('; ')}`)
      }
    }
  })

for (const area of optionAreas)
  test(`${area.place}: the least and the most of an option are taken, and so is nothing`, async () => {
    for (const [name, option] of Object.entries(area.table)) {
      const range = option.kind === 'other' ? 'given' : rangeOf(option)
      const sound =
        option.kind === 'number'
          ? [option.least, option.most, ...(option.or ?? [])]
          : option.kind === 'choice'
            ? option.choices
            : option.kind === 'flag'
              ? [true, false]
              : []
      const given = 'default' in option ? [...sound, undefined] : sound
      for (const value of given) {
        const found = (await problemsOf(area, { [name]: value })).filter((one) => one.includes(`must be ${range}`))
        assert.deepEqual(found, [], `${name} ${inspect(value)}`)
      }
    }
  })

// It is given the context of a request, which has more than options.
const takesMore = 'caller.call(call, request, { … })'

for (const area of optionAreas.filter(({ place }) => place !== takesMore))
  test(`${area.place}: a name that no option has is refused, with the one that was meant`, async () => {
    for (const name of Object.keys(area.table)) {
      const typo = `${name[0]}${name}`
      const found = await problemsOf(area, { [typo]: 5 })
      assert.ok(
        found.some((one) => one.includes(`${typo} is no option: did you mean `) && one.includes(`${name}?`)),
        `${typo}: ${found.join('; ')}`,
      )
    }
  })

test('all mistakes of an area are told at once', async () => {
  for (const area of optionAreas) {
    const numbers = Object.entries(area.table).filter(([, option]) => option.kind === 'number')
    const found = await problemsOf(area, Object.fromEntries(numbers.map(([name]) => [name, 'text'])))
    for (const [name] of numbers)
      assert.ok(
        found.some((one) => one.includes(`${name} must be`)),
        `${area.place}: ${name}: ${found}`,
      )
  }
})

/** Shapes of the public types whose numbers are told and not set. */
const isTold =
  /^(AdmissionStats|Attempt|Blocked(Action|Event)|Context|DatabaseHarness|DeadLetter|DependencyState|Disposition|Envelope|EventDefinition|Fact|FailureAnswer|Handler|HandlerTerms|JobDefinition|MessageDefinition|Job(Accounts|Decision|Ledger|View)|LedgerReport|DeadLetterAction|Log(Capabilities|Entry|Harness|Record|View)|Manifest\w*|Partition|PartitionLedger|Position|RetryTime|RuntimeStats|Schedule(Definition|State)|ServerContext|ServiceDefinition|Setting|Slot|TestService|TopicDefinition|TopicInfo|VirtualClock)$/

/** Each type of a file, with its text. */
function shapesOf(text: string): readonly (readonly [shape: string, body: string])[] {
  const ends = /^(?:export |const |let |class |function |async |type |interface |\/\*\*)/m
  return [...text.matchAll(/^export (?:interface|type) (\w+)/gm)].map(({ 0: start, 1: shape = '', index }) => {
    const rest = text.slice(index + start.length)
    const end = ends.exec(rest)?.index ?? rest.length
    return [shape, rest.slice(0, end)]
  })
}

test('every number that the public types let somebody set is in a table, with its range', () => {
  const source = join(import.meta.dirname, '../../../src')
  const entries = globSync('{index,testing,kafka,postgres,http}.ts', { cwd: source })
  const exported = new Set(
    entries.flatMap((file) => readFileSync(join(source, file), 'utf8').match(/\b[A-Z]\w+/g) ?? []),
  )
  for (const { shapes } of optionAreas) for (const shape of shapes) exported.add(shape)
  const known = new Set(
    optionAreas.flatMap(({ shapes, table }) =>
      Object.entries(table).flatMap(([name, { kind }]) =>
        kind === 'number' ? shapes.map((shape) => `${shape}.${name}`) : [],
      ),
    ),
  )
  const found: string[] = []
  // Floor by floor; the scenarios of the lab have a schema of their own, which says what a number may be.
  for (const path of globSync(
    '{contracts,define,gateway,kafka,ledger,policy,postgres,runtime,sqlite,testing}/**/*.ts',
    { cwd: source },
  )) {
    if (path === 'policy/execution.ts') continue
    for (const [shape, body] of shapesOf(readFileSync(join(source, path), 'utf8'))) {
      if (isTold.test(shape) || !exported.has(shape)) continue
      for (const [, name] of body.matchAll(/readonly (\w+)\??: (?:[^\n;]*\| )?number\b/g))
        found.push(`${shape}.${name}`)
    }
  }
  assert.ok(found.length > 60, `${found.length} numbers`)
  assert.deepEqual(
    found.filter((one) => !known.has(one)),
    [],
  )
})
