import assert from 'node:assert/strict'
import { test } from 'node:test'
import { env } from '../../src/node/env.ts'
import { actsOn } from '../../src/testing/hostile/acts.ts'
import { judge, told } from '../hostile-findings.ts'
import { playVirtually, type VirtualOptions, type VirtualRun } from '../hostile-virtual.ts'

const only = env('FIREBREAK_SEED')
const count = Number(env('FIREBREAK_SEEDS') ?? 3)
const seeds = only === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(only)]
const acts = actsOn('sqlite')
const repeat = (seed: number): string =>
  `FIREBREAK_SEED=${seed} npx node --test packages/firebreak/test/chaos/hostile.test.ts`

test('each act alone ends as it says, and nobody beside it notices', async () => {
  for (const act of acts) {
    const run = await playVirtually({ seed: 1, acts: [act], hostile: 2, innocent: 6, spreadMs: 200 })
    assert.deepEqual(told(judge(run.evidence)), {}, act.name)
    assert.ok((run.plays[act.name] ?? 0) >= 2, `${act.name} was not played`)
  }
})

test('all acts together lose, double and reorder nothing, halt nothing, and cost no innocent an attempt', async (t) => {
  const played = new Set<string>()
  for (const seed of seeds) {
    const run = await playVirtually({ seed, acts, hostile: 250, innocent: 750, spreadMs: 20_000 })
    assert.deepEqual(told(judge(run.evidence)), {}, `seed ${seed}; again with: ${repeat(seed)}`)
    for (const name of Object.keys(run.plays)) played.add(name)
  }
  t.diagnostic(`${played.size} of ${acts.length} acts were played`)
  assert.ok(only !== undefined || played.size > acts.length / 2)
})

test('the latencies of other keys are what they are without hostile records', async (t) => {
  // Who holds the one transaction of a file holds up everybody who commits: transactionMaxMs is the bound, not this.
  const calm = acts.filter(({ holds }) => holds !== true)
  for (const seed of seeds.slice(0, 2)) {
    const options: VirtualOptions = { seed, acts: calm, hostile: 250, innocent: 750, spreadMs: 20_000 }
    const hostile = await playVirtually(options)
    const alone = await playVirtually({ ...options, isCalm: true })
    const [with99, without99] = [p99(hostile), p99(alone)]
    t.diagnostic(`seed ${seed}: p99 of innocent keys ${with99} ms beside hostile records, ${without99} ms without`)
    assert.equal(with99, without99, `again with: ${repeat(seed)}`)
  }
})

function p99({ latenciesMs }: VirtualRun): number {
  const sorted = latenciesMs.toSorted((a, b) => a - b)
  assert.ok(sorted.length > 500)
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN
}
