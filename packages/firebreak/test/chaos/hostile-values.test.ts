import assert from 'node:assert/strict'
import { test } from 'node:test'
import { env } from '../../src/node/env.ts'
import { tryValues } from '../../torture/values.ts'

const values = Number(env('FIREBREAK_VALUES') ?? 3000)
const seed = Number(env('FIREBREAK_SEED') ?? 1)

test('whatever is thrown, returned, bound or made by a schema, each record is done or a dead letter, and nothing halts or grows', async (t) => {
  const report = await tryValues({ values, seed })
  t.diagnostic(JSON.stringify(report))
  const { halts, unsettled, misread } = report
  assert.deepEqual({ halts, unsettled, misread }, { halts: 0, unsettled: 0, misread: 0 })
  assert.ok(report.thrown > values / 5 && report.returned > values / 20 && report.bound > values / 10)
  assert.ok(report.judged > values / 4 && report.made > values / 10 && report.published > values / 20)
  assert.ok(report.heapLateMiB < report.heapEarlyMiB + 20, `${report.heapEarlyMiB} MiB became ${report.heapLateMiB}`)
})
