import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { systemClock } from '../../src/node/clock.ts'
import { sqliteDatabase } from '../../src/sqlite/database/sqlite-database.ts'
import { conformanceReport } from '../../src/testing/conformance/conformance.ts'
import { databaseConformance } from '../../src/testing/conformance/database-conformance.ts'
import type { DatabaseHarness } from '../../src/testing/conformance/database-scene.ts'

const folder = mkdtempSync(join(tmpdir(), 'firebreak-database-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0

function inFile(): DatabaseHarness {
  let path = join(folder, `${files++}.db`)
  // What a dying process leaves is what lies in its files at that moment: a copy of them is its estate.
  const crash = async (): Promise<void> => {
    const estate = join(folder, `${files++}.db`)
    for (const part of ['', '-wal']) if (existsSync(path + part)) copyFileSync(path + part, estate + part)
    path = estate
  }
  return { clock: systemClock, open: async (settings) => sqliteDatabase({ path, ...settings }), crash }
}

function inMemory(): DatabaseHarness {
  return { clock: systemClock, open: async (settings) => sqliteDatabase({ path: ':memory:', ...settings }) }
}

for (const [harness, skips] of [
  [inFile, 1],
  [inMemory, 7],
] as const) {
  const { capabilities } = await harness().open()
  const { runs, skipped } = conformanceReport(databaseConformance, capabilities, harness())
  const name = `sqlite database ${harness.name}`
  for (const one of runs) test(`${name}: ${one.name}`, { timeout: 20_000 }, () => one.run(harness()))
  test(`${name}: ${skips} cases are skipped, with reasons`, () => {
    assert.equal(skipped.length, skips)
    assert.ok(skipped.every(({ reason }) => reason.length > 0))
  })
}
