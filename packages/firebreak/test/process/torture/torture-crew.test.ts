import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { historyFolder, readHistory } from '../../../torture/history/history.ts'
import { Crew } from '../../../torture/process/crew.ts'

const waitMaxMs = 30_000

function crewOn(t: TestContext, ...slots: string[]): { crew: Crew; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-crew-'))
  const own = { log: { kind: 'embedded', folder }, database: { kind: 'sqlite', folder } } as const
  const crew = new Crew({ folder, seed: 1, slots, pace: 1, specOf: () => own, restartDelayMs: () => 0 })
  t.after(async () => {
    await crew.abandon()
    rmSync(folder, { recursive: true, force: true })
  })
  return { crew, folder }
}

/** Members of groups that the life of a process has had so far. */
function membersOf(folder: string, life: string): number {
  try {
    const ops = readHistory(historyFolder(folder)).filter((op) => op.f === 'assign')
    return new Set(ops.map(({ process }) => process).filter((name) => name.startsWith(life))).size
  } catch {
    // Nobody has written yet.
    return 0
  }
}

async function until(condition: () => boolean): Promise<void> {
  const untilMs = performance.now() + waitMaxMs
  while (!condition()) {
    assert.ok(performance.now() < untilMs, 'it did not come to pass')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('a storm begins as soon as its process is there, and goes on in the one that takes its place', async (t) => {
  const { crew, folder } = crewOn(t, 'churn-1')
  crew.start()
  crew.tell('churn-1', { do: 'storm' })
  await until(() => membersOf(folder, 'churn-1/1.') > 0)
  await crew.kill('churn-1', false)
  await until(() => membersOf(folder, 'churn-1/2.') > 0)
  assert.deepEqual(crew.tally.problems, [])
})

test('who waits for a crew that has no news hears at once that it is over', async (t) => {
  const { crew } = crewOn(t)
  const interrupted = new AbortController()
  const waited = crew.until(() => false, waitMaxMs, interrupted.signal)
  const startedAtMs = performance.now()
  interrupted.abort()
  assert.equal(await waited, false)
  assert.ok(performance.now() - startedAtMs < waitMaxMs / 2)
})
