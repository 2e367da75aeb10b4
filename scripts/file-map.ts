/**
 * Writes the file map of docs/architecture.md: one line for each source file, taken from its own comments.
 *
 *     node scripts/file-map.ts            writes it
 *     node scripts/file-map.ts --check    fails when it is out of date
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

const repository = join(import.meta.dirname, '..')
const page = join(repository, 'docs/architecture.md')
const sources = 'packages/firebreak/src'
const marks = ['<!-- file map: node scripts/file-map.ts -->\n', '<!-- end of file map -->'] as const

/** Where the first comment of a file is about a part of it. */
const ownWords: Readonly<Record<string, string>> = {
  'cli/program/args.ts': 'Reads a command line: options, operands, and what is wrong with them',
  'cli/dlq/discard.ts': 'firebreak dlq discard: gives letters up, with a reason',
  'cli/dlq/edit.ts': 'firebreak dlq edit: replays a letter with a changed payload',
  'cli/dlq/list.ts': 'firebreak dlq list: the letters, one by one or by kind of failure',
  'cli/dlq/replay.ts': 'firebreak dlq replay: hands letters back to their service',
  'cli/dlq/show.ts': 'firebreak dlq show: everything about one letter',
  'cli/describe.ts': 'firebreak describe: the system as text, AsyncAPI or JSON',
  'cli/outbox/change.ts': 'What is done to each of many blocked events',
  'cli/outbox/discard.ts': 'firebreak outbox discard: gives events up, with a reason',
  'cli/outbox/edit.ts': 'firebreak outbox edit: sends another payload in the place of an event',
  'cli/outbox/list.ts': 'firebreak outbox list: the events that the log refuses',
  'cli/outbox/pick.ts': 'Finds blocked events by filter or number, and shows them as JSON',
  'cli/outbox/retry.ts': 'firebreak outbox retry: sends events once more',
  'cli/outbox/show.ts': 'firebreak outbox show: everything about one blocked event',
  'cli/tail.ts': 'firebreak tail: the records of a topic as they come',
  'cli/topics.ts': 'firebreak topics: topics, groups and how far each has read',
  'cli/verify.ts': 'firebreak verify: adds the ledgers up',
  'cli/program/payload.ts': 'Changes single fields of a payload without writing the rest again',
  'cli/dlq/letter-view.ts': 'Letters as rows and as JSON',
  'contracts/disposition.ts': 'What can become of a delivery, and what is kept of an attempt',
  'contracts/error-catalogue.ts': 'Every code: who must act, the message, what to do',
  'ledger/blocked-events.ts': 'Events that the log has refused: insert, tries, decisions, find, list',
  'ledger/letters.ts': 'Dead letters: insert, change of state, find, list',
  'ledger/outbox.ts': 'Events that are committed and not yet known to be in the log',
  'ledger/partitions.ts': 'The row of a partition: who has it, what is finished, the accounts',
  'ledger/parked.ts': 'Records that wait in the database, in the order of their keys',
  'ledger/suspects.ts': 'Who may have killed the process; written only after a death',
  'ledger/verify/verify-positions.ts': 'Compares the finished positions of a partition with the log',
  'ledger/verify/verify.ts': 'Recomputes the ledger of every partition from its tables',
  'runtime/outbox/outlet.ts': 'One partition of a topic as a way out: what it is at, and what of it is in memory',
  'runtime/instance/decide.ts': 'What an error means, and what follows from a failure; pure',
  'runtime/message/envelope-codec.ts': 'Envelope to headers and back, payload bytes to values, trace context',
  'runtime/message/fingerprint.ts': 'What is kept of an error, and which errors are of one kind',
  'runtime/delivery/settlements.ts': 'How each ending of a delivery is committed',
  'runtime/message/decode.ts': 'Reads a record: envelope, handler, payload, or why not',
  'sqlite/database/database-errors.ts': 'Errors of SQLite as errors of the port',
  'sqlite/file/log-schema.ts': 'The tables of the log, and opening the file for writing',
  'testing/conformance/database-conformance-handles.ts': 'Cases of the `Database` port: handles and their end',
  'testing/conformance/database-conformance-statements.ts': 'Cases of the `Database` port: statements, values, types',
  'testing/conformance/database-conformance-units.ts': 'Cases of the `Database` port: units of work, verdicts, errors',
  'testing/conformance/log-conformance-append.ts': 'Cases of the `Log` port: append',
  'testing/conformance/log-conformance-groups.ts': 'Cases of the `Log` port: consumer groups',
  'testing/conformance/log-conformance-keeping.ts': 'Cases of the `Log` port: topics and retention',
  'testing/conformance/log-conformance-read.ts': 'Cases of the `Log` port: reading',
}

const before = readFileSync(page, 'utf8')
const after = withMap(before)
const isCheck = process.argv.includes('--check')
if (isCheck && before !== after) {
  console.error('docs/architecture.md: the file map is out of date. Run: npx node scripts/file-map.ts')
  process.exit(1)
}
if (!isCheck) writeFileSync(page, after)

function withMap(text: string): string {
  const [head, rest] = text.split(marks[0])
  const tail = rest?.slice(rest.indexOf(marks[1]))
  if (head === undefined || tail === undefined) throw new Error('docs/architecture.md has no place for the file map')
  return `${head}${marks[0]}\n${map()}\n${tail}`
}

function map(): string {
  const paths = globSync('**/*.ts', { cwd: join(repository, sources) }).map((path) => path.replaceAll('\\', '/'))
  const folders = Map.groupBy(paths.sort(), (path) => dirname(path))
  return [...folders].map(([folder, files]) => section(folder, files)).join('\n')
}

function section(folder: string, files: readonly string[]): string {
  const rows = files.map((path) => {
    const line = ownWords[path] ?? lineOf(readFileSync(join(repository, sources, path), 'utf8'), basename(path, '.ts'))
    return `| [\`${basename(path)}\`](../${sources}/${path}) | ${line.replaceAll('|', '\\|')} |\n`
  })
  return `#### ${folder === '.' ? 'entries' : folder}\n\n| file | what |\n|---|---|\n${rows.join('')}`
}

/** The first sentence about the file: of its head, of the export that it is named after, or of its first export. */
function lineOf(text: string, name: string): string {
  const camel = name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  const comments = [...text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*\n(.*)/g)]
  const head = comments.find(({ index }) => index === 0)
  const own = comments.find(([, , next = '']) => new RegExp(`^export .*\\b${camel}\\b`, 'i').test(next))
  const first = comments.find(([, , next = '']) => next.startsWith('export '))
  const comment = (head ?? own ?? first)?.[1]
  return comment === undefined ? exportsOf(text) : firstSentence(comment)
}

function firstSentence(comment: string): string {
  const text = comment.replace(/^\s*\* ?/gm, '').split(/\n\s*\n/)[0] ?? ''
  const line = text.replaceAll(/\s+/g, ' ').trim()
  const sentence = /^.*?\.(?= |$)/.exec(line)?.[0] ?? line
  const short = sentence.length > 130 ? (/^.{30,}?[:;](?= )/.exec(sentence)?.[0] ?? sentence) : sentence
  return short.replace(/[.:;]$/, '')
}

function exportsOf(text: string): string {
  const names = [...text.matchAll(/^export .*?\b(?:const|function|class|interface|type) (\w+)/gm)].map(
    ([, name]) => name,
  )
  const passedOn = [...text.matchAll(/^export (?:type )?\{/gm)].length
  return passedOn > 0 ? 'public entry: named re-exports' : names.map((name) => `\`${name}\``).join(', ')
}
