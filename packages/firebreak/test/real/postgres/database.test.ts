import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { postgresDatabase } from '../../../src/postgres/postgres-database.ts'
import { conformanceReport } from '../../../src/testing/conformance/conformance.ts'
import { databaseConformance } from '../../../src/testing/conformance/database-conformance.ts'
import type { DatabaseHarness } from '../../../src/testing/conformance/database-scene.ts'
import { needsPostgres, PostgresScene } from './scene.ts'

let scene: PostgresScene
before(async () => {
  if (needsPostgres === false) scene = await PostgresScene.start()
})
after(() => scene?.end())

const { capabilities } = postgresDatabase({ url: 'postgresql://nobody@localhost/nothing' })
const able = { crash: async () => {}, restart: async () => {} } as unknown as DatabaseHarness
const { runs, skipped } = conformanceReport(databaseConformance, capabilities, able)

for (const one of runs) {
  test(`postgres database: ${one.name}`, { timeout: 30_000, skip: needsPostgres }, async () =>
    one.run(await scene.harness()),
  )
}

test('postgres database: one case is skipped, because a failed statement ends its unit', () => {
  assert.deepEqual(
    skipped.map(({ reason }) => reason),
    ['a failed statement ends the transaction until the next savepoint'],
  )
})
