/** What becomes of servers whose owner is killed, or fails, while they start. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createKafka } from '../../../../../scripts/infra/kafka-cluster.ts'
import { createPostgres } from '../../../../../scripts/infra/postgres-server.ts'
import { isRunning, killServer, notedAt } from '../../../../../scripts/infra/server-process.ts'
import { readState, statePath, writeState } from '../../../../../scripts/infra/state.ts'
import { until } from '../kafka/scene.ts'
import { bareEnv, infra, privateFolder, program, withoutKafka, withoutPostgres } from './infra-scene.ts'

/** Puts a program of this name before all others of the name. */
function standIn(t: TestContext, name: string, script: string): void {
  const folder = privateFolder(t)
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, name), 0o755)
  const before = process.env['PATH']
  process.env['PATH'] = `${folder}${delimiter}${before}`
  t.after(() => {
    process.env['PATH'] = before
  })
}

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? entry.name : []))

for (const { kind, note, skip } of [
  { kind: 'postgres', note: 'process.json', skip: withoutPostgres },
  { kind: 'kafka', note: 'n1/process.json', skip: withoutKafka },
])
  test(`a private server ends with the process that has started it, and its data goes: ${kind}`, {
    skip,
  }, async (t) => {
    const folder = privateFolder(t)
    const child = join(import.meta.dirname, 'private-server-child.ts')
    const owner = spawn(process.execPath, [child, kind, folder], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(owner.stdout, 'data')
    const server = notedAt(join(folder, note))
    assert.ok(server !== undefined && isRunning(server))
    t.after(() => killServer(server))
    owner.kill('SIGKILL')
    await once(owner, 'close')
    await until('it has ended', () => !isRunning(server))
    const isEmpty = (): boolean => filesIn(folder).every((name) => name.endsWith('.log'))
    await until('the data is gone', () => !existsSync(server.mark) && isEmpty())
  })

test('PostgreSQL that runs although "up" was cut off is found by the next one, and ended before its data is deleted', {
  skip: withoutPostgres,
}, async (t) => {
  standIn(t, 'docker', 'exit 1')
  const folder = privateFolder(t, (it) => infra('down', '--folder', it))
  const at = ['postgres', '--json', '--folder', folder]
  const server = await createPostgres({ folder: join(folder, 'postgres') })
  t.after(() => server.remove())
  writeState(folder, { postgres: { how: 'packages', startedAt: '', server: server.record } })
  await server.start()
  const found = await infra('up', ...at)
  assert.deepEqual([found.code, JSON.parse(found.out).postgres.pid], [0, server.pid], found.err)
  rmSync(statePath(folder))
  const fresh = await infra('up', ...at)
  assert.equal(fresh.code, 0, fresh.err)
  assert.notEqual(JSON.parse(fresh.out).postgres.pid, server.pid)
  assert.equal(server.isRunning(), false)
  const down = await infra('down', ...at)
  assert.deepEqual([down.code, JSON.parse(down.out)], [0, { postgres: 'stopped' }])
})

test('containers that "up" was starting when it was killed are taken down', async (t) => {
  const folder = privateFolder(t)
  const [calls, starting] = [join(folder, 'calls'), join(folder, 'starting')]
  standIn(t, 'docker', `echo "$*" >> ${calls}; case "$*" in *" up "*) echo $$ > ${starting}; exec sleep 60;; esac`)
  const up = spawn(process.execPath, [program, 'up', 'postgres', '--folder', folder], { env: bareEnv() })
  await until('Docker is at work', () => existsSync(starting) && readFileSync(starting, 'utf8').endsWith('\n'))
  const docker = Number(readFileSync(starting, 'utf8'))
  t.after(() => process.kill(docker, 'SIGKILL'))
  up.kill('SIGKILL')
  await once(up, 'exit')
  assert.equal(readState(folder).postgres?.how, 'docker')
  const down = await infra('down', '--json', '--folder', folder)
  assert.deepEqual([down.code, JSON.parse(down.out)], [0, { kafka: null, postgres: 'left to Docker' }])
  assert.match(readFileSync(calls, 'utf8'), / rm --stop --force --volumes postgres\n/)
})

test('a broker that was being started when another one could not be is not left running', {
  skip: withoutKafka,
}, async (t) => {
  const folder = privateFolder(t)
  const { record } = await createKafka({ folder: join(folder, 'kafka'), nodes: 1 })
  // The second has no folder.
  const nodes = record.nodes.flatMap((node) => [node, { ...node, id: 2 }])
  writeState(folder, { kafka: { how: 'java', startedAt: '', cluster: { ...record, nodes } } })
  assert.equal((await infra('up', 'kafka', '--folder', folder)).code, 1)
  const first = notedAt(join(folder, 'kafka/n1/process.json'))
  assert.ok(first !== undefined)
  t.after(() => killServer(first))
  assert.equal(isRunning(first), false)
})
