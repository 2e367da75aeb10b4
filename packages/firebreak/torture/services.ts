import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Context, type Database, handle, type ServiceDefinition, service } from 'firebreak'
import { type Order, OrderDoomed, OrderFollowed, OrderLethal, OrderPlaced } from './events.ts'

/** Exit code of a process that a lethal order has killed: planned, so nobody's failure. */
export const lethalExitCode = 86

export const serviceNames = ['first', 'second'] as const
export type ServiceName = (typeof serviceNames)[number]

const effects = `CREATE TABLE IF NOT EXISTS effects (
  id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, uid TEXT NOT NULL, lane TEXT NOT NULL, seq INTEGER NOT NULL)`
const insert = 'INSERT INTO effects (event_id, uid, lane, seq) VALUES ($1, $2, $3, $4)'

/** The table of effects has no unique column on purpose: a second effect must be seen, not refused. */
export async function createEffects(database: Database): Promise<void> {
  await database.query(effects)
}

/** Where the torturer says which keys fail at the moment: `service:key` per line. */
export const failingFile = (folder: string): string => join(folder, 'failing')

// Parks from the second or third failure on, and never gives up within a run.
const patient = { attemptsMax: 10_000, baseMs: 30, capMs: 700, laneWaitMaxMs: 60 } as const
const impatient = { attemptsMax: 4, baseMs: 20, capMs: 300, laneWaitMaxMs: 30 } as const

/** Handles the orders and follows up each of them under the same key. */
export function firstService(folder: string): ServiceDefinition {
  const place = async (order: Order, ctx: Context): Promise<void> => {
    await obstacles(folder, 'first', order, ctx)
    const early = order.seq % 2 === 0
    if (early) ctx.publish(OrderFollowed, order)
    await ctx.transaction(async (sql) => {
      await sql.query(insert, [ctx.envelope.id, order.uid, order.key, order.seq])
      if (!early) ctx.publish(OrderFollowed, order)
    })
  }
  return service({
    name: 'first',
    handlers: [
      handle(OrderPlaced, place, { retry: patient }),
      handle(OrderDoomed, () => Promise.reject(new Error('always fails')), { retry: impatient }),
      handle(OrderLethal, () => process.exit(lethalExitCode)),
    ],
    publishes: [OrderFollowed],
  })
}

export function secondService(folder: string): ServiceDefinition {
  const follow = async (order: Order, ctx: Context): Promise<void> => {
    await obstacles(folder, 'second', order, ctx)
    await ctx.transaction(async (sql) => {
      await sql.query(insert, [ctx.envelope.id, order.uid, order.key, order.seq])
    })
  }
  return service({ name: 'second', handlers: [handle(OrderFollowed, follow, { retry: patient })] })
}

// Slow now and then, so that a kill finds handlers at work; failing at first now and then, so that lanes wait.
async function obstacles(folder: string, name: ServiceName, order: Order, ctx: Context): Promise<void> {
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
