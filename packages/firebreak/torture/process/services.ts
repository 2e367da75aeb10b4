import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Context, type Database, handle, type ServiceDefinition, service } from 'firebreak'
import { type Hostility, hostileTables } from 'firebreak/testing'
import { partitionOfKey } from '../../src/contracts/partitioner.ts'
import {
  followedTopic,
  type HostileOrder,
  type Order,
  OrderDoomed,
  OrderFollowed,
  OrderLethal,
  OrderPlaced,
  ordersTopic,
} from '../history/events.ts'
import type { History } from '../history/history.ts'
import { hostileHandler } from '../history/hostile-orders.ts'

/** Exit code of a process that a lethal order has killed: planned, so nobody's failure. */
export const lethalExitCode = 86

export const serviceNames = ['first', 'second'] as const
export type ServiceName = (typeof serviceNames)[number]

/** What the handlers know of the run they are in. */
export interface Scene {
  readonly folder: string
  readonly history: History
  /** Handles the orders that ask for it. */
  readonly hostility?: Hostility<HostileOrder>
}

const effects = (id: string): string => `CREATE TABLE IF NOT EXISTS effects (
  id ${id}, event_id TEXT NOT NULL, uid TEXT NOT NULL, lane TEXT NOT NULL, seq INTEGER NOT NULL, run TEXT)`
const insert = 'INSERT INTO effects (event_id, uid, lane, seq, run) VALUES ($1, $2, $3, $4, $5)'

/**
 * What services and producers write into their databases. Made before anybody starts: two instances that create a table at
 * the same moment are in each other's way. That of effects has no unique column: a second effect must be seen, not refused.
 */
export async function createTables(database: Database): Promise<void> {
  const isPostgres = database.capabilities.dialect === 'postgres'
  await database.query(
    effects(isPostgres ? 'BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY' : 'INTEGER PRIMARY KEY AUTOINCREMENT'),
  )
  await database.query('CREATE TABLE IF NOT EXISTS sent (uid TEXT NOT NULL)')
  await hostileTables(database)
}

/** Where the torturer says which keys fail at the moment: `service:key` per line. */
export const failingFile = (folder: string): string => join(folder, 'failing')

// Parks from the second or third failure on, and never gives up within a run.
const patient = { attemptsMax: 10_000, baseMs: 30, capMs: 700, laneWaitMaxMs: 60 } as const
const impatient = { attemptsMax: 4, baseMs: 20, capMs: 300, laneWaitMaxMs: 30 } as const

export const serviceOf = (name: ServiceName, scene: Scene): ServiceDefinition =>
  name === 'first' ? firstService(scene) : secondService(scene)

/** Handles the orders and follows up each of them under the same key. */
export function firstService(scene: Scene): ServiceDefinition {
  const place = (order: Order, ctx: Context): Promise<void> =>
    noted(scene, { group: 'first', topic: ordersTopic, order, ctx }, async (run) => {
      await obstacles(scene, 'first', order, ctx)
      const early = order.seq % 2 === 0
      if (early) ctx.publish(OrderFollowed, order)
      await ctx.transaction(async (sql) => {
        await sql.query(insert, [ctx.envelope.id, order.uid, order.key, order.seq, run])
        if (!early) ctx.publish(OrderFollowed, order)
      })
    })
  const doom = (order: Order, ctx: Context): Promise<void> =>
    noted(scene, { group: 'first', topic: ordersTopic, order, ctx }, () => Promise.reject(new Error('always fails')))
  return service({
    name: 'first',
    handlers: [
      ...(scene.hostility === undefined ? [] : [hostileHandler(scene.hostility)]),
      handle(OrderPlaced, place, { retry: patient }),
      handle(OrderDoomed, doom, { retry: impatient }),
      handle(OrderLethal, () => process.exit(lethalExitCode)),
    ],
    publishes: [OrderFollowed],
  })
}

export function secondService(scene: Scene): ServiceDefinition {
  const follow = (order: Order, ctx: Context): Promise<void> =>
    noted(scene, { group: 'second', topic: followedTopic, order, ctx }, async (run) => {
      await obstacles(scene, 'second', order, ctx)
      await ctx.transaction(async (sql) => {
        await sql.query(insert, [ctx.envelope.id, order.uid, order.key, order.seq, run])
      })
    })
  return service({ name: 'second', handlers: [handle(OrderFollowed, follow, { retry: patient })] })
}

interface Started {
  readonly group: ServiceName
  readonly topic: string
  readonly order: Order
  readonly ctx: Context
}

// Topics have the default number of partitions.
const partitions = 6

/** Writes down when a handler starts and ends. `run` is its name in the history. */
async function noted(
  { history }: Scene,
  { group, topic, order, ctx }: Started,
  handler: (run: string) => Promise<void>,
): Promise<void> {
  const call = history.nextCall()
  // An odd record may have another key than its order.
  const partition = `${topic}/${partitionOfKey(ctx.key ?? order.key, partitions)}`
  const value = { partition, key: order.key, seq: order.seq, uid: order.uid, event: ctx.envelope.id }
  history.note({ f: 'handle', type: 'invoke', group, call, value })
  try {
    await handler(`${history.process}#${call}`)
    history.note({ f: 'handle', type: 'ok', group, call })
  } catch (error) {
    history.note({ f: 'handle', type: 'fail', group, call })
    throw error
  }
}

// Slow now and then, so that a kill finds handlers at work; failing at first now and then, so that lanes wait.
async function obstacles({ folder }: Scene, name: ServiceName, order: Order, ctx: Context): Promise<void> {
  if (order.seq % 5 === 0) await new Promise((resolve) => setTimeout(resolve, order.seq % 23))
  if (order.seq % 31 === 0 && ctx.attempt === 1) throw new Error('fails at first')
  if (failing(folder).includes(`${name}:${order.key}\n`)) throw new Error('fails for a while')
}

function failing(folder: string): string {
  try {
    return readFileSync(failingFile(folder), 'utf8')
  } catch {
    return ''
  }
}
