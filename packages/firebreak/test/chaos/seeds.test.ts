import assert from 'node:assert/strict'
import { test } from 'node:test'
import { env } from '../../src/node/env.ts'
import { faultsFound } from './checks.ts'
import { play, startRun } from './scenario.ts'

const steps = 120
const only = env('FIREBREAK_SEED')
const count = Number(env('FIREBREAK_SEEDS') ?? 50)
const seeds = only === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(only)]

test('nothing is lost, doubled, reordered per key or miscounted, whatever breaks', async (t) => {
  const struck: Record<string, number> = {}
  for (const seed of seeds) {
    const run = await startRun(seed)
    await play(run, steps)
    const found = await faultsFound(run)
    await run.app.stop()
    for (const [fault, times] of Object.entries(run.faults.counts)) struck[fault] = (struck[fault] ?? 0) + times
    const again = `FIREBREAK_SEED=${seed} npx node --test packages/firebreak/test/chaos/seeds.test.ts`
    assert.deepEqual(found.slice(0, 10), [], `seed ${seed}; again with: ${again}`)
  }
  t.diagnostic(`${seeds.length} seeds, faults that struck: ${JSON.stringify(struck)}`)
})
