import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { systemClock } from '../../src/node/clock.ts'
import { sqliteDatabase } from '../../src/sqlite/database/sqlite-database.ts'
import { sqliteLog } from '../../src/sqlite/sqlite-log.ts'
import { conformanceReport } from '../../src/testing/conformance/conformance.ts'
import { databaseConformance } from '../../src/testing/conformance/database-conformance.ts'
import type { DatabaseHarness } from '../../src/testing/conformance/database-scene.ts'
import { logConformance } from '../../src/testing/conformance/log-conformance.ts'
import type { LogHarness } from '../../src/testing/conformance/log-scene.ts'
import { restlessClock } from '../restless-clock.ts'

const folder = mkdtempSync(join(tmpdir(), 'firebreak-restless-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0

function logHarness(): LogHarness {
  const path = join(folder, `${files++}`, 'log.db')
  return { clock: systemClock, prefix: '', create: async () => sqliteLog({ path, clock: restlessClock() }) }
}

function databaseHarness(): DatabaseHarness {
  const path = join(folder, `${files++}.db`)
  return { clock: systemClock, open: async (options) => sqliteDatabase({ path, clock: restlessClock(), ...options }) }
}

// Who asks for a time gets what bears it.
const isAboutTime = ({ name }: { readonly name: string }): boolean => name.includes('from a time')

const log = await logHarness().create()
const ofLog = conformanceReport(logConformance, log.capabilities, logHarness())
await log.close()
for (const one of ofLog.runs.filter((one) => !isAboutTime(one)))
  test(`sqlite log under a restless clock: ${one.name}`, { timeout: 60_000 }, () => one.run(logHarness()))

const database = await databaseHarness().open()
const ofDatabase = conformanceReport(databaseConformance, database.capabilities, databaseHarness())
await database.close()
for (const one of ofDatabase.runs)
  test(`sqlite database under a restless clock: ${one.name}`, { timeout: 20_000 }, () => one.run(databaseHarness()))

test('under a restless clock one case of the log is left out, because it is about the wall clock', () => {
  assert.deepEqual([ofLog.skipped.length, ofLog.runs.filter(isAboutTime).length], [0, 1])
})
