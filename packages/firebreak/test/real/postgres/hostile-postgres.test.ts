import assert from 'node:assert/strict'
import { test } from 'node:test'
import { env } from '../../../src/node/env.ts'
import { actsOn } from '../../../src/testing/hostile/acts.ts'
import { judge, told } from '../../hostile-findings.ts'
import { playOnPostgres } from './hostile-postgres-play.ts'
import { needsPostgres } from './scene.ts'

const seed = Number(env('FIREBREAK_SEED') ?? 1)
const acts = actsOn('postgres')
const sessions = acts.filter(({ group }) => group === 'session')
const again = `FIREBREAK_SEED=${seed} npx node --test packages/firebreak/test/real/postgres/hostile-postgres.test.ts`

test('on PostgreSQL, whatever a unit does to its session ends with it, and no neighbour fails or sees it', {
  skip: needsPostgres,
}, async (t) => {
  const run = await playOnPostgres({ seed, acts: sessions, hostile: 200, innocent: 1800, groups: 10 })
  t.diagnostic(`${Object.keys(run.plays).length} of ${sessions.length} acts were played`)
  assert.deepEqual(told(judge(run.evidence)), {}, `again with: ${again}`)
})

test('on PostgreSQL, all acts together lose, double and halt nothing, and cost no innocent an attempt', {
  skip: needsPostgres,
}, async (t) => {
  const run = await playOnPostgres({ seed, acts, hostile: 300, innocent: 900, groups: 10 })
  t.diagnostic(`${Object.keys(run.plays).length} of ${acts.length} acts were played`)
  assert.deepEqual(told(judge(run.evidence)), {}, `again with: ${again}`)
})
