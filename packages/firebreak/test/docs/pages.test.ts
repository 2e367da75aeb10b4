import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { bannedIn } from '../tidy/words.ts'
import { readDoc, repository, tableOf } from './markdown.ts'

const pages = globSync(['*.md', 'docs/**/*.md', 'packages/*/*.md'], { cwd: repository }).sort()
const adrs = pages.filter((page) => page.startsWith('docs/adr/'))

/** A heading as the anchor that it gets. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

test('every link leads to a file, to a heading that exists, and to a function that is there', () => {
  const broken: string[] = []
  for (const page of pages) {
    for (const [, label = '', target = ''] of readDoc(page).matchAll(/\[([^\]]*)\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      const there = existsSync(join(repository, file))
      const named = /^`(\w+)\(\)`$/.exec(label)?.[1]
      const text = there && file.includes('.') ? readDoc(file) : ''
      const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading))
      const holds = (anchor === undefined || headings.includes(anchor)) && (named === undefined || defines(text, named))
      if (!there || !holds) broken.push(`${page}: [${label}](${target})`)
    }
  }
  assert.deepEqual(broken, [])
})

const defines = (text: string, name: string): boolean =>
  new RegExp(`(function|const) ${name}\\b|^ {2}(async )?${name}(<.*?>)?\\(`, 'm').test(text)

test('every test file that a page names exists', () => {
  const missing = pages.flatMap((page) =>
    [...readDoc(page).matchAll(/`((?:packages\/\w+\/)?test\/[\w/.-]+)`/g)]
      .map(([, path = '']) => (path.startsWith('test/') ? `packages/firebreak/${path}` : path))
      .filter((path) => !existsSync(join(repository, path)))
      .map((path) => `${page}: ${path}`),
  )
  assert.deepEqual(missing, [])
})

test('the architecture names every folder of the sources', () => {
  const rows = tableOf(readDoc('docs/architecture.md'), '## Floors and rooms')
  const named = rows.flatMap(([, floors = '', , rooms = '']) =>
    namesIn(floors).flatMap((floor) => [floor, ...namesIn(rooms).map((room) => `${floor}/${room}`)]),
  )
  const folders = globSync('packages/firebreak/src/**/', { cwd: repository })
    .map((folder) => folder.replaceAll('\\', '/').split('packages/firebreak/src/')[1] ?? '')
    // A room of a room stands behind it: `file` (`schema`).
    .map((folder) => folder.replace(/\/$/, '').replace(/^([^/]+)\/.*\//, '$1/'))
    .filter((folder) => folder !== '')
  assert.deepEqual(named.toSorted(), folders.toSorted())
})

test('the page of options is what the tables of options say', () => {
  execFileSync(process.execPath, [join(repository, 'scripts/options-page.ts'), '--check'], { stdio: 'pipe' })
})

test('the glossary names what is exported, and each noun once', () => {
  const entries = globSync('packages/firebreak/src/*.ts', { cwd: repository }).map(readDoc).join('\n')
  const page = readDoc('docs/glossary.md')
  const rows = [...page.matchAll(/^\| ([a-z][\w -]*) \| .+ \| (.+) \|$/gm)].filter(([, noun]) => noun !== 'noun')
  assert.ok(rows.length > 40, `${rows.length} nouns`)
  for (const [line, , code = ''] of rows) {
    assert.ok(namesIn(code).length > 0, line)
    for (const name of namesIn(code)) assert.match(entries, new RegExp(`\\b${name}\\b`), `${name} is exported`)
  }
  const nouns = rows.map(([, noun = '']) => noun)
  assert.deepEqual(nouns, [...new Set(nouns)], 'each noun has one line')
})

test('the architecture names every table of the ledger, and no other', () => {
  const files = ['schema', 'migrations', 'inbox-tables', 'jobs/job-tables'].map((name) =>
    readDoc(`packages/firebreak/src/ledger/${name}.ts`),
  )
  const created = files.flatMap((text) => [
    ...text.matchAll(/CREATE TABLE (?:IF NOT EXISTS )?(?:\$\{[\w.]+\})?(fb_\w+) \(/g),
  ])
  const tables = new Set(created.map(([, name]) => `\`${name}\``))
  const named = tableOf(readDoc('docs/architecture.md'), '## The ledger').map(([name]) => name)
  assert.deepEqual(named.toSorted(), [...tables].toSorted())
})

test('decisions are numbered without a gap and say what decisions say', () => {
  for (const [index, page] of adrs.entries()) {
    const number = String(index + 1).padStart(4, '0')
    assert.ok(page.startsWith(`docs/adr/${number}-`), `${page} should be ${number}`)
    const text = readDoc(page)
    assert.ok(text.startsWith(`# ${number}: `), `${page}: title`)
    assert.match(text, /\n\*\*Status\.\*\* (Accepted|Superseded), 20\d\d-\d\d-\d\d\./, `${page}: status and date`)
    for (const part of ['Context', 'Decision', 'Consequences', 'Rejected', 'How tested'])
      assert.ok(text.includes(`\n**${part}.** `), `${page}: ${part}`)
  }
})

test('pages speak in the terms of the field', () => {
  assert.deepEqual(
    pages.flatMap((page) => bannedIn(page, readDoc(page))),
    [],
  )
})

test('pages promise what the guarantees promise, and not more', () => {
  const wrong = pages.filter((page) =>
    /exactly[ -]once/i.test(readDoc(page).replaceAll(/never "exactly-once delivery"/gi, '')),
  )
  assert.deepEqual(wrong, [])
})

const namesIn = (cell: string): string[] => [...cell.matchAll(/`([\w-]+)`/g)].map(([, name]) => name ?? '')
