import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { lockData } from '../platform/data-lock.ts'
import { nowMs, pause } from '../platform/machine.ts'
import type { OpsSnapshot } from '../platform/messages.ts'
import { isAlive, startApp } from './app.ts'

const until = async (what: string, look: () => boolean | Promise<boolean>, maxMs = 150_000): Promise<void> => {
  for (const endMs = nowMs() + maxMs; !(await look()); await pause(100))
    if (nowMs() > endMs) throw new Error(`never happened: ${what}`)
}

const folder = (): string => mkdtempSync(join(tmpdir(), 'logiflow-processes-'))

test('SIGTERM to npm ends all processes that npm start has started', async (t) => {
  const dataDir = folder()
  const npm = spawn('npm', ['start', '--', '--data', dataDir, '--port', '0'], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => npm.kill('SIGTERM'))
  let output = ''
  npm.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await until('it is ready', () => /^ready in/m.test(output))
  const url = /http:\S+/.exec(output)?.[0]
  let pids: readonly number[] = []
  await until('all services are known', async () => {
    const { ops } = (await (await fetch(`${url}api/overview`)).json()) as { ops: OpsSnapshot | null }
    pids = ops?.services.flatMap(({ pid }) => pid ?? []) ?? []
    return pids.length === 5
  })
  const { pid: supervisor } = JSON.parse(readFileSync(join(dataDir, 'logiflow.json'), 'utf8'))
  npm.kill('SIGTERM')
  await until('none of them is left', () => ![supervisor, ...pids].some(isAlive), 20_000)
  // In order: the address is taken out of the folder, and the lock is free.
  assert.equal(JSON.parse(readFileSync(join(dataDir, 'logiflow.json'), 'utf8')).url, '')
  const lock = lockData(dataDir)
  assert.notEqual(lock, undefined)
  lock?.release()
  rmSync(dataDir, { recursive: true })
})

test('of two starts at once on one folder one runs, and the other says so and ends with 2; a stale pid stops neither', async (t) => {
  const dataDir = folder()
  // Of a LogiFlow that was killed; its pid is another program's by now.
  writeFileSync(
    join(dataDir, 'logiflow.json'),
    JSON.stringify({ pid: process.pid, url: 'http://127.0.0.1:1/', simMs: 0 }),
  )
  const both = await Promise.all([startApp({ dataDir }), startApp({ dataDir })])
  // Whatever fails: what runs keeps this file from its end.
  t.after(() => Promise.all(both.map((app) => app.end())))
  const [running, refused] = both.toSorted((a, b) => Number(b.url !== '') - Number(a.url !== ''))
  assert.ok(running && refused)
  assert.match(running.output(), /^ready in/m)
  assert.equal(await refused.ended, 2)
  assert.match(refused.output(), /LogiFlow (runs|starts or stops) on .* /)
  assert.equal((await fetch(running.url)).status, 200)
  for (const name of ['logiflow.json', 'logiflow.lock', 'invoicing.db'])
    assert.equal((statSync(join(dataDir, name)).mode & 0o077).toString(8), '0', name)
})

test('a data folder that cannot be used is said in a sentence, with 2', async () => {
  const file = join(folder(), 'file')
  writeFileSync(file, '')
  const app = await startApp({ dataDir: join(file, 'data') })
  assert.equal(await app.ended, 2)
  assert.match(app.output(), /^nothing can be kept in .*: /)
})
