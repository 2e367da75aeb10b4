import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Consumer, createConsumer, type Packed } from './consumer.ts'

const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
  readonly version: string
  readonly exports: Readonly<Record<string, unknown>>
  readonly dependencies?: unknown
}
const all = Object.keys(manifest.exports).filter((name) => name !== './package.json')
/** Entries that need a client which the user installs. */
const clients: Readonly<Record<string, readonly string[]>> = {
  './kafka': ['@platformatic/kafka'],
  './postgres': ['pg', '@types/pg'],
}
const entries = all.filter((name) => !(name in clients))
const specifierOf = (entry: string): string => entry.replace('.', 'firebreak')

let consumer: Consumer
before(() => {
  consumer = createConsumer()
})
after(() => consumer.remove())

test('the tarball holds the build, the program and what a reader needs, and nothing else', () => {
  const paths = consumer.packed.files.map(({ path }) => path)
  for (const wanted of ['LICENSE', 'README.md', 'package.json', 'bin/firebreak.js', 'dist/index.js', 'dist/index.d.ts'])
    assert.ok(paths.includes(wanted), `${wanted} is missing`)
  const allowed = /^(dist\/.+\.(js|d\.ts|css|html|svg|json|woff2)|bin\/[^/]+\.js|LICENSE|README\.md|package\.json)$/
  assert.deepEqual(
    paths.filter((path) => !allowed.test(path)),
    [],
  )
  assert.deepEqual(
    paths.filter((path) => /\.test\./.test(path)),
    [],
  )
})

test('the tarball stays small', (t) => {
  const { size, unpackedSize, files } = consumer.packed
  t.diagnostic(`${files.length} files, ${Math.round(size / 1024)} KiB packed, ${Math.round(unpackedSize / 1024)} KiB`)
  assert.ok(size < 480 * 1024, `${size} bytes`)
  assert.ok(unpackedSize < 1750 * 1024, `${unpackedSize} bytes`)
  assert.ok(files.length < 720, `${files.length} files`)
})

test('the library brings no dependencies', () => assert.equal(manifest.dependencies, undefined))

test('every entry that needs no client can be imported from plain JavaScript', () => {
  const lines = entries.map((entry) => `await import(${JSON.stringify(specifierOf(entry))})`)
  consumer.write('entries.mjs', `${lines.join('\n')}\nconsole.log('imported', ${lines.length})`)
  assert.equal(consumer.node('entries.mjs').trim(), `imported ${entries.length}`)
})

test('on a Node that is too old every entry says which one it needs', () => {
  const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })"
  for (const entry of entries)
    assert.throws(
      () => consumer.node('--import', `data:text/javascript,${old}`, '-e', `import('${specifierOf(entry)}')`),
      /firebreak needs Node 24 or newer, and this is Node 20\.20\.2\. Install a newer one/,
    )
})

test('a plain JavaScript service publishes and handles an event on the embedded engines', () => {
  consumer.write('service.mjs', service)
  assert.equal(consumer.node('service.mjs').trim(), 'greeted ada, stored 1')
})

test('a log whose thread was left behind by a bundler says what the bundler must do', () => {
  const worker = "new URL('./sqlite/owner/log-owner-worker.js', import.meta.resolve('firebreak'))"
  const program = "await sqliteLog({ path: 'bundled' }).ensureTopics([{ name: 'a', partitions: 1 }])"
  const imports = `import { renameSync } from 'node:fs'\nimport { sqliteLog } from 'firebreak'`
  consumer.write('bundled.mjs', `${imports}\nrenameSync(${worker}, 'worker.js')\n${program}`)
  try {
    assert.throws(() => consumer.node('bundled.mjs'), /A bundler must leave firebreak outside of its bundle/)
  } finally {
    consumer.node(
      '--input-type=module',
      '-e',
      `import { renameSync } from 'node:fs'\nrenameSync('worker.js', ${worker})`,
    )
  }
})

test('the program says its version', () => {
  assert.equal(consumer.run('npx', '--offline', 'firebreak', '--version').trim(), manifest.version)
})

test('a strict TypeScript consumer type-checks against the tarball', () => {
  consumer.write('consumer.ts', typed)
  consumer.write('entries.ts', entries.map((entry) => `import '${specifierOf(entry)}'`).join('\n'))
  consumer.write('tsconfig.json', JSON.stringify({ compilerOptions: strict, files: ['consumer.ts', 'entries.ts'] }))
  assert.equal(consumer.tsc('-p', '.'), '')
})

test('an entry whose client is not installed says which one is missing', () => {
  for (const [entry, [client]] of Object.entries(clients))
    assert.throws(
      () => consumer.node('-e', `import('${specifierOf(entry)}')`),
      new RegExp(`Cannot find package '${client}'`),
    )
})

test('with their clients installed all entries can be imported and type-checked', () => {
  for (const name of Object.values(clients).flat()) consumer.link(name)
  const lines = all.map((entry) => `import '${specifierOf(entry)}'`)
  consumer.write('all.mjs', `${lines.join('\n')}\nconsole.log('imported')`)
  assert.equal(consumer.node('all.mjs').trim(), 'imported')
  consumer.write('all.ts', lines.join('\n'))
  // The clients' own declarations are theirs to check.
  const options = { ...strict, skipLibCheck: true }
  consumer.write('tsconfig.all.json', JSON.stringify({ compilerOptions: options, files: ['all.ts'] }))
  assert.equal(consumer.tsc('-p', 'tsconfig.all.json'), '')
})

test('a mistake of a TypeScript consumer is found', () => {
  consumer.write('mistake.ts', typed.replace("name: 'ada'", 'name: 1'))
  consumer.write('tsconfig.mistake.json', JSON.stringify({ compilerOptions: strict, files: ['mistake.ts'] }))
  assert.throws(() => consumer.tsc('-p', 'tsconfig.mistake.json'), /mistake\.ts.*TS2322/)
})

test('without the lab the program says how to get it, and "firebreak lab" ends with 2', () => {
  const install = `npm install --save-dev @firebreak/lab@${manifest.version}`
  assert.ok(consumer.run('npx', '--offline', 'firebreak').includes(`scenarios under load. Install it: ${install}\n`))
  assert.throws(() => consumer.run('npx', '--offline', 'firebreak', 'lab', 'run', 'seed-004', '--seed', '7'), {
    status: 2,
    message: new RegExp(
      `"firebreak lab" comes with @firebreak/lab, which is not installed\\.\nInstall it: ${install}\n`,
    ),
  })
})

describe('with the lab installed', () => {
  let packed: Packed
  before(() => {
    packed = consumer.add('lab', ['yaml', 'zod'])
  })

  test('its tarball holds the build, the scenarios and what a reader needs, and nothing else', (t) => {
    const { size, unpackedSize, files } = packed
    t.diagnostic(`${files.length} files, ${Math.round(size / 1024)} KiB packed, ${Math.round(unpackedSize / 1024)} KiB`)
    assert.ok(size < 130 * 1024, `${size} bytes`)
    const allowed = /^(dist\/.+\.(js|d\.ts)|scenarios\/[a-z0-9-]+\.yaml|LICENSE|README\.md|package\.json)$/
    const paths = files.map(({ path }) => path)
    assert.deepEqual(
      paths.filter((path) => !allowed.test(path) || path.includes('.test.')),
      [],
    )
    for (const wanted of ['LICENSE', 'README.md', 'dist/index.js', 'dist/cli.js', 'scenarios/seed-004.yaml'])
      assert.ok(paths.includes(wanted), `${wanted} is missing`)
  })

  test('"firebreak lab" simulates a scenario that comes with it', () => {
    const out = consumer.run('npx', '--offline', 'firebreak', 'lab', 'run', 'seed-004')
    assert.match(out, /^seed-004\n/)
    assert.match(consumer.run('npx', '--offline', 'firebreak'), /^ {2}lab sweep /m)
  })

  test('"firebreak lab" runs processes of the installed packages', () => {
    consumer.write('one.yaml', small)
    const out = consumer.run('npx', '--offline', 'firebreak', 'lab', 'run', 'one.yaml', '--mode', 'real', '--json')
    assert.equal(JSON.parse(out).arms.one.offered, 20)
  })

  test('it can be imported, and type-checked by a strict consumer', () => {
    consumer.write('lab.mjs', labUse)
    assert.equal(consumer.node('lab.mjs').trim(), '20')
    consumer.write('lab.ts', labUse)
    consumer.write('tsconfig.lab.json', JSON.stringify({ compilerOptions: strict, files: ['lab.ts'] }))
    assert.equal(consumer.tsc('-p', 'tsconfig.lab.json'), '')
  })

  test('the report with plots says which packages it needs, and is written when they are there', () => {
    const report = ['--offline', 'firebreak', 'lab', 'run', 'one.yaml', '--out', 'one.html']
    assert.throws(() => consumer.run('npx', ...report), { status: 1, message: /npm install .*@observablehq\/plot/ })
    for (const name of ['@observablehq/plot', 'linkedom']) consumer.link(name)
    consumer.run('npx', ...report)
  })
})

const small = `
version: 1
duration: 1s
services: { web: { workers: 1, latency: 1ms } }
traffic: { to: web, process: deterministic, rate: 20 }
arms: { one: }
`

const labUse = `
import { readScenario, runScenario } from '@firebreak/lab'
import { readFileSync } from 'node:fs'

const { scenario } = await readScenario(readFileSync('one.yaml', 'utf8'), { format: 'yaml' })
if (scenario === undefined) throw new Error('no scenario')
const result = await runScenario(scenario)
console.log(result.arms['one']?.offered)
`

const strict = {
  strict: true,
  noEmit: true,
  target: 'es2024',
  module: 'nodenext',
  lib: ['es2024', 'esnext'],
  types: ['node'],
  typeRoots: [join(import.meta.dirname, '../../../../node_modules/@types')],
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
}

const service = `
import { createRuntime, event, handle, service, sqliteDatabase, sqliteLog } from 'firebreak'

const schema = { '~standard': { version: 1, vendor: 'by-hand', validate: (value) => ({ value }) } }
const Greeted = event({ type: 'person.greeted', topic: 'people', key: 'name', schema })
const log = sqliteLog({ path: 'data' })
const database = sqliteDatabase({ path: 'data/greeter.db' })
await database.query('CREATE TABLE greetings (name TEXT PRIMARY KEY)')
const handled = Promise.withResolvers()
const greeter = service({
  name: 'greeter',
  publishes: [Greeted],
  handlers: [handle(Greeted, (payload, ctx) =>
    ctx.transaction((sql) => sql.query('INSERT INTO greetings (name) VALUES ($1)', [payload.name])))],
})
const observe = (fact) => fact.kind === 'done' && handled.resolve()
const runtime = createRuntime({ service: greeter, log, database, observe })
await runtime.start()
await runtime.publish(Greeted, { name: 'ada' })
await handled.promise
const rows = await database.query('SELECT name FROM greetings')
await runtime.stop()
await database.close()
await log.close()
console.log('greeted ' + rows[0].name + ', stored ' + rows.length)
`

const typed = `
import { createRuntime, event, handle, isFirebreakError, type Schema, service, sqliteDatabase, sqliteLog } from 'firebreak'

declare const schema: Schema<{ readonly name: string; readonly age: number }>
const Greeted = event({ type: 'person.greeted', topic: 'people', key: 'name', schema })
const greeter = service({
  name: 'greeter',
  publishes: [Greeted],
  handlers: [handle(Greeted, async ({ name, age }, ctx) => {
    const text: string = name
    await ctx.transaction((sql) => sql.query('INSERT INTO t VALUES ($1, $2)', [text, age]))
  })],
})
const runtime = createRuntime({
  service: greeter, log: sqliteLog({ path: 'data' }), database: sqliteDatabase({ path: 'data/greeter.db' }),
})
export const id: Promise<string> = runtime.publish(Greeted, { name: 'ada', age: 36 })
export const code = (error: unknown): string => (isFirebreakError(error) ? error.code : 'unknown')
`
