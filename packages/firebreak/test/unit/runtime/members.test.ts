import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Database } from '../../../src/contracts/database.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { Cursor, GroupMember, Log, Partition } from '../../../src/contracts/log.ts'
import { createRuntime, type Runtime } from '../../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'
import { Happened, writer } from '../../thing-scene.ts'

/**
 * A group on several machines whose members all join in its first generation, as Kafka waits for them: `open` resolves when
 * `size` have come, each holds its share from the beginning, and nobody ever loses anything.
 */
class FirstGeneration {
  readonly #size: number
  readonly #waiting: (() => void)[] = []
  #joined = 0

  constructor(size: number) {
    this.#size = size
  }

  /** The log as one member sees it. */
  of(log: Log): Log {
    return {
      capabilities: { ...log.capabilities, multiMachine: true },
      ensureTopics: (topics) => log.ensureTopics(topics),
      append: (records) => log.append(records),
      open: () => this.#open(),
      inspect: () => ({ ...inspectionOf(log), members: async () => this.#members() }),
      close: () => log.close(),
      [Symbol.asyncDispose]: () => log.close(),
    }
  }

  #members(): readonly GroupMember[] {
    return Array.from({ length: this.#joined }, (_, i) => ({ id: `member-${i}`, ledger: null }))
  }

  async #open(): Promise<Cursor> {
    const own = this.#waiting.length
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length < this.#size) return
      this.#joined = this.#size
      for (const go of this.#waiting) go()
    })
    const share: Partition[] = [{ topic: Happened.topic, partition: own }]
    return {
      poll: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve([]))),
      commit: async () => {},
      assignment: () => share,
      pause: () => {},
      close: async () => void this.#joined--,
    }
  }
}

const inspectionOf = (log: Log): ReturnType<Log['inspect']> => {
  const inspection = log.inspect()
  return {
    topics: (names) => inspection.topics(names),
    committed: (group) => inspection.committed(group),
    groups: () => inspection.groups(),
    members: (group) => inspection.members(group),
    read: (position, max) => inspection.read(position, max),
  }
}

test('two instances that start at once, each with a database of its own, refuse to go on, and say why', async () => {
  const [refusal] = await refusals(2)
  assert.ok(isFirebreakError(refusal, 'FB_CONFIG'))
  assert.match(refusal.message, /one has 2 members.*PostgreSQL/)
})

test('an instance that joins alone goes on, though its database is not shared', async () => {
  assert.deepEqual(await refusals(1), [])
})

/** What ended the runtimes of `size` instances that start at once. */
async function refusals(size: number): Promise<readonly unknown[]> {
  const clock = virtualClock()
  const log = memoryLog({ clock })
  const group = new FirstGeneration(size)
  const one = writer('one')
  const refused: unknown[] = []
  const databases = Array.from({ length: size }, () => sqliteDatabase({ path: ':memory:' }))
  const runtimes = databases.map((database): Runtime => {
    const runtime = createRuntime({ service: one, log: group.of(log), database, clock, observe: false })
    runtime.done.catch((error) => refused.push(error))
    return runtime
  })
  await Promise.all(runtimes.map((runtime) => runtime.start()))
  await clock.advance(10_000)
  const stopping = Promise.all(runtimes.map((runtime) => runtime.stop()))
  await clock.advance(10_000)
  await stopping
  await Promise.all(databases.map((database) => database.close()))
  return refused
}

/** Starts `one` with these databases, one after the other, on one log. **Shape** how each start ended. */
async function startsOn(paths: readonly string[]): Promise<readonly string[]> {
  const clock = virtualClock()
  const log = memoryLog({ clock })
  const databases = new Map(paths.map((path) => [path, sqliteDatabase({ path: ':memory:' })]))
  const runtimes: Runtime[] = []
  const outcomes: string[] = []
  for (const path of paths) {
    const database = databases.get(path) as Database
    const runtime = createRuntime({ service: writer('one'), log, database, clock, observe: false })
    runtimes.push(runtime)
    runtime.start().then(
      () => outcomes.push('started'),
      (error) => outcomes.push(String(error)),
    )
    await clock.advance(40_000)
  }
  const stopping = Promise.all(runtimes.map((runtime) => runtime.stop()))
  await clock.advance(10_000)
  await stopping
  await Promise.all([...databases.values()].map((database) => database.close()))
  return outcomes
}

test('an instance on another ledger than those that run is refused, and those that run go on', async () => {
  const [first, second] = await startsOn(['a', 'b'])
  assert.equal(first, 'started')
  assert.match(second ?? '', /one has 1 member that works on another ledger/)
})

test('instances on one ledger share their group', async () => {
  assert.deepEqual(await startsOn(['a', 'a']), ['started', 'started'])
})

test('of instances on different ledgers that start at once, one stays and the other is refused', async () => {
  const clock = virtualClock()
  const log = memoryLog({ clock })
  const one = writer('one')
  const place = () => {
    const database = sqliteDatabase({ path: ':memory:' })
    const runtime = createRuntime({ service: one, log, database, clock, observe: false })
    return { database, runtime, ended: Promise.allSettled([runtime.done]) }
  }
  const places = [place(), place()]
  const starts = Promise.allSettled(places.map(({ runtime }) => runtime.start()))
  await clock.advance(40_000)
  await starts
  const members = await log.inspect().members('one')
  assert.equal(members.length, 1, 'both are in the group')
  await clock.advance(60_000)
  assert.deepEqual(await log.inspect().members('one'), members)
  const stopping = Promise.all(places.map(({ runtime }) => runtime.stop()))
  await clock.advance(10_000)
  await stopping
  const ends = (await Promise.all(places.map(({ ended }) => ended))).flat()
  const refused = (await starts).concat(ends as never).filter(({ status }) => status === 'rejected')
  assert.ok(refused.length > 0)
  for (const end of refused) assert.match(String((end as PromiseRejectedResult).reason), /works on another ledger/)
  for (const { database } of places) await database.close()
})
