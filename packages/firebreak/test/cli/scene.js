import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { runCli } from '../../src/cli/cli.js'
import { defineConfig } from '../../src/cli/config.js'
import { event } from '../../src/define/event.js'
import { handle } from '../../src/define/handle.js'
import { service } from '../../src/define/service.js'
import { systemClock } from '../../src/node/clock.js'
import { systemEntropy } from '../../src/node/entropy.js'
import { createRuntime } from '../../src/runtime/runtime.js'
import { sqliteDatabase } from '../../src/sqlite/sqlite-database.js'
import { sqliteLog } from '../../src/sqlite/sqlite-log.js'
export const OrderPlaced = event({
  type: 'order.placed',
  topic: 'orders',
  key: 'orderId',
  description: 'A customer ordered a transport.',
  channel: { partitions: 2 },
  schema: z.object({ orderId: z.string(), weightKg: z.number().positive(), stops: z.array(z.string()).default([]) }),
})
export const InvoiceGenerated = event({
  type: 'invoice.generated',
  topic: 'invoices',
  key: 'orderId',
  channel: { partitions: 1 },
  schema: z.object({ orderId: z.string(), amountMinor: z.number() }),
})
export const shop = service({ name: 'shop', publishes: [OrderPlaced] })
class RateError extends Error {
  constructor(message) {
    super(message)
    this.name = 'RateError'
  }
}
function rateOf(weightKg) {
  if (weightKg > 24_000) throw new RateError(`no rate for ${weightKg} kg`)
  return weightKg * 12
}
export const invoicing = service({
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
/** For scenes that several tests of a file only look at. */
export const scratch = () => ({ after: (fn) => void process.once('exit', fn) })
export function emptyScene(t) {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-cli-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return sceneIn(folder)
}
export function sceneIn(folder) {
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
export async function runServices(scene, orders, during = async () => {}) {
  const log = scene.config.log()
  const database = scene.config.services[1].database()
  const facts = new Facts()
  const consumer = createRuntime({ service: invoicing, log, database, observe: (fact) => facts.add(fact) })
  const publisher = createRuntime({ service: shop, log })
  await publisher.start()
  await consumer.start()
  for (const order of orders) {
    if ('orderId' in order) await publisher.publish(OrderPlaced, order)
    else await log.append([order])
  }
  await facts.count(orders.length, (fact) => ['done', 'dead-lettered', 'skipped', 'duplicate'].includes(fact.kind))
  await during({ runtime: consumer, facts })
  await consumer.stop()
  await publisher.stop()
  await database.close()
  await log.close()
}
/** What a runtime has told so far, and what it will tell. */
export class Facts {
  heard = []
  #waiting = []
  add(fact) {
    this.heard.push(fact)
    for (const wake of this.#waiting.splice(0)) wake()
  }
  async count(n, isMeant) {
    while (this.heard.filter(isMeant).length < n) await new Promise((resolve) => this.#waiting.push(resolve))
  }
}
/** Three orders, of which two have no rate: one invoice, two dead letters of one kind. */
export async function filledScene(t) {
  const scene = emptyScene(t)
  await runServices(scene, [
    { orderId: 'K-1', weightKg: 900 },
    { orderId: 'K-2', weightKg: 90_000, stops: ['Köln'] },
    { orderId: 'K-3', weightKg: 30_000 },
  ])
  return scene
}
/** Runs one command line against a scene, as a function. */
export async function run(scene, argv, setting = {}) {
  const { files = {}, ...changes } = setting
  let out = ''
  let err = ''
  const decoder = new TextDecoder()
  const io = {
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
    clock: systemClock,
    entropy: systemEntropy,
    ask: async () => '',
    exists: (path) => path === '/work/firebreak.config.ts',
    readFile: async (path) => files[path] ?? readFile(path, 'utf8'),
    load: async () => ({ config: scene.config }),
    ...changes,
  }
  const exit = await runCli(argv, io)
  return { exit, out, err }
}
/** The letters of a scene, by key. */
export async function lettersOf(scene) {
  const { out } = await run(scene, ['dlq', 'list', '--state', 'all', '--json'])
  const { letters } = JSON.parse(out)
  return Object.fromEntries(letters.map((letter) => [String(letter['key']), letter]))
}
export const idOf = async (scene, key) => String((await lettersOf(scene))[key]['id'])
