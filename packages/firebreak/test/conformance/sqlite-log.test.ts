import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { systemClock } from '../../src/node/clock.ts'
import { sqliteLog } from '../../src/sqlite/sqlite-log.ts'
import { conformanceReport } from '../../src/testing/conformance/conformance.ts'
import { logConformance } from '../../src/testing/conformance/log-conformance.ts'
import type { LogHarness } from '../../src/testing/conformance/log-scene.ts'

const folder = mkdtempSync(join(tmpdir(), 'firebreak-log-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0

function harness(): LogHarness {
  const path = join(folder, `${files++}`, 'log.db')
  return { clock: systemClock, prefix: '', create: async () => sqliteLog({ path }) }
}

const log = await harness().create()
const { runs, skipped } = conformanceReport(logConformance, log.capabilities, harness())
await log.close()

for (const { name, run } of runs) test(`sqlite log: ${name}`, { timeout: 60_000 }, () => run(harness()))

test('sqlite log: every case is run', () => assert.deepEqual(skipped, []))
