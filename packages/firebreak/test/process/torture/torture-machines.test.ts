/** What is done to machines, with a crew that does at once what it is asked, and with processes of its own. */
import assert from 'node:assert/strict'
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { systemClock } from '../../../src/node/clock.ts'
import { canFillDisks, fillDisk, freeDisk } from '../../../torture/faults/disks.ts'
import { type MachineFaults, upset } from '../../../torture/faults/machine-faults.ts'
import { clockVariable } from '../../../torture/history/clock-names.ts'
import { historyFolder } from '../../../torture/history/history.ts'
import { seeded } from '../../../torture/history/random.ts'
import type { Crew } from '../../../torture/process/crew.ts'

const noLimits = !(await canFillDisks()) && 'needs prlimit'

test('each kind of fault comes in every round, and in the end all clocks are right', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-machines-'))
  t.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(historyFolder(folder))
  const clocks = new Map<string, number>()
  const crew: Parameters<typeof upset>[0] = {
    isHopeless: false,
    slots: ['producer-1', 'first-1', 'first-2', 'churn-1'],
    busySlots: ['producer-1', 'first-1', 'first-2'],
    until: async () => false,
    setClock: (slot, aheadMs) => void clocks.set(slot, aheadMs),
    pidOf: () => undefined,
  } satisfies Partial<Crew> as Parameters<typeof upset>[0]
  const faults: MachineFaults = {}
  let happened = 0
  const disks = noLimits === false ? 1 : 0
  await upset(crew, faults, {
    ...{ folder, random: seeded(3), signal: new AbortController().signal },
    isOver: () => happened >= 2 * (5 + disks),
    onFault: () => void happened++,
  })
  assert.deepEqual(Object.values(faults), Array(5 + disks).fill(2))
  assert.deepEqual([...clocks.values()], [0, 0, 0, 0])
})

test('the wall clock of a process and of its threads is set, from its start and while it runs', async () => {
  const preload = join(import.meta.dirname, '../../../torture/faults/jumping-clock.ts')
  const child = fork(join(import.meta.dirname, 'torture-clock-child.ts'), [], {
    execArgv: ['--import', preload],
    env: { ...process.env, [clockVariable]: '3600000' },
  })
  const ahead = async (): Promise<readonly number[]> => {
    const [said] = await once(child, 'message')
    return (said as number[]).map((nowMs) => Math.round((nowMs - systemClock.now()) / 3_600_000))
  }
  assert.deepEqual(await ahead(), [1, 1])
  child.send({ aheadMs: -24 * 3_600_000 })
  assert.deepEqual(await ahead(), [-24, -24])
  child.disconnect()
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

test('a full disk stops the files of a process from growing, and only until it is freed', {
  skip: noLimits,
}, async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  const limit = (): string | undefined =>
    /^Max file size +(\S+)/m.exec(readFileSync(`/proc/${child.pid}/limits`, 'utf8'))?.[1]
  try {
    const before = limit()
    await fillDisk([child.pid ?? 0], 123_456)
    assert.equal(limit(), '123456')
    await freeDisk([child.pid ?? 0])
    assert.equal(limit(), before)
  } finally {
    child.kill()
  }
})
