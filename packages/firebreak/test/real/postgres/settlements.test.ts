import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { Database } from '../../../src/contracts/database.ts'
import { permanent } from '../../../src/contracts/errors.ts'
import type { Fact } from '../../../src/contracts/journal.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { Happened, writer } from '../../thing-scene.ts'
import { needsPostgres, PostgresScene } from './scene.ts'

const options = { skip: needsPostgres, timeout: 60_000 }
let scene: PostgresScene
before(async () => {
  if (needsPostgres === false) scene = await PostgresScene.start()
})
after(() => scene?.end())

/** What a service has told, to wait for. */
class Told {
  readonly #counts = new Map<Fact['kind'], number>()
  readonly #waiting = new Set<() => void>()

  readonly observe = (fact: Fact): void => {
    this.#counts.set(fact.kind, this.count(fact.kind) + 1)
    for (const look of this.#waiting) look()
  }

  count(kind: Fact['kind']): number {
    return this.#counts.get(kind) ?? 0
  }

  until(kind: Fact['kind'], count = 1): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (this.count('halted') > 0) reject(new Error('the service has halted'))
        else if (this.count(kind) >= count) resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }
}

/** A service in a schema of its own that gives up what is called `dead`, and puts off what is called `late` once. */
async function play(
  schema: string,
  during: (told: Told, append: (key: string, id: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  await scene.rows(`create schema if not exists ${schema}`)
  const database: Database = scene.open({ schema, searchPath: [schema], lockTimeoutMs: 100 })
  await database.query('create table effects (key text, n bigint, event_id text)')
  const one = writer('one', (it, ctx) => {
    if (it.n === 0) throw permanent('no such truck')
    if (it.n === 1 && ctx.attempt === 1) throw new Error('not yet')
  })
  const log = memoryLog()
  const told = new Told()
  const runtime = createRuntime({ service: one, log, database, observe: told.observe })
  runtime.done.catch(() => undefined)
  await runtime.start()
  const append = async (key: string, id: string): Promise<void> => {
    const value = new TextEncoder().encode(
      JSON.stringify({ id: key, n: ['dead', 'late', 'good'].indexOf(key.slice(0, 4)) }),
    )
    const headers = { ce_id: id, ce_type: Happened.type, ce_source: '/t', ce_schemaversion: '1', ce_specversion: '1.0' }
    await log.append([{ topic: Happened.topic, key, value, headers }])
  }
  try {
    await during(told, append)
  } finally {
    await runtime.stop()
    await database.close()
    await log.close()
  }
}

test('a lock on the dead letters that outlasts the lock time-out stops nobody', options, () =>
  play('locked', async (told, append) => {
    // Its partitions are claimed: nothing but the settlement wants that table from here on.
    await append('good', 'first')
    await told.until('done')
    await scene.rows('begin')
    await scene.rows('lock table locked.fb_dead_letters in access exclusive mode')
    await append('dead', 'a')
    await told.until('infrastructure-error', 2)
    await scene.rows('commit')
    await told.until('dead-lettered')
  }),
)

test('keys and foreign ids that no index takes are parked and marked', options, () =>
  play('lengthy', async (told, append) => {
    const long = (): string => randomBytes(4000).toString('base64')
    await append(`late ${long()}`, 'b')
    await told.until('parked')
    await append('dead', long())
    await told.until('dead-lettered')
    await append('good', long())
    await told.until('done')
    const lanes = await scene.rows('select lane from lengthy.fb_parked')
    assert.ok(lanes.every(({ lane }) => String(lane).length <= 512))
  }),
)
