import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readScenario } from '../../src/file/read-scenario.ts'

const sizeMax = 2 ** 20
const head = 'version: 1\nduration: 10s\nservices: { a: { workers: 1 } }\ntraffic: { to: a, rate: 1 }\n'

const messagesOf = async (text: string): Promise<readonly string[]> =>
  (await readScenario(text, { format: 'yaml' })).problems.map(({ message }) => message)

const repeated = (count: number, text: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => text(i)).join('')

describe('a file is refused', () => {
  const doubling = `a0: &a0 [0, 0]\n${repeated(40, (i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]\n`)}`
  const chain = `a0: &a0 [0]\n${repeated(40, (i) => `a${i + 1}: &a${i + 1} [*a${i}]\n`)}`
  const cases: readonly [string, string, RegExp][] = [
    ['above 1 MiB', head.padEnd(sizeMax + 1, '#'), /larger than 1 MiB/],
    ['above 1 MiB of UTF-8', `${head}# ${'ä'.repeat(sizeMax / 2)}`, /larger than 1 MiB/],
    ['whose aliases double forty times', doubling, /nest more than 32 deep/],
    ['whose aliases double seventeen times', doubling.split('\n').slice(0, 18).join('\n'), /more than 200000 values/],
    ['whose aliases nest forty times', chain, /nest more than 32 deep/],
    ['nested forty deep', `a: ${'['.repeat(40)}${']'.repeat(40)}`, /nested more than 32 deep/],
    ['nested a thousand deep', `a: ${'['.repeat(1000)}${']'.repeat(1000)}`, /nested too deeply/],
    [
      'with 101 services',
      `${head.replace(/services.*/, '')}services:\n${repeated(101, (i) => `  s${i}: { workers: 1 }\n`)}`,
      /101, and at most 100/,
    ],
    [
      'with 501 edges',
      `${head}edges:\n${repeated(501, (i) => `  - { id: e${i}, from: a, to: a }\n`)}`,
      /501, and at most 500/,
    ],
    ['with 21 arms', `${head}arms:\n${repeated(21, (i) => `  a${i}:\n`)}`, /21, and at most 20/],
    [
      'with an arm that adds the 501st edge',
      `${head.replace('} }', '}, b: { workers: 1 } }')}edges:\n${repeated(500, (i) => `  - { id: e${i}, from: a, to: b }\n`)}arms: { x: { edges: { more: { from: a, to: b } } } }`,
      /501, and at most 500/,
    ],
  ]
  for (const [name, text, message] of cases)
    test(name, async () => {
      const messages = await messagesOf(text)
      assert.ok(
        messages.some((each) => message.test(each)),
        messages.slice(0, 5).join('\n'),
      )
    })

  test('with more than a hundred problems, of which the first hundred are reported', async () => {
    const messages = await messagesOf(head + repeated(3000, (i) => `x${i}: 1\n`))
    assert.deepEqual([messages.length, messages.at(-1)], [101, 'and 2900 more problems'])
  })
})

test('a large file is judged, whatever it holds, without time or stack running out', async () => {
  // Long enough for anything quadratic to run into the time limit of the file.
  const fill = (text: string): string => text.repeat(Math.floor(sizeMax / 4 / text.length))
  const texts = {
    'keys of one map': repeated(60_000, (i) => `k${i}: 1\n`),
    'brackets that open': fill('['),
    'maps in maps': fill('{a: '),
    'aliases of nothing': fill('- *a\n'),
    'an anchor, and aliases of it': `- &a x\n${fill('- *a\n').slice(0, -100)}`,
    'edges to nowhere': `${head}edges:\n${repeated(499, (i) => `  - { from: ${'x'.repeat(1000)}${i}, to: y }\n`)}`,
    'metrics that are none': `${head}expect:\n${repeated(1000, () => `  - { metric: ${'services.'.repeat(20)}, op: <, value: 1 }\n`)}`,
    'all arms with all edges': `${head.replace('} }', '}, b: { workers: 1 } }')}edges:\n${repeated(500, (i) => `  - { id: e${i}, from: a, to: c }\n`)}arms:\n${repeated(20, (i) => `  a${i}:\n`)}`,
  }
  for (const [name, text] of Object.entries(texts)) {
    const problems = await messagesOf(text)
    assert.ok(problems.length > 0, name)
  }
})

test('no key of the file reaches a prototype', async () => {
  for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const messages = await messagesOf(`${head}policies: { ${key}: { deadline: 1s } }\n`)
    assert.deepEqual(messages, ['this key is not allowed'], key)
  }
  assert.equal(Object.hasOwn(Object.prototype, 'deadline'), false)
})

test('without yaml or zod installed the error says what to install', () => {
  const url = new URL('../../src/file/read-scenario.ts', import.meta.url).href
  for (const missing of ['yaml', 'zod']) {
    const script = `
      import { registerHooks } from 'node:module'
      const gone = (name) => Object.assign(new Error("Cannot find package '" + name + "' imported from here"), { code: 'ERR_MODULE_NOT_FOUND' })
      registerHooks({ resolve: (name, context, next) => { if (name === '${missing}') throw gone(name); return next(name, context) } })
      const { readScenario } = await import('${url}')
      await readScenario('', { format: 'yaml' }).catch(({ code, message }) => console.log(code, message))
    `
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
    })
    assert.equal(
      stdout,
      `FB_CONFIG reading a scenario needs the package "${missing}", which is not installed: npm install yaml zod\n`,
      stderr,
    )
  }
})

describe('the JSON Schema of docs/lab.schema.json', () => {
  const repository = join(import.meta.dirname, '../../../..')

  test('is up to date: npm run docs writes it', () => {
    const script = join(repository, 'scripts/lab-schema.ts')
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  })

  test('describes every field', () => {
    const bare: string[] = []
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return
      const { properties = {} } = value as { properties?: Record<string, { description?: string }> }
      for (const [name, field] of Object.entries(properties))
        if (field.description === undefined && !path.endsWith('.properties')) bare.push(`${path}.${name}`)
      for (const [key, member] of Object.entries(value)) visit(member, `${path}.${key}`)
    }
    visit(JSON.parse(readFileSync(join(repository, 'docs/lab.schema.json'), 'utf8')), '')
    assert.deepEqual(bare, [])
  })
})
