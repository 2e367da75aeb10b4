import assert from 'node:assert/strict'
import { test } from 'node:test'
import { env } from '../../src/node/env.ts'
import { tryValues } from '../../torture/values.ts'

const values = Number(env('FIREBREAK_VALUES') ?? 3000)
const seed = Number(env('FIREBREAK_SEED') ?? 1)

test('whatever is thrown, returned or bound, each record is done or a dead letter, and nothing halts or grows', async (t) => {
  const report = await tryValues({ values, seed })
  t.diagnostic(JSON.stringify(report))
  const { halts, unsettled } = report
  assert.deepEqual({ halts, unsettled }, { halts: 0, unsettled: 0 })
  assert.ok(report.thrown > values / 3 && report.returned > values / 10 && report.bound > values / 5)
  assert.ok(report.heapLateMiB < report.heapEarlyMiB + 20, `${report.heapEarlyMiB} MiB became ${report.heapLateMiB}`)
})
