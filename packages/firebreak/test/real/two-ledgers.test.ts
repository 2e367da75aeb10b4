import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Database } from '../../src/contracts/database.ts'
import { isFirebreakError } from '../../src/contracts/errors.ts'
import type { Fact } from '../../src/contracts/journal.ts'
import { event } from '../../src/define/event.ts'
import { handle } from '../../src/define/handle.ts'
import { type ServiceDefinition, service } from '../../src/define/service.ts'
import { createRuntime, type Runtime } from '../../src/runtime/runtime.ts'
import { Happened } from '../thing-scene.ts'
import { mortalLog, noKafka, quick, unique } from './kafka/scene.ts'
import { needsPostgres, PostgresScene } from './postgres/scene.ts'
import { skipReason } from './servers.ts'

const skip = (noKafka !== false || needsPostgres !== false) && skipReason.both
let postgres: PostgresScene

before(async () => {
  if (skip === false) postgres = await PostgresScene.start()
})
after(async () => {
  if (skip === false) await postgres.end()
})

test('a service on two PostgreSQL schemas: the second instance is refused before it joins, the first goes on', {
  skip,
  timeout: 90_000,
}, async (t) => {
  const topic = unique('things')
  const Noted = event({ type: 'thing.noted', topic, key: 'id', schema: Happened.schema })
  const one = service({ name: unique('one'), publishes: [Noted], handlers: [handle(Noted, () => {})] })
  const facts: Fact[] = []
  const first = await instance(one, 'ledger_a')
  const third = await instance(one, 'ledger_a')
  const second = await instance(one, 'ledger_b', (fact) => facts.push(fact))
  t.after(async () => {
    for (const each of [first, second, third]) await each.end()
  })
  await first.runtime.start()
  await third.runtime.start()
  await assert.rejects(second.runtime.start(), (error) => {
    assert.ok(isFirebreakError(error, 'FB_CONFIG'))
    assert.match(error.message, /has 2 members that work on another ledger: a service has one database and one schema/)
    return true
  })
  // Told at once, so that nobody waits half a minute to learn why.
  assert.equal(facts.filter(({ kind }) => kind === 'infrastructure-error').length, 1)
  assert.equal(first.halted, false)
})

interface Instance {
  readonly runtime: Runtime
  halted: boolean
  end(): Promise<void>
}

async function instance(
  definition: ServiceDefinition,
  schema: string,
  observe: (fact: Fact) => void = () => {},
): Promise<Instance> {
  await postgres.rows(`create schema if not exists ${schema}`)
  const { log } = mortalLog(quick)
  const database: Database = postgres.open({ schema })
  const runtime = createRuntime({ service: definition, log, database, observe })
  const made: Instance = {
    runtime,
    halted: false,
    async end() {
      await runtime.stop({ drainMs: 0 })
      await log.close()
      await database.close()
    },
  }
  runtime.done.catch(() => (made.halted = true))
  return made
}
