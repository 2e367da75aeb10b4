import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readScenario } from '../../src/file/read-scenario.ts'
import type { LabResult } from '../../src/model/result.ts'
import type { Scenario } from '../../src/model/scenario.ts'
import { runScenario } from '../../src/run/run.ts'

const folder = new URL('../../scenarios/', import.meta.url)

async function read(file: string): Promise<Scenario> {
  const { scenario, problems } = await readScenario(readFileSync(new URL(file, folder), 'utf8'), { format: 'yaml' })
  assert.deepEqual(problems, [])
  assert.ok(scenario !== undefined)
  return scenario
}

const run = async (name: string): Promise<LabResult> => runScenario(await read(`${name}.yaml`))

for (const file of readdirSync(folder)) {
  test(`${file}: every claim and every self-check holds, and a second run is the same`, async () => {
    const scenario = await read(file)
    assert.equal(file, `${scenario.name}.yaml`)
    assert.ok(scenario.expect.length >= 2)
    const result = await runScenario(scenario)
    assert.deepEqual(
      result.expect.filter(({ holds }) => !holds),
      [],
    )
    assert.deepEqual(
      Object.entries(result.checks).filter(([, { ok }]) => !ok),
      [],
    )
    assert.equal((await runScenario(scenario)).digest, result.digest)
  })
}

test('seed-004: direct calls stay below the bound, the queue completes all, and its backlog is what flow predicts within 3 %', async () => {
  const { arms, fluid, verdict } = await run('seed-004')
  for (const name of ['rpc-naive', 'rpc-full'])
    assert.ok((arms[name]?.successRatio ?? 1) < (fluid[name]?.bound?.ratio ?? 0), name)
  const { event } = arms
  assert.equal(event?.succeeded, event?.offered)
  const predicted = fluid['event']?.backlogPeak ?? 0
  assert.ok(Math.abs((event?.backlogPeak ?? 0) / predicted - 1) < 0.03, `${event?.backlogPeak} of ${predicted}`)
  assert.ok((arms['event-4x']?.successRatio ?? 1) < 0.9)
  assert.ok(verdict.some((line) => line.includes('event-4x') && line.includes('lost')))
})

test('healthy-day: the verdict says that the direct call wins', async () => {
  const { arms, verdict } = await run('healthy-day')
  assert.ok((arms['rpc']?.latencyMs.p50 ?? 0) < (arms['event']?.latencyMs.p50 ?? 0))
  assert.ok(
    verdict.some((line) => /direct|rpc/.test(line) && /faster|sooner|wins/.test(line)),
    verdict.join('\n'),
  )
})
