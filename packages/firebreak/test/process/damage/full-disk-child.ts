/**
 * A service on a small disk, in two lives: `fill` publishes until the disk is full and dies of SIGKILL; `recover` starts on the
 * full disk, then gets room, and goes on; `churn` is a database alone. What each has seen is one line of JSON on stdout.
 */
import { appendFileSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Sql } from '../../../src/contracts/database.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { Fact } from '../../../src/contracts/journal.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { verifyLedger } from '../../../src/ledger/verify/verify.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { sqliteLog } from '../../../src/sqlite/sqlite-log.ts'

const [phase, disk = '', notes = ''] = process.argv.slice(2)
const ballast = join(disk, 'ballast')
const ledger = join(disk, 'service.db')

const Stored = event({
  type: 'item.stored',
  topic: 'items',
  key: 'id',
  schema: z.object({ id: z.string(), text: z.string() }),
})
const store = service({
  name: 'store',
  publishes: [Stored],
  handlers: [
    handle(Stored, async ({ id, text }, ctx) => {
      await ctx.transaction(async (sql) => void (await sql.query('insert into items values ($1, $2)', [id, text])))
    }),
  ],
})

const log = sqliteLog({ path: join(disk, 'log') })
const database = sqliteDatabase({ path: ledger })
let wake = (): void => {}
const engineFailures = new Set<string>()
const ends = { done: 0, dead: 0, halted: 0 }
const observe = (fact: Fact): void => {
  if (fact.kind === 'infrastructure-error' && isFirebreakError(fact.error)) engineFailures.add(fact.error.code)
  if (fact.kind === 'done') ends.done++
  wake()
  if (fact.kind === 'dead-lettered') ends.dead++
  if (fact.kind === 'halted') ends.halted++
}
const runtime = createRuntime({ service: store, log, database, observe })

const text = 'x'.repeat(8_000)

/** Resolves to the code of the refusal; what is acknowledged is noted on another disk, before the next one. */
async function publish(id: string): Promise<string | undefined> {
  try {
    await runtime.publish(Stored, { id, text })
    appendFileSync(notes, `${id}\n`)
    return undefined
  } catch (error) {
    return isFirebreakError(error) ? error.code : String(error)
  }
}

const acked = (): readonly string[] => readFileSync(notes, 'utf8').trim().split('\n')

async function stored(): Promise<readonly string[]> {
  return (await database.query<{ id: string }>('select id from items')).map(({ id }) => id)
}

async function doneAre(count: number): Promise<void> {
  while (ends.done < count)
    await new Promise<void>((resolve) => {
      wake = resolve
    })
}

async function fill(): Promise<object> {
  writeFileSync(ballast, Buffer.alloc(2 * 1024 * 1024))
  await database.query('create table items (id text primary key, text text)')
  await runtime.start()
  const refusals = new Set<string>()
  for (let n = 0; refusals.size === 0 || n % 20 !== 0; n++) {
    const code = await publish(`a-${n}`)
    if (code !== undefined) refusals.add(code)
  }
  return {
    refusals: [...refusals],
    engineFailures: [...engineFailures],
    ...ends,
    walBytes: statSync(`${ledger}-wal`).size,
  }
}

async function recover(): Promise<object> {
  const before = { items: (await stored()).length, balanced: (await verifyLedger(database)).ok }
  await runtime.start()
  rmSync(ballast)
  let late: string | undefined = 'never'
  for (let tries = 0; late !== undefined && tries < 100; tries++) late = await publish('late')
  const wanted = acked()
  await doneAre(wanted.length - before.items)
  const found = await stored()
  const missing = wanted.filter((id) => !found.includes(id))
  await runtime.stop()
  const { ok } = await verifyLedger(database)
  const twice = found.length - new Set(found).size
  return { before, late: late ?? null, acked: wanted.length, missing, twice, ok, ...ends }
}

/** Writes the same few rows again and again: the file does not grow, only its log would. */
async function churn(): Promise<object> {
  const count = 20
  const before = sqliteDatabase({ path: ledger })
  await before.query('create table items (id text primary key, text text)')
  for (let n = 0; n < count; n++) await before.query('insert into items values ($1, $2)', [`k-${n}`, text])
  await before.close()
  let [refused, inRow, inRowMost] = [0, 0, 0]
  for (let n = 0; n < 2_000; n++) {
    const [id, next] = [`k-${n % count}`, String(n).padEnd(8_000, 'y')]
    const update = async (sql: Sql) => void (await sql.query('update items set text = $2 where id = $1', [id, next]))
    const isDone = await database.commit([update]).then(
      () => true,
      () => false,
    )
    inRow = isDone ? 0 : inRow + 1
    inRowMost = Math.max(inRowMost, inRow)
    refused += isDone ? 0 : 1
  }
  return { refused, inRowMost, walBytes: statSync(`${ledger}-wal`).size }
}

const phases: Readonly<Record<string, () => Promise<object>>> = { fill, recover, churn }
const seen = await phases[phase ?? '']?.()
writeSync(1, `${JSON.stringify(seen)}\n`)
if (phase === 'fill') process.kill(process.pid, 'SIGKILL')
await database.close()
await log.close()
