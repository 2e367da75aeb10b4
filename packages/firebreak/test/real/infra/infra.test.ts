/** `npm run infra` in folders of its own, on whatever ports are free. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Admin } from '@platformatic/kafka'
import pg from 'pg'
import { readArguments } from '../../../../../scripts/infra/arguments.ts'
import { openKafka } from '../../../../../scripts/infra/kafka-cluster.ts'
import { configOf } from '../../../../../scripts/infra/kafka-config.ts'
import { kafkaVersion } from '../../../../../scripts/infra/kafka-jars.ts'
import { givenBy, lookAtPostgres } from '../../../../../scripts/infra/look.ts'
import { freePorts } from '../../../../../scripts/infra/ports.ts'
import { openPostgres, startPostgres } from '../../../../../scripts/infra/postgres-server.ts'
import { isRunning, signalTo } from '../../../../../scripts/infra/server-process.ts'
import { alone, liveServers, readState, statePath, writeState } from '../../../../../scripts/infra/state.ts'
import { kafkaBrokers, secureKafka, skipReason } from '../servers.ts'
import { infra, privateFolder, repository, withoutKafka, withoutPostgres } from './infra-scene.ts'

test('a command line is read, and what is wrong with it is said with exit code 2', () => {
  const request = readArguments(['up', 'kafka', '--nodes', '3', '--secure', '--folder', '/tmp/x'])
  assert.deepEqual(request, {
    ...{ verb: 'up', parts: ['kafka'], nodes: 3, secure: true },
    ...{ keep: false, json: false, folder: '/tmp/x' },
  })
  assert.deepEqual(readArguments(['status'])?.parts, ['kafka', 'postgres'])
  assert.equal(readArguments(['up', '--help']), undefined)
  const wrong = [
    { args: [], says: /say up, down or status/ },
    { args: ['start'], says: /"start" is none of up/ },
    { args: ['up', 'redis'], says: /"redis" is none of kafka/ },
    { args: ['up', '--nodes', '2'], says: /--nodes is 1 or 3, not 2/ },
    { args: ['up', 'postgres', '--secure'], says: /--secure are for "up kafka"/ },
    { args: ['up', '--keep'], says: /--keep is for "down"/ },
    { args: ['up', '--what'], says: /Unknown option '--what'/ },
  ]
  for (const { args, says } of wrong) assert.throws(() => readArguments(args), { message: says, exit: 2 })
})

test('containers and jars are of one version', () => {
  const images = [...readFileSync(join(repository, 'compose.yaml'), 'utf8').matchAll(/image: (\S+)/g)].map(
    ([, name]) => name,
  )
  assert.deepEqual(images, [`apache/kafka:${kafkaVersion}`, 'postgres:15.18'])
  assert.match(kafkaVersion, /^\d+\.\d+\.\d+$/)
})

test('brokers in containers are set up as those on Java', () => {
  const compose = readFileSync(join(repository, 'compose.yaml'), 'utf8')
  const node = { id: 1, port: 1, controllerPort: 2, securePort: null, proxied: null, pid: 0 }
  for (const nodes of [[node], [node, node, node]]) {
    const settings = configOf({ folder: '/x', clusterId: '', nodes }, node, {}).trim().split('\n')
    const figures = settings.filter((line) => /=(true|false|\d+)$/.test(line) && !line.startsWith('node.id'))
    assert.ok(figures.length > 10)
    for (const [name = '', value] of figures.map((line) => line.split('=')))
      assert.match(compose, new RegExp(`KAFKA_${name.toUpperCase().replaceAll('.', '_')}: '?${value}'?\n`))
  }
})

test('a process that only has the number of a server is left alone', () => {
  const stranger = { pid: process.pid, mark: '/somewhere/server.properties' }
  assert.equal(isRunning(stranger), false)
  assert.equal(signalTo(stranger, 'SIGKILL'), false)
  assert.equal(isRunning({ pid: process.pid, mark: process.argv0 }), true)
})

test('servers are not believed in when their processes are gone, and what is known of them is for its owner alone', (t) => {
  const folder = privateFolder(t)
  const { pid } = spawnSync(process.execPath, ['--version'])
  const at = { folder, dataFolder: process.argv0, port: 15_432 }
  const stateOf = (number: number) => ({ how: 'packages' as const, startedAt: '', server: { ...at, pid: number } })
  writeState(folder, { postgres: stateOf(process.pid) })
  assert.deepEqual(liveServers(folder), { url: 'postgresql://postgres@127.0.0.1:15432/postgres' })
  assert.equal(statSync(statePath(folder)).mode & 0o777, 0o600)
  writeState(folder, { postgres: stateOf(pid) })
  assert.deepEqual(liveServers(folder), {})
  writeState(folder, { postgres: undefined })
  assert.equal(existsSync(statePath(folder)), false)
})

/** A process that works in the folder, as often as it can or forever. */
function workerIn(folder: string, work: '() => new Promise(setImmediate)' | '() => new Promise(() => {})') {
  const path = join(folder, 'worker.ts')
  const text = `import { alone } from ${JSON.stringify(join(repository, 'scripts/infra/state.ts'))}
    process.stdin.resume().once('end', () => process.exit())
    const working = alone(import.meta.dirname, ${work})
    console.log('works')
    await working
    for (;;) await alone(import.meta.dirname, ${work})`
  writeFileSync(path, text)
  return spawn(process.execPath, [path], { stdio: ['pipe', 'pipe', 'inherit'] })
}

test('two commands do not work on one folder at once, and one that died does not lock it, also when its number is used again', async (t) => {
  const folder = privateFolder(t)
  const path = join(folder, 'lock')
  const worker = workerIn(folder, '() => new Promise(() => {})')
  await once(worker.stdout, 'data')
  const left = readFileSync(path, 'utf8')
  await assert.rejects(
    alone(folder, async () => {}),
    { message: `process ${worker.pid} is at work in ${folder}: wait for it to end` },
  )
  worker.kill('SIGKILL')
  await once(worker, 'close')
  for (const number of [worker.pid, process.ppid, process.pid]) {
    writeFileSync(path, left.replace(String(worker.pid), String(number)))
    assert.equal(await alone(folder, async () => 'done'), 'done')
  }
  assert.equal(existsSync(path), false)
})

test('nobody sees half a lock', async (t) => {
  const folder = privateFolder(t)
  const worker = workerIn(folder, '() => new Promise(setImmediate)')
  await once(worker.stdout, 'data')
  const seen = new Set<string>()
  for (let reads = 0; reads < 2000; )
    try {
      seen.add(readFileSync(join(folder, 'lock'), 'utf8'))
      reads++
    } catch {
      // Between two locks.
    }
  worker.kill('SIGKILL')
  await once(worker, 'close')
  assert.equal(seen.size, 1, [...seen].join())
})

test('the environment counts unless it repeats what is up, and its password is not shown', async () => {
  const server = { folder: '/x', dataFolder: '/x/data', port: 15_432, pid: 0 }
  const state = { postgres: { how: 'packages' as const, startedAt: '', server } }
  const own = 'postgresql://postgres@127.0.0.1:15432/postgres'
  assert.deepEqual(givenBy({ DATABASE_URL: own, KAFKA_BROKERS: '' }, state), { brokers: undefined, url: undefined })
  const given = givenBy({ DATABASE_URL: 'postgresql://a:secret@127.0.0.1:1/b', KAFKA_BROKERS: 'x:1, y:2' }, state)
  assert.deepEqual(given.brokers, ['x:1', 'y:2'])
  const view = await lookAtPostgres(given, undefined)
  assert.equal(view?.answers, false)
  assert.equal(view.url, 'postgresql://a:***@127.0.0.1:1/b')
})

test('ports that are taken are passed over, and none is given twice', async () => {
  const [first = 0, second = 0] = await freePorts([21_000, 21_000])
  assert.notEqual(first, second)
  assert.ok(Math.max(first, second) < 32_768, `${first}, ${second}`)
})

test('with nothing up, status says so with exit code 3', async (t) => {
  const { code, out } = await infra('status', '--json', '--folder', privateFolder(t))
  assert.deepEqual({ code, view: JSON.parse(out) }, { code: 3, view: { kafka: null, postgres: null } })
})

test('"down" says when a server does not stop and is killed', async (t) => {
  const folder = privateFolder(t)
  const dataFolder = join(folder, 'postgres/data')
  mkdirSync(dataFolder, { recursive: true })
  const stubborn = "process.on('SIGINT', () => {}); process.stdin.resume(); console.log('runs')"
  const { pid = 0, stdout } = spawn(process.execPath, ['-e', stubborn, dataFolder])
  await once(stdout, 'data')
  const server = { folder: join(folder, 'postgres'), dataFolder, port: 1, pid }
  writeState(folder, { postgres: { how: 'packages', startedAt: '', server } })
  const down = await infra('down', '--json', 'postgres', '--folder', folder)
  assert.deepEqual([down.code, JSON.parse(down.out)], [0, { postgres: 'killed' }])
  assert.match(down.err, /postgres: the server did not stop in time and was killed/)
  assert.equal(openPostgres(server).isRunning(), false)
})

test('PostgreSQL that is killed with all its sessions comes back with what was committed', {
  skip: withoutPostgres,
}, async (t) => {
  const folder = privateFolder(t)
  const server = await startPostgres({ folder })
  t.after(() => server.remove())
  const client = new pg.Client({ connectionString: server.url })
  client.on('error', () => {})
  await client.connect()
  await client.query('CREATE TABLE kept AS SELECT 1 AS n')
  const before = server.pid
  await server.kill()
  assert.equal(server.isRunning(), false)
  await server.start()
  await server.ready()
  assert.notEqual(server.pid, before)
  const again = new pg.Client({ connectionString: server.url })
  await again.connect()
  assert.deepEqual((await again.query('SELECT n FROM kept')).rows, [{ n: 1 }])
  // With a session open: a clean stop does not wait for it.
  again.on('error', () => {})
  await server.stop(() => assert.fail('killed'))
  assert.equal(server.isRunning(), false)
  assert.match(readFileSync(server.logPath, 'utf8'), /database system is shut down\n$/)
  await server.remove()
  assert.equal(existsSync(server.record.dataFolder), false)
})

test('PostgreSQL that is ended at once recovers, and what only has its number is not ended', {
  skip: withoutPostgres,
}, async (t) => {
  const server = await startPostgres({ folder: privateFolder(t) })
  t.after(() => server.remove())
  // SIGQUIT would end this process.
  await openPostgres({ ...server.record, folder: privateFolder(t), pid: process.pid }).quit()
  await server.quit()
  assert.equal(server.isRunning(), false)
  assert.match(readFileSync(server.logPath, 'utf8'), /received immediate shutdown request/)
  await server.quit()
  await server.start()
  await server.ready()
  assert.match(readFileSync(server.logPath, 'utf8'), /automatic recovery in progress/)
})

test('Kafka with a secured listener comes up, is found again, is missed when it is killed, comes back, and goes without a trace but logs', {
  skip: withoutKafka,
}, async (t) => {
  const folder = privateFolder(t, (it) => infra('down', '--folder', it))
  const at = ['kafka', '--folder', folder]
  const up = await infra('up', '--secure', '--json', ...at)
  assert.equal(up.code, 0, up.err)
  assert.match(up.err, /kafka: taking the one from Maven Central/)
  const { kafka } = JSON.parse(up.out)
  assert.deepEqual([kafka.how, kafka.answers, kafka.brokersSeen], ['java', true, 1])

  const { secure } = liveServers(folder)
  assert.ok(secure !== undefined)
  assert.ok(!`${up.out}${up.err}`.includes(secure.user.password), 'a password was printed')
  const brokersSeenWith = async (password: string): Promise<number> => {
    const admin = new Admin({
      ...{ clientId: 'infra-test', bootstrapBrokers: [...secure.brokers], retries: 0 },
      tls: { ca: readFileSync(secure.caPath) },
      sasl: { mechanism: 'SCRAM-SHA-512', username: secure.user.username, password },
    })
    try {
      return (await admin.metadata({ topics: [] })).brokers.size
    } finally {
      await admin.close()
    }
  }
  assert.equal(await brokersSeenWith(secure.user.password), 1)
  await assert.rejects(brokersSeenWith('guessed'))

  const again = await infra('up', '--json', ...at)
  assert.deepEqual([again.code, JSON.parse(again.out).kafka.nodes], [0, kafka.nodes])
  const other = await infra('up', '--nodes', '3', ...at)
  assert.equal(other.code, 2)
  assert.match(other.err, /there is a Kafka with 1 node already/)

  const started = readState(folder).kafka
  assert.ok(started?.how === 'java')
  await openKafka(started.cluster).nodes[0]?.kill()
  const missed = await infra('status', '--json', ...at)
  assert.deepEqual([missed.code, JSON.parse(missed.out).kafka.nodes[0].isRunning], [1, false])
  assert.equal(liveServers(folder).brokers, undefined)

  assert.equal((await infra('up', ...at)).code, 0)
  const down = await infra('down', '--json', ...at)
  assert.deepEqual([down.code, JSON.parse(down.out)], [0, { kafka: 'stopped' }])
  assert.deepEqual(readState(folder), {})
  assert.deepEqual(
    ['n1/kafka.log', 'n1/data', 'n1/server.properties', 'tls'].map((name) => existsSync(join(folder, 'kafka', name))),
    [true, false, false, false],
  )
})

test('the brokers that tests are given answer, on the secured listener too where there is one', {
  skip: kafkaBrokers() === undefined && skipReason.kafka,
}, async () => {
  const secure = secureKafka()
  const ways = [
    { brokers: kafkaBrokers() ?? [] },
    ...(secure === undefined ? [] : [{ ...secure, sasl: { mechanism: 'SCRAM-SHA-256', ...secure.stranger } as const }]),
  ]
  for (const { brokers, ...way } of ways) {
    const login = 'caPath' in way ? { tls: { ca: readFileSync(way.caPath) }, sasl: way.sasl } : {}
    const admin = new Admin({ clientId: 'infra-test', bootstrapBrokers: [...brokers], ...login })
    const { brokers: seen } = await admin.metadata({ topics: [] })
    await admin.close()
    assert.ok(seen.size >= 1)
  }
})
