/** What the torture has found, each in the fewest moves that show it. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'
import {
  type Cursor,
  createRuntime,
  type Database,
  handle,
  type Log,
  type LogEntry,
  type Runtime,
  service,
  sqliteDatabase,
  sqliteLog,
} from 'firebreak'
import { type Order, OrderPlaced, ordersTopic } from '../../../torture/history/events.ts'

const waitMaxMs = 10_000

/** Folders go when all tests have let go of them: hooks of one test run in the order in which they were set. */
const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-found-'))
  folders.push(folder)
  return folder
}

async function ending(runtime: Runtime, log: Log, database: Database): Promise<void> {
  await runtime.stop()
  await log.close()
  await database.close()
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + waitMaxMs
  while (!(await condition())) {
    assert.ok(performance.now() < untilMs, 'it did not come to pass')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function ordersIn(log: Log): Promise<readonly LogEntry[]> {
  const ends = (await log.inspect().topics()).find(({ name }) => name === ordersTopic)?.ends ?? []
  const reads = ends.map(({ partition }) => log.inspect().read({ topic: ordersTopic, partition, offset: 0 }, 100))
  return (await Promise.all(reads)).flat()
}

test('events of one key leave in commit order, whichever of two instances on one database committed them', async (t) => {
  const folder = newFolder()
  const definition = service({ name: 'shop', publishes: [OrderPlaced] })
  const open = (): Runtime => {
    const log = sqliteLog({ path: folder })
    const database = sqliteDatabase({ path: join(folder, 'shop.db') })
    const runtime = createRuntime({ service: definition, log, database, observe: false })
    t.after(() => ending(runtime, log, database))
    return runtime
  }
  const publish = (runtime: Runtime, seq: number): Promise<void> =>
    runtime.transaction(async (tx) => tx.publish(OrderPlaced, { uid: `k:${seq}`, key: 'k', seq }))
  const [relaying, other, log] = [open(), open(), sqliteLog({ path: folder })]
  t.after(() => log.close())
  await relaying.start()
  await publish(relaying, 1)
  await until(async () => (await ordersIn(log)).length === 1)
  await other.start()
  // The first instance holds the relay's lease: it sends its own at once and must not forget that of the other.
  await publish(other, 2)
  await publish(relaying, 3)
  await until(async () => (await ordersIn(log)).length === 3)
  const sent = (await ordersIn(log)).map(({ value }) => (JSON.parse(String(Buffer.from(value ?? []))) as Order).seq)
  assert.deepEqual(sent, [1, 2, 3])
})

test('the log learns of progress that was made while it was told of earlier progress', async (t) => {
  const folder = newFolder()
  const log = sqliteLog({ path: folder })
  const database = sqliteDatabase({ path: join(folder, 'shop.db') })
  const telling = Promise.withResolvers<void>()
  const slow = handle(OrderPlaced, ({ seq }) => (seq === 2 ? telling.promise : undefined))
  const definition = service({ name: 'shop', handlers: [slow], publishes: [OrderPlaced] })
  let done = 0
  const observe = ({ kind }: { kind: string }): void => {
    if (kind === 'done') done++
  }
  // An owner of the log that dies takes its time to answer; meanwhile the second record gets through.
  const slowlyTold = (cursor: Cursor): Cursor => ({
    poll: (limit) => cursor.poll(limit),
    assignment: () => cursor.assignment(),
    pause: (partitions) => cursor.pause(partitions),
    close: () => cursor.close(),
    async commit(next) {
      telling.resolve()
      await until(async () => done === 2)
      await cursor.commit(next)
    },
  })
  const tardy: Log = {
    capabilities: log.capabilities,
    ensureTopics: (topics) => log.ensureTopics(topics),
    append: (records) => log.append(records),
    open: async (group, topics, options) => slowlyTold(await log.open(group, topics, options)),
    inspect: () => log.inspect(),
    close: () => log.close(),
    [Symbol.asyncDispose]: () => log.close(),
  }
  const runtime = createRuntime({ service: definition, log: tardy, database, observe })
  t.after(() => ending(runtime, log, database))
  await runtime.start()
  await runtime.publish(OrderPlaced, { uid: 'k:1', key: 'k', seq: 1 })
  await runtime.publish(OrderPlaced, { uid: 'k:2', key: 'k', seq: 2 })
  await until(async () => (await log.inspect().committed('shop')).some(({ offset }) => offset === 2))
})
