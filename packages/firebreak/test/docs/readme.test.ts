/**
 * The shell commands of the README, taken out of it and run as printed. They run in a copy of the repository: in the
 * repository itself `npm start` would go on with the orders of the person who runs the tests, or be refused while their
 * LogiFlow runs.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { after, before, test } from 'node:test'
import { blocksOf, readDoc, repository } from './markdown.ts'

const commands = commandsIn(readDoc('README.md'))

/** Played by somebody else, and by whom. */
const elsewhere: ReadonlyMap<string, string> = new Map([
  // CI has just run it. Here it would delete node_modules under the tests that run beside this one.
  ['npm ci', '.ci/run'],
  // This test is a part of it.
  ['npm test', '.ci/run'],
  // From a tarball, in an empty folder: neither package is on npm yet.
  ['npm install firebreak', 'packages/firebreak/test/package/first-hour.test.ts'],
  ['npm install --save-dev @firebreak/lab', 'packages/firebreak/test/package/pack.test.ts'],
  ['npm pack -w firebreak', 'packages/firebreak/test/package/consumer.ts'],
])
const start = 'npm start'
const lookInside = /^npx firebreak /
// They take minutes or need servers: nights and torture have tests of their own, and test/real has the servers.
const programs = /^npm (start|run (incident|infra|bench|torture))(?: -- (.+))?$/
/** What a look inside has to show, where an exit code of 0 says too little. */
const shows: ReadonlyMap<string, RegExp> = new Map([
  ['npx firebreak topics', /^orders\.events +\d/m],
  ['npx firebreak dlq list', /dead letters/],
  ['npx firebreak verify', /^Every record of 4 services is accounted for\.$/m],
])

let folder = ''
let logiflow: ChildProcess | undefined
let closed: Promise<unknown> | undefined
let output = ''

before(async () => {
  folder = copyOfRepository()
  // A process group of its own, as a shell gives it to a command: Ctrl-C goes to all of it.
  const options = { cwd: folder, env: shellEnv(), shell: true, detached: true } as const
  const child = spawn(start, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  logiflow = child
  closed = new Promise((resolve) => child.once('close', resolve))
  const ready = Promise.withResolvers<void>()
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (/^ready in .*\n/m.test(output)) ready.resolve()
    })
  // It ends by itself when it cannot be ready in time.
  void closed.then(() => ready.reject(new Error(`${start} ended before it was ready:\n${output}`)))
  await ready.promise
})
after(async () => {
  signalAll('SIGKILL')
  await closed
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})
// The group of its own does not see the Ctrl-C that ends the tests.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    signalAll('SIGTERM')
    process.exit(1)
  })

test('the commands of the first screen are found', () => {
  for (const command of ['npm ci', start, 'npm run incident -- --short', 'npm run infra -- up', ...shows.keys()])
    assert.ok(commands.includes(command), `${command} is not among: ${commands.join(', ')}`)
})

test('every command of the README is played', () => {
  const isPlayed = (command: string): boolean =>
    elsewhere.has(command) || lookInside.test(command) || programs.test(command)
  assert.deepEqual(
    commands.filter((command) => !isPlayed(command)),
    [],
    'nobody plays these: run them in this test, or say here which test does',
  )
  for (const place of elsewhere.values()) assert.ok(existsSync(join(repository, place)), place)
})

test(`${start}: the page answers where it says, and a port other than 7311 is explained`, async () => {
  const [, url = '', why] = /^ready in .* (http:\S+)(.*)$/m.exec(output) ?? []
  assert.equal((await fetch(url)).status, 200)
  // Another LogiFlow may run on this machine. Then this one takes the next port that is free.
  if (new URL(url).port !== '7311') assert.match(why ?? '', /port 7311 is taken/)
})

for (const command of commands.filter((command) => lookInside.test(command)))
  test(`${command}: works while LogiFlow runs`, () => {
    assert.match(shell(command), shows.get(command) ?? /\S/)
  })

for (const command of commands.filter((command) => programs.test(command) && command !== start))
  test(`${command}: the program is there and knows every word`, () => {
    const [, program, , words = ''] = programs.exec(command) ?? []
    const help = shell(`npm ${program} -- --help`)
    assert.deepEqual(unknownIn(words, help), [], help)
  })

test('Ctrl-C ends what npm start has started, and it says so', async () => {
  signalAll('SIGINT')
  await closed
  assert.match(output, /^LogiFlow stopped\./m)
})

/** From the `sh` blocks, their comments included, and from the text. */
function commandsIn(markdown: string): readonly string[] {
  const lines = blocksOf(markdown)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.split('\n'))
  const inBlocks = lines.flatMap((line) => {
    const [, code = '', comment = ''] = /^(.*?)(?:(?:^|\s)#(.*))?$/.exec(line) ?? []
    return [...code.split('&&'), /\b(npm|npx) .*/.exec(comment)?.[0] ?? '']
  })
  const text = markdown.replaceAll(/^```[\s\S]*?^```$/gm, '')
  const inText = [...text.matchAll(/`((?:npm|npx) [^`]+)`/g)].map(([, command = '']) => command.replaceAll('\n', ' '))
  return [...new Set([...inBlocks, ...inText].map((command) => command.trim()))].filter((command) => command !== '')
}

/** The words that a help does not name: options, their values unless any file will do, and subcommands. */
function unknownIn(words: string, help: string): readonly string[] {
  const entryOf = (word: string): string =>
    new RegExp(`^ {2}(-\\w, )?${word}(?![\\w-]).*(\\n {3,}(?!-).*)*`, 'm').exec(help)?.[0] ?? ''
  const list = words.split(' ').filter((word) => word !== '')
  return list.filter((word, index) => {
    if (entryOf(word) !== '') return false
    const option = list[index - 1] ?? ''
    const entry = option.startsWith('--') ? entryOf(option) : ''
    return word.startsWith('--') || !(entry.includes('<file>') || entry.split(/\W+/).includes(word))
  })
}

/** As somebody types it; what they see. */
function shell(command: string): string {
  const options = { cwd: folder, env: shellEnv(), encoding: 'utf8', shell: true, timeout: 60_000 } as const
  const { status, stdout, stderr } = spawnSync(command, options)
  const seen = `${stdout}${stderr}`
  assert.equal(status, 0, `${command}\n${seen}`)
  return seen
}

/** Somebody's shell: without what npm and the test runner have put in, and without settings for another LogiFlow. */
function shellEnv(): NodeJS.ProcessEnv {
  const foreign = /^(npm_|NODE_OPTIONS$|NODE_TEST|LOGIFLOW_|KAFKA_BROKERS$|DATABASE_URL$)/i
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name))
  const places = process.env['PATH']?.split(delimiter).filter((place) => !/node_modules/.test(place))
  // What is not in the repository shall fail, and not be looked for on npm under the same name.
  return { ...Object.fromEntries(kept), PATH: places?.join(delimiter), npm_config_offline: 'true' }
}

/** With the packages of the repository linked, and its own as they are in the copy. */
function copyOfRepository(): string {
  const copy = mkdtempSync(join(tmpdir(), 'firebreak-readme-'))
  const left = /^(\.git|node_modules|dist|coverage|\.firebreak|\.logiflow.*|.*\.(tgz|log))$/
  cpSync(repository, copy, { recursive: true, filter: (path) => !left.test(basename(path)) })
  const [from, to] = [join(repository, 'node_modules'), join(copy, 'node_modules')]
  mkdirSync(join(to, '.bin'), { recursive: true })
  const workspaces = new Map<string, string>()
  for (const place of ['packages/firebreak', 'packages/lab', 'apps/logiflow'])
    workspaces.set(JSON.parse(readFileSync(join(copy, place, 'package.json'), 'utf8')).name, place)
  const ours = new Set([...workspaces.keys()].map((name) => name.split('/')[0]))
  for (const name of readdirSync(from))
    if (!name.startsWith('.') && !ours.has(name)) symlinkSync(join(from, name), join(to, name))
  for (const [name, place] of workspaces) {
    mkdirSync(join(to, name, '..'), { recursive: true })
    symlinkSync(join(copy, place), join(to, name))
  }
  for (const [name, place] of [
    ['firebreak', 'firebreak/bin/firebreak.js'],
    ['node', 'node/bin/node'],
  ] as const)
    symlinkSync(join(to, place), join(to, '.bin', name))
  return copy
}

function signalAll(signal: NodeJS.Signals): void {
  try {
    if (logiflow?.pid !== undefined) process.kill(-logiflow.pid, signal)
  } catch {} // All of it has ended.
}
