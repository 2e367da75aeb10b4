import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { repository } from './markdown.ts'
import { extract, extractExamples, guides, run, snippetFolder } from './snippets.ts'

const folder = snippetFolder()
after(() => rmSync(folder, { recursive: true }))

const pages = ['README.md', 'packages/firebreak/README.md', ...guides]
const files = pages.flatMap((page) => extract(page, folder))
const examples = extractExamples(folder)

test('every guide has code that runs', () => {
  for (const guide of guides)
    assert.ok(
      files.some(({ page, output }) => page === guide && output !== undefined),
      guide,
    )
})

// Where somebody comes in: everything else is met on the way.
const entries = [
  'accept',
  'call',
  'createAdmission',
  'createCaller',
  'createGateway',
  'createRuntime',
  'createTestRuntime',
  'defineConfig',
  'event',
]
entries.push(
  'handle',
  'isolated',
  'job',
  'jobRoutes',
  'kafkaLog',
  'logTo',
  'nodeHandler',
  'permanent',
  'policy',
  'postgresDatabase',
  'schedule',
  'service',
  'sqliteDatabase',
)
entries.push('sqliteLog', 'startAll', 'throttled', 'topic')

test('every entry function has an example', () => {
  assert.deepEqual(examples.toSorted(), entries.toSorted())
})

test('the code of all pages and of all examples type-checks', () => {
  const compilerOptions = { isolatedDeclarations: false, declaration: false }
  const config = { extends: join(repository, 'tsconfig.json'), compilerOptions, include: ['*/*.ts'], exclude: [] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const { stdout, status } = spawnSync(join(repository, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' })
  assert.equal(status, 0, stdout)
})

// What needs servers runs in test/real/guides.test.ts.
for (const snippet of files.filter(({ output, needsServers }) => output !== undefined && !needsServers)) {
  test(`${snippet.page}: ${snippet.file} prints what the page says`, () => assert.equal(run(snippet), snippet.output))
}
