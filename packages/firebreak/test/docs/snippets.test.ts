import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { blocksOf, readDoc, repository } from './markdown.ts'

// A folder of its own that sees the packages of the repository.
const folder = mkdtempSync(join(tmpdir(), 'firebreak-docs-'))
after(() => rmSync(folder, { recursive: true }))
symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')

const guides = globSync('docs/guides/*.md', { cwd: repository }).sort()
const pages = ['README.md', 'packages/firebreak/README.md', ...guides]
const files = pages.flatMap((page) => extract(page))

test('every guide has code that runs', () => {
  for (const guide of guides)
    assert.ok(
      files.some(({ page, output }) => page === guide && output !== undefined),
      guide,
    )
})

test('the code of all pages type-checks', () => {
  const compilerOptions = { isolatedDeclarations: false, declaration: false }
  const config = { extends: join(repository, 'tsconfig.json'), compilerOptions, include: ['*/*.ts'], exclude: [] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const { stdout, status } = spawnSync(join(repository, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' })
  assert.equal(status, 0, stdout)
})

for (const { page, file, home, output } of files.filter((one) => one.output !== undefined)) {
  test(`${page}: ${file} prints what the page says`, () => {
    const isTest = file.endsWith('.test.ts')
    const args = isTest ? ['--test', '--test-reporter=spec', file] : [file]
    assert.equal(isTest ? passed(run(args, home)) : run(args, home), output)
  })
}

function extract(page: string): readonly { page: string; file: string; home: string; output: string | undefined }[] {
  const blocks = blocksOf(readDoc(page)).filter(({ file }) => file !== '')
  const home = join(folder, page.replaceAll(/[^\w]/g, '-'))
  mkdirSync(home)
  const sources = Map.groupBy(
    blocks.filter(({ language }) => language === 'ts'),
    ({ file }) => file,
  )
  return [...sources].map(([file, parts]) => {
    writeFileSync(join(home, basename(file)), parts.map(({ text }) => text).join('\n'))
    const output = blocks.find((block) => block.language === 'text' && block.file === file)?.text
    return { page, file, home, output }
  })
}

function run(args: readonly string[], cwd: string): string {
  const { NODE_TEST_CONTEXT, ...env } = process.env
  return execFileSync(process.execPath, args, { cwd, env, encoding: 'utf8', timeout: 60_000 })
}

// Names without durations.
const passed = (output: string): string =>
  [...output.matchAll(/^✔ (.*) \([\d.]+ms\)$/gm)].map(([, name]) => `✔ ${name}\n`).join('')
