import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import { runCli } from '../../src/cli/cli.ts'
import type { ExitCode } from '../../src/cli/program/exit.ts'
import type { EventDefinition } from '../../src/contracts/event.ts'
import type { Fact } from '../../src/contracts/journal.ts'
import type { LogRecord } from '../../src/contracts/log.ts'
import type { Schema } from '../../src/contracts/schema.ts'
import { event } from '../../src/define/event.ts'
import { handle } from '../../src/define/handle.ts'
import { type ServiceDefinition, service } from '../../src/define/service.ts'
import { topic } from '../../src/define/topic.ts'
import { systemClock } from '../../src/node/clock.ts'
import { systemEntropy } from '../../src/node/entropy.ts'
import type { Io } from '../../src/node/process.ts'
import { resolveModule } from '../../src/node/resolve-module.ts'
import { createRuntime, type Runtime } from '../../src/runtime/runtime.ts'
import { type Config, defineConfig } from '../../src/runtime/system/config.ts'
import { sqliteDatabase } from '../../src/sqlite/database/sqlite-database.ts'
import { sqliteLog } from '../../src/sqlite/sqlite-log.ts'

export type Order = { orderId: string; weightKg: number; stops?: string[] | undefined }
type Invoice = { orderId: string; amountMinor: number }

export const OrderPlaced: EventDefinition<Schema<Order, Order & { stops: string[] }>> = event({
  type: 'order.placed',
  topic: topic('orders', { partitions: 2 }),
  key: 'orderId',
  description: 'A customer ordered a transport.',
  schema: z.object({ orderId: z.string(), weightKg: z.number().positive(), stops: z.array(z.string()).default([]) }),
})

const InvoiceGenerated: EventDefinition<Schema<Invoice>> = event({
  type: 'invoice.generated',
  topic: topic('invoices', { partitions: 1 }),
  key: 'orderId',
  schema: z.object({ orderId: z.string(), amountMinor: z.number() }),
})

export const shop: ServiceDefinition = service({ name: 'shop', publishes: [OrderPlaced] })

class RateError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'RateError'
  }
}

function rateOf(weightKg: number): number {
  if (weightKg > 24_000) throw new RateError(`no rate for ${weightKg} kg`)
  return weightKg * 12
}

export const invoicing: ServiceDefinition = service({
  name: 'invoicing',
  description: 'Writes an invoice for every order.',
  publishes: [InvoiceGenerated],
  handlers: [
    handle(
      OrderPlaced,
      async (order, ctx) => {
        const amountMinor = rateOf(order.weightKg)
        await ctx.transaction(async () => ctx.publish(InvoiceGenerated, { orderId: order.orderId, amountMinor }))
      },
      { retry: { attemptsMax: 2, baseMs: 0, capMs: 0, jitter: 'none' } },
    ),
  ],
})

/** A folder with a log and the database of `invoicing`, as a config file would name them. */
export interface Scene {
  readonly folder: string
  readonly config: Config
}

/** What a scene needs of a test: somewhere to leave what must be cleared up. */
export type Cleanup = Pick<TestContext, 'after'>

/** For scenes that several tests of a file only look at. */
export const scratch = (): Cleanup => ({ after: (fn) => void process.once('exit', fn as () => void) })

export function emptyScene(t: Cleanup): Scene {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-cli-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return sceneIn(folder)
}

export function sceneIn(folder: string): Scene {
  const config = defineConfig({
    log: () => sqliteLog({ path: join(folder, 'log'), durability: 'survives-process-crash-only' }),
    services: [
      { service: shop },
      {
        service: invoicing,
        database: () =>
          sqliteDatabase({ path: join(folder, 'invoicing.db'), durability: 'survives-process-crash-only' }),
      },
    ],
  })
  return { folder, config }
}

/** Runs the services over these orders until each has ended, and whatever `during` does, then stops them. */
export async function runServices(
  scene: Scene,
  orders: readonly (Order | LogRecord)[],
  during: (running: { runtime: Runtime; facts: Facts }) => Promise<void> = async () => {},
): Promise<void> {
  const log = scene.config.log()
  const database = scene.config.services[1]!.database!()
  const facts = new Facts()
  const consumer = createRuntime({ service: invoicing, log, database, observe: (fact) => facts.add(fact) })
  const publisher = createRuntime({ service: shop, log })
  await publisher.start()
  await consumer.start()
  const isEnd = (fact: Fact): boolean => ['done', 'dead-lettered', 'skipped', 'duplicate'].includes(fact.kind)
  for (const [i, order] of orders.entries()) {
    if ('orderId' in order) await publisher.publish(OrderPlaced, order)
    else await log.append([order])
    // Two keys would end in any order.
    await facts.count(i + 1, isEnd)
  }
  await during({ runtime: consumer, facts })
  await consumer.stop()
  await publisher.stop()
  await database.close()
  await log.close()
}

/** What a runtime has told so far, and what it will tell. */
class Facts {
  readonly heard: Fact[] = []
  #waiting: (() => void)[] = []

  add(fact: Fact): void {
    this.heard.push(fact)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  async count(n: number, isMeant: (fact: Fact) => boolean): Promise<void> {
    while (this.heard.filter(isMeant).length < n) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}

/** Three orders, of which two have no rate: one invoice, two dead letters of one kind. */
export async function filledScene(t: Cleanup): Promise<Scene> {
  const scene = emptyScene(t)
  await runServices(scene, [
    { orderId: 'K-1', weightKg: 900 },
    { orderId: 'K-2', weightKg: 90_000, stops: ['Köln'] },
    { orderId: 'K-3', weightKg: 30_000 },
  ])
  return scene
}

export interface Ran {
  readonly exit: ExitCode
  readonly out: string
  readonly err: string
}

export interface Setting extends Partial<Io> {
  readonly files?: Readonly<Record<string, string>>
}

/** Runs one command line against a scene, as a function. */
export async function run(scene: Scene, argv: readonly string[], setting: Setting = {}): Promise<Ran> {
  const { files = {}, ...changes } = setting
  let out = ''
  let err = ''
  const decoder = new TextDecoder()
  const io: Io = {
    out: (data) => {
      out += typeof data === 'string' ? data : decoder.decode(data)
    },
    err: (message) => {
      err += message
    },
    isTty: false,
    canAsk: false,
    columns: Number.POSITIVE_INFINITY,
    env: {},
    cwd: '/work',
    user: 'ada',
    signal: new AbortController().signal,
    readerGone: new AbortController().signal,
    clock: systemClock,
    entropy: systemEntropy,
    ask: async () => '',
    exists: (path) => path === '/work/firebreak.config.ts',
    readFile: async (path) => files[path] ?? readFile(path, 'utf8'),
    resolve: (specifier) => resolveModule(specifier, import.meta.dirname),
    load: async (path) => (path.endsWith('/cli.ts') ? import(path) : { config: scene.config }),
    ...changes,
  }
  const exit = await runCli(argv, io)
  return { exit, out, err }
}

/** The letters of a scene, by key. */
export async function lettersOf(scene: Scene): Promise<Record<string, Record<string, unknown>>> {
  const { out } = await run(scene, ['dlq', 'list', '--state', 'all', '--json'])
  const { letters } = JSON.parse(out) as { letters: Record<string, unknown>[] }
  return Object.fromEntries(letters.map((letter) => [String(letter['key']), letter]))
}

export const idOf = async (scene: Scene, key: string): Promise<string> => String((await lettersOf(scene))[key]!['id'])
