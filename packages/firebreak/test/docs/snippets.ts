import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { blocksOf, readDoc, repository } from './markdown.ts'

export const guides: readonly string[] = globSync('docs/guides/*.md', { cwd: repository }).sort()

/** One file of a page, put together from its blocks. */
export interface Snippet {
  readonly page: string
  readonly file: string
  readonly home: string
  /** What the page says that it prints; undefined for a file that is only type-checked. */
  readonly output: string | undefined
  /** Runs with Kafka and PostgreSQL only: its blocks say `servers`. */
  readonly needsServers: boolean
}

/** A folder of its own that sees the packages of the repository. */
export function snippetFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-docs-'))
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  return folder
}

/** Writes the files of a page, changed where the test must. */
export function extract(page: string, folder: string, change = (text: string): string => text): readonly Snippet[] {
  const blocks = blocksOf(readDoc(page)).filter(({ file }) => file !== '')
  const home = join(folder, page.replaceAll(/[^\w]/g, '-'))
  mkdirSync(home)
  const sources = Map.groupBy(
    blocks.filter(({ language }) => language === 'ts'),
    ({ file }) => file,
  )
  return [...sources].map(([file, parts]) => {
    writeFileSync(join(home, basename(file)), change(parts.map(({ text }) => text).join('\n')))
    const output = blocks.find((block) => block.language === 'text' && block.file === file)?.text
    return { page, file, home, output, needsServers: parts.some(({ needs }) => needs === 'servers') }
  })
}

/** The examples of docstrings, each written as a file; by the name of what they stand above. */
export function extractExamples(folder: string): readonly string[] {
  const home = join(folder, 'examples')
  mkdirSync(home)
  const names: string[] = []
  for (const source of globSync('packages/firebreak/src/**/*.ts', { cwd: repository }).sort()) {
    for (const [, doc = '', name = ''] of readDoc(source).matchAll(
      /^\/\*\*\n((?: \*.*\n)*?) \*\/\nexport (?:async )?function (\w+)/gm,
    )) {
      const text = / \* @example\n \* ```ts\n([\s\S]*?) \* ```\n/.exec(doc)?.[1]
      if (text === undefined) continue
      writeFileSync(join(home, `${name}.ts`), text.replaceAll(/^ \* ?/gm, ''))
      names.push(name)
    }
  }
  return names
}

/** What the file prints; of a test file, the names of the tests that pass. */
export function run({ file, home }: Snippet, servers: Readonly<Record<string, string>> = {}): string {
  const isTest = file.endsWith('.test.ts')
  const args = isTest ? ['--test', '--test-reporter=spec', file] : [file]
  const { NODE_TEST_CONTEXT, KAFKA_BROKERS, DATABASE_URL, ...rest } = process.env
  const env = { ...rest, ...servers }
  const output = execFileSync(process.execPath, args, { cwd: home, env, encoding: 'utf8', timeout: 60_000 })
  return isTest ? passed(output) : output
}

// Names without durations.
const passed = (output: string): string =>
  [...output.matchAll(/^✔ (.*) \([\d.]+ms\)$/gm)].map(([, name]) => `✔ ${name}\n`).join('')
