import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { emptyScene, runServices } from './scene.ts'
import { writeConfig } from './user-folder.ts'

const launcher = join(import.meta.dirname, '../../bin/firebreak.js')

interface Ended {
  readonly exit: number | null
  readonly out: string
  readonly err: string
}

interface Started {
  readonly ended: Promise<Ended>
  /** Resolves once the program has written this to stdout. */
  says(text: string): Promise<void>
  interrupt(): void
}

function start(t: TestContext, cwd: string, args: readonly string[], env: Record<string, string> = {}): Started {
  const child = spawn(process.execPath, [launcher, ...args], {
    cwd,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  let out = ''
  let err = ''
  let wake = (): void => {}
  child.stdout.on('data', (chunk) => {
    out += chunk
    wake()
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  return {
    ended: new Promise((resolve) => child.on('close', (exit) => resolve({ exit, out, err }))),
    async says(text) {
      while (!out.includes(text)) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    interrupt: () => void child.kill('SIGINT'),
  }
}

describe('the launcher', () => {
  test('on an old Node says which one is needed and where every machine can get it', async (t) => {
    const old = 'data:text/javascript,Object.defineProperty(process,`versions`,{value:{node:`20.20.2`}})'
    const { exit, out, err } = await start(t, import.meta.dirname, ['--version'], { NODE_OPTIONS: `--import=${old}` })
      .ended
    assert.deepEqual([exit, out], [1, ''])
    assert.match(err, /needs Node 24 or newer, this is 20\.20\.2\.\nInstall one from https:\/\/nodejs\.org/)
  })

  test('runs from a folder below the config, beside the running service', async (t) => {
    const scene = emptyScene(t)
    writeConfig(scene.folder)
    const below = join(scene.folder, 'a', 'b')
    mkdirSync(below, { recursive: true })
    await runServices(scene, [{ orderId: 'K-2', weightKg: 90_000 }], async () => {
      const { exit, out } = await start(t, below, ['dlq', 'list', '--json']).ended
      assert.equal(exit, 0)
      assert.equal(JSON.parse(out).letters[0].key, 'K-2')
      const replayed = await start(t, below, ['dlq', 'replay', '--all']).ended
      assert.deepEqual([replayed.exit, replayed.out], [2, ''])
      assert.equal((await start(t, below, ['verify']).ended).exit, 0)
    })
  })

  test('the exit code and --version come through, with the condition and without', async (t) => {
    const { folder } = emptyScene(t)
    const options = [{}, { NODE_OPTIONS: '--conditions=firebreak-source' }]
    for (const env of options) {
      const version = await start(t, folder, ['--version'], env).ended
      assert.equal(version.exit, 0)
      assert.match(version.out, /^\d+\.\d+\.\d+/)
      assert.equal((await start(t, folder, ['topcis'], env).ended).exit, 2)
    }
  })

  test('finds the lab from any folder', async (t) => {
    const { folder } = emptyScene(t)
    const { exit, out } = await start(t, folder, ['lab', 'list', '--json']).ended
    assert.equal(exit, 0)
    assert.ok(JSON.parse(out).scenarios.length > 5)
  })

  test('Ctrl-C ends a tail cleanly with 130', async (t) => {
    const scene = emptyScene(t)
    writeConfig(scene.folder)
    await runServices(scene, [{ orderId: 'K-1', weightKg: 1 }])
    const env = { NODE_OPTIONS: '--conditions=firebreak-source' }
    const tail = start(t, scene.folder, ['tail', 'orders', '--from', 'earliest'], env)
    await tail.says('K-1')
    tail.interrupt()
    const { exit, err } = await tail.ended
    assert.deepEqual([exit, err], [130, ''])
  })
})

describe('the launcher of the packed package', () => {
  test('the packed package runs from dist', async (t) => {
    const { folder } = emptyScene(t)
    mkdirSync(join(folder, 'bin'))
    mkdirSync(join(folder, 'dist', 'cli'), { recursive: true })
    copyFileSync(launcher, join(folder, 'bin', 'firebreak.js'))
    writeFileSync(join(folder, 'package.json'), '{ "name": "firebreak", "type": "module" }')
    writeFileSync(join(folder, 'dist', 'cli', 'main.js'), 'export const main = async () => console.log("from dist")')
    const child = spawn(process.execPath, [join(folder, 'bin', 'firebreak.js')])
    let out = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    await new Promise((resolve) => child.on('close', resolve))
    assert.equal(out, 'from dist\n')
  })
})
