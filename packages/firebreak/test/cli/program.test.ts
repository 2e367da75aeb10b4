import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { commands } from '../../src/cli/commands.ts'
import { didYouMean } from '../../src/cli/program/suggest.ts'
import { defineConfig } from '../../src/runtime/system/config.ts'
import { invoicing, run, sceneIn, shop } from './scene.ts'

const scene = sceneIn('/tmp/firebreak-cli-never-opened')
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const install = `Install it: npm install --save-dev @firebreak/lab@${version}`

describe('help', () => {
  test('every command has a page with examples before options', async () => {
    for (const { name } of commands) {
      for (const line of [
        [...name.split(' '), '--help'],
        ['help', ...name.split(' ')],
        [...name.split(' '), '-h'],
      ]) {
        const { exit, out, err } = await run(scene, line)
        assert.deepEqual([exit, err], [0, ''])
        assert.ok(out.indexOf('Examples') > 0 && out.indexOf('Examples') < out.indexOf('Options'), name)
        assert.ok(
          out.split('\n').every((text) => text.length <= 100),
          `${name} is too wide`,
        )
      }
    }
  })

  test('the overview comes without arguments and with help; a noun alone shows its verbs', async () => {
    const { out } = await run(scene, [])
    assert.equal((await run(scene, ['help'])).out, out)
    for (const { name } of commands) assert.ok(out.includes(`  ${name} `), name)
    const dlq = (await run(scene, ['dlq'])).out
    assert.ok(dlq.includes('dlq replay') && !dlq.includes('describe'))
  })

  test('--version is the version of the package', async () => {
    assert.equal((await run(scene, ['--version'])).out, `${version}\n`)
    assert.deepEqual(JSON.parse((await run(scene, ['--version', '--json'])).out), { version })
  })

  test('an option means the same in every command', () => {
    const kinds = new Map<string, boolean>()
    for (const [name, spec] of commands.flatMap(({ options }) => Object.entries(options))) {
      assert.equal(kinds.get(name) ?? spec.value !== undefined, spec.value !== undefined, name)
      kinds.set(name, spec.value !== undefined)
    }
  })
})

describe('the lab is a package of its own', () => {
  const missing = { resolve: () => undefined }

  for (const line of [
    'lab run seed-004 --seed 7',
    '--config c.ts lab run x',
    'lab',
    'lab --help',
    'help lab run',
    '--json lab',
  ])
    test(`where it is not installed, "${line}" says what to install and ends with 2`, async () => {
      const { exit, out, err } = await run(scene, line.split(' '), missing)
      assert.deepEqual([exit, out], [2, ''])
      assert.match(err, /comes with @firebreak\/lab, which is not installed/)
      assert.ok(err.includes(install))
    })

  test('the overview says in one line how to get it, and nothing where it is there', async () => {
    const without = (await run(scene, [], missing)).out
    assert.ok(without.replace(/^ {2}lab +/m, '  lab ').includes(`\n  lab scenarios under load. ${install}\n`))
    assert.ok(without.split('\n').every((text) => text.length <= 110))
    assert.ok(!(await run(scene, [])).out.includes('npm install'))
    assert.ok(!(await run(scene, ['dlq'], missing)).out.includes('npm install'))
  })

  test('commands of this package do not look for it', async () => {
    const resolve = () => assert.fail('looks for it')
    for (const line of ['dlq list --help', '--version', '--config c.ts dlq --help'])
      assert.equal((await run(scene, line.split(' '), { resolve })).exit, 0)
  })
})

describe('a lab that does not fit', () => {
  const found = (manifest: string, load: () => Promise<unknown>) => ({
    resolve: (name: string) => `/work/${name}`,
    files: { '/work/@firebreak/lab/package.json': manifest },
    load,
  })

  test('a lab of another version is refused, and not loaded', async () => {
    const other = found('{ "version": "0.0.9" }', () => assert.fail('loads it'))
    const { exit, err } = await run(scene, ['lab', 'list'], other)
    assert.deepEqual(
      [exit, err],
      [2, `firebreak: firebreak ${version} needs @firebreak/lab ${version}, and 0.0.9 is installed.\n${install}\n`],
    )
    assert.equal((await run(scene, [], other)).exit, 0)
  })

  test('a lab that cannot be loaded says why, and leaves the other commands alone', async () => {
    const broken = found(JSON.stringify({ version }), () => Promise.reject(new Error('no such file')))
    const { exit, err } = await run(scene, ['lab', 'list'], broken)
    assert.deepEqual([exit, err], [1, `firebreak: @firebreak/lab cannot be loaded: no such file\n${install}\n`])
    const cut = await run(
      scene,
      ['lab', 'list'],
      found('{ "version"', () => assert.fail('loads it')),
    )
    assert.equal(cut.exit, 1)
    assert.match(cut.err, /^firebreak: @firebreak\/lab cannot be loaded: .*JSON/)
    assert.equal((await run(scene, ['help'], broken)).exit, 0)
  })
})

describe('wrong usage ends with 2 and a suggestion', () => {
  const wrong: readonly [string, RegExp][] = [
    ['dlq lsit', /Did you mean "dlq list"\?/],
    ['replay x', /Did you mean "dlq replay"\?/],
    ['topcis', /Did you mean "topics"\?/],
    ['dlq list --servce x', /Did you mean "--service"\?/],
    ['dlq list --yes', /"dlq list" has no option --yes/],
    ['dlq list x', /Unexpected argument "x"\./],
    ['dlq show', /"dlq show" needs <id>/],
    ['dlq list --type', /--type needs a value/],
    ['dlq list --type --json', /write --type=--json/],
    ['dlq list --group=1', /--group takes no value/],
    ['dlq list --max none', /--max must be a whole number from 1 on/],
  ]
  for (const [line, message] of wrong) {
    test(line, async () => {
      const { exit, out, err } = await run(scene, line.split(' '))
      assert.deepEqual([exit, out], [2, ''])
      assert.match(err, message)
    })
  }

  test('with --json the error is one JSON line on stderr', async () => {
    const { err } = await run(scene, ['topics', '--json', '--config', 'nope.ts'])
    const { error } = JSON.parse(err)
    assert.deepEqual([error.exit, error.message], [2, 'There is no config file /work/nope.ts.'])
  })

  test('nothing far away is suggested', () => {
    assert.equal(didYouMean('xyzzy', ['list', 'show', 'replay']), '')
    assert.equal(didYouMean('rep', ['list', 'replay']), ' Did you mean "replay"?')
  })
})

describe('config', () => {
  test('is found in a folder above, in order of names', async () => {
    const asked: string[] = []
    const exists = (path: string): boolean => asked.push(path) > 0 && path === '/a/firebreak.config.mjs'
    const loaded: string[] = []
    const load = async (path: string): Promise<unknown> => {
      loaded.push(path)
      return { config: scene.config }
    }
    const { exit } = await run(scene, ['describe'], { cwd: '/a/b', exists, load })
    assert.deepEqual([exit, loaded], [0, ['/a/firebreak.config.mjs']])
    assert.deepEqual(
      asked.slice(0, 3),
      ['ts', 'js', 'mjs'].map((end) => `/a/b/firebreak.config.${end}`),
    )
  })

  test('a default export is a config too', async () => {
    const { exit } = await run(scene, ['describe'], { load: async () => ({ default: scene.config }) })
    assert.equal(exit, 0)
  })

  test('none at all shows one to copy; one that throws is 1', async () => {
    const none = await run(scene, ['describe'], { exists: () => false })
    assert.equal(none.exit, 2)
    assert.match(none.err, /export default defineConfig/)
    const load = async (): Promise<unknown> => {
      throw new Error('no such module')
    }
    const broken = await run(scene, ['describe'], { load })
    assert.deepEqual(
      [broken.exit, broken.err],
      [1, 'firebreak: /work/firebreak.config.ts cannot be loaded: no such module\n'],
    )
  })

  test('nothing is opened by commands that need only the definitions', async () => {
    const log = (): never => {
      throw new Error('opened')
    }
    const { exit } = await run({ ...scene, config: { ...scene.config, log } }, ['describe'])
    assert.equal(exit, 0)
  })
})

describe('a config with', () => {
  const refused: readonly [string, unknown, RegExp][] = [
    ['no export', {}, /does not export "config"/],
    ['a default export that is none', { default: {} }, /is not a config:[\s\S]*"log" must be a function/],
    ['no object', { config: 1 }, /is not an object/],
    ['no log and no services', { config: {} }, /"log" must be a function[\s\S]*"services" must list/],
    ['no service', { config: { log() {}, services: [{}] } }, /services\[0\]\.service is not built with service\(\)/],
    [
      'a service twice',
      { config: defineConfig({ log: scene.config.log, services: [{ service: shop }, { service: shop }] }) },
      /"shop" is listed twice/,
    ],
    [
      'handlers without a database',
      { config: defineConfig({ log: scene.config.log, services: [{ service: invoicing }] }) },
      /services\[0\]\.database is missing: invoicing has handlers/,
    ],
  ]
  for (const [name, exports, message] of refused) {
    test(`${name} is refused with 2`, async () => {
      const { exit, err } = await run(scene, ['describe'], { load: async () => exports })
      assert.equal(exit, 2)
      assert.match(err, message)
    })
  }
})
