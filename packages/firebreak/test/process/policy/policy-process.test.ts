import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const source = new URL('../../../src/', import.meta.url)
// Far below the time-outs that the scripts do not wait for, far above what they need.
const waitMaxMs = 40_000

/** Runs a script with an executor of production in a process of its own, which has to end by itself. */
function runs(policySpec: string, script: string): { code: number | null; out: string } {
  const text = `
    import { Executor } from '${new URL('policy/executor.ts', source)}'
    import { policy } from '${new URL('policy/definition/policy.ts', source)}'
    import { systemClock } from '${new URL('node/clock.ts', source)}'
    const executor = new Executor(policy(${policySpec}), { name: 'pricing', clock: systemClock, random: Math.random })
    ${script}`
  const args = ['--expose-gc', '--input-type=module', '--eval', text]
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    timeout: waitMaxMs,
  })
  assert.equal(signal, null, `still running after ${waitMaxMs} ms`)
  return { code: status, out: `${stdout}${stderr}`.trim() }
}

const minutes = '{ attemptTimeoutMs: 60_000, deadlineMs: 300_000 }'

test('a process whose calls are answered ends at once, not after their time-out', () => {
  const { code, out } = runs(minutes, "console.log(await executor.execute(async () => 'answered'))")
  assert.deepEqual([code, out], [0, 'answered'])
})

test('a process whose call nothing else keeps alive lives until its time-out, and hears of it', () => {
  const { code, out } = runs(
    '{ attemptTimeoutMs: 50, attemptsMax: 2 }',
    `await executor.execute(async () => 'answered')
     await executor.execute(() => new Promise(() => {})).catch(({ code, detail }) => console.log(code, detail.attempts))`,
  )
  assert.deepEqual([code, out], [0, 'FB_CALL_TIMEOUT 2'])
})

test('a process ends at once after a call was cancelled, under way or in the queue', () => {
  const { code, out } = runs(
    `{ ...${minutes}, bulkhead: { slots: 1, queueMax: 5, queueWaitMaxMs: 60_000 } }`,
    `const abort = new AbortController()
     const hang = () => executor.execute(() => new Promise(() => {}), { signal: abort.signal })
     const calls = [hang(), hang()]
     abort.abort('enough')
     console.log((await Promise.allSettled(calls)).map(({ reason }) => reason).join())`,
  )
  assert.deepEqual([code, out], [0, 'enough,enough'])
})

test('neither an error that the caller handles nor one that comes late is an unhandled rejection', () => {
  const { code, out } = runs(
    '{ attemptTimeoutMs: 20, attemptsMax: 1 }',
    `const late = () => new Promise((_, reject) => setTimeout(reject, 60, new Error('late')))
     await executor.execute(late).catch(({ code }) => console.log(code))
     await new Promise((resolve) => setTimeout(resolve, 100))`,
  )
  assert.deepEqual([code, out], [0, 'FB_CALL_TIMEOUT'])
})

test('the heap does not grow with calls that are over, however they ended', () => {
  const { code, out } = runs(
    '{ attemptsMax: 1, breaker: { failureRatio: 1 } }',
    `const { signal } = new AbortController()
     const broken = new Error('broken')
     const one = async (i) => {
       const shard = 'key ' + i
       await executor.execute(async () => i, { signal, shard })
       await executor.execute(() => i, { deadlineAtMs: systemClock.monotonic() + 1000 })
       await executor.execute(() => Promise.reject(broken)).catch(() => {})
       executor.start(() => {}, { succeeded() {}, failed() {} }).cancel()
     }
     const rounds = async (from, count) => {
       for (let i = from; i < from + count; i++) await one(i)
       gc()
       return process.memoryUsage().heapUsed
     }
     const before = await rounds(0, 5_000)
     const after = await rounds(5_000, 50_000)
     console.log(after - before < 1_000_000 ? 'steady' : 'grew by ' + (after - before))`,
  )
  assert.deepEqual([code, out], [0, 'steady'])
})
