import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { ServiceStatus } from '../platform/messages.ts'
import { Queues } from '../platform/queues.ts'
import { Supervisor } from '../platform/supervisor.ts'
import { isAlive } from './app.ts'

/** A process that says it is up, and lives until it is ended. */
const child = `process.send({ kind: 'up', port: null })
process.on('message', ({ kind }) => { if (kind === 'stop') process.exit(0) })
process.on('disconnect', () => process.exit(0))`

/** The next states of a child, in their order. */
const statesOf = (): { onStatus: (status: ServiceStatus) => void; next: (state: string) => Promise<ServiceStatus> } => {
  const seen: ServiceStatus[] = []
  let wake = (): void => {}
  return {
    onStatus(status) {
      seen.push(status)
      wake()
    },
    async next(state) {
      for (;;) {
        const at = seen.findIndex((status) => status.state === state)
        if (at >= 0) return seen.splice(0, at + 1)[at] as ServiceStatus
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}

test('what a person has stopped stays stopped, is no crash, and starts at once when it is started', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'logiflow-supervision-'))
  const file = join(folder, 'child.mjs')
  writeFileSync(file, child)
  const { onStatus, next } = statesOf()
  const supervisor = new Supervisor([{ name: 'one', entry: pathToFileURL(file) }], { onStatus })
  t.after(async () => {
    await supervisor.stop()
    rmSync(folder, { recursive: true })
  })
  supervisor.start()
  const first = await next('up')
  supervisor.hold('one')
  const stopped = await next('stopped')
  assert.deepEqual([stopped.crashes, stopped.restartAtMs, stopped.note], [0, null, 'stopped by hand'])
  assert.equal(isAlive(first.pid ?? 0), false)
  supervisor.release('one')
  const second = await next('up')
  assert.notEqual(second.pid, first.pid)
  // Stopped while it waits for its restart after a crash: the restart does not come.
  supervisor.crash('one')
  await next('waiting')
  supervisor.hold('one')
  assert.equal((await next('stopped')).restartAtMs, null)
  // Started before the stopped process has ended: there is one process again, and no crash more.
  supervisor.release('one')
  await next('up')
  supervisor.hold('one')
  supervisor.release('one')
  await next('starting')
  assert.equal((await next('up')).crashes, 1)
})

test('a queue says since when something waits, keeps its past, and knows what is only in passing', () => {
  const queues = new Queues({ portal: 40 })
  queues.take({ invoicing: 0, portal: 38 }, 1_000)
  queues.take({ invoicing: 3, portal: 41 }, 2_000)
  queues.take({ invoicing: 5, portal: 12 }, 3_000)
  assert.deepEqual(queues.snapshot(), {
    invoicing: { waiting: 5, sinceMs: 2_000, history: [0, 3, 5] },
    portal: { waiting: 0, sinceMs: null, history: [0, 41, 0] },
  })
  for (let look = 0; look < 400; look++) queues.take({ invoicing: 0 }, 4_000)
  assert.deepEqual(queues.snapshot()['invoicing'], { waiting: 0, sinceMs: null, history: Array(180).fill(0) })
})
