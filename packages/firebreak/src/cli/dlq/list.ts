import { visibleLine } from '../../contracts/text/visible.ts'
import { countReplayingElsewhere } from '../../ledger/letters.ts'
import { toRfc3339 } from '../../node/clock.ts'
import type { Call, Command } from '../program/command.ts'
import { type ExitCode, exit } from '../program/exit.ts'
import { duration, failureText, grouped, shellWord } from '../program/output.ts'
import { showPages } from '../program/pages.ts'
import { ledgersOf } from '../program/pick-by-id.ts'
import type { ServiceLedger } from '../program/session.ts'
import { shortIds } from '../program/short-ids.ts'
import { cut, wrap } from '../program/text-width.ts'
import {
  countOf,
  filterOf,
  filterOptions,
  type LetterQuery,
  letterId,
  letterPages,
  letters,
  type Pick,
  pageOptions,
  stateOption,
  subjectOf,
} from './letter-pick.ts'
import { letterSummary } from './letter-view.ts'

const listMax = 50

export const dlqList: Command = {
  name: 'dlq list',
  summary: 'list dead letters, newest first',
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  examples: [
    { line: 'dlq list', what: 'what waits for a decision' },
    { line: 'dlq list --group', what: 'the same by kind of failure' },
    { line: 'dlq list --service invoicing --state all', what: 'one service, decided ones too' },
    { line: "dlq list --json | jq -r '.letters[].id'", what: 'for scripts' },
  ],
  options: {
    ...filterOptions,
    ...stateOption,
    ...pageOptions,
    max: { value: 'n', help: `at most so many; default ${listMax}, with --group all` },
    group: { help: 'one line per kind of failure' },
  },
  notes: [
    'With --json, "next" is the id for --after of the next page, null behind the last one. Page by page\neach letter that is there all the time comes once, while others are added and decided.',
  ],
  async run(call) {
    const { args } = call
    const isGrouped = args.flag('group')
    const max = args.count('max') ?? (isGrouped ? Number.POSITIVE_INFINITY : listMax)
    const query = { ledgers: await ledgersOf(call), filter: filterOf(args), after: args.text('after'), max }
    const total = await countOf(query.ledgers, query.filter)
    const code = await (isGrouped ? showGroups(call, query, total) : showLetters(call, query, total))
    if (!call.output.json) await tellStranded(call, query.ledgers)
    return code
  },
}

async function showLetters(call: Call, query: LetterQuery, total: number): Promise<ExitCode> {
  const { output, args } = call
  const { count, first, next } = await showPages(call, query, {
    pages: letterPages,
    placeOf: letterId,
    json: { head: { total }, name: 'letters', row: letterSummary },
    showRows: (picks, isMore) => showRows(call, picks, isMore),
  })
  if (output.json) return exit.ok
  if (first === undefined) return sayNone(output.note, args.text('state') ?? 'open')
  const more = next === null ? '' : ` of ${grouped(total)}; the next with --after ${next}`
  output.note(`${letters(count)}${more}. Next: firebreak dlq show ${first}`)
  return exit.ok
}

/** **Shape** the short id of the first of them. */
function showRows({ io, output }: Call, picks: readonly Pick[], isMore: boolean): string {
  const short = shortIds(picks.map(({ letter }) => letter.id))
  const rows = picks.map(({ ledger, letter }, i) => [
    short[i] ?? letter.id,
    duration(io.clock.now() - letter.atMs),
    letter.hold ? `${letter.state}, holds` : letter.state,
    ledger.service.name,
    subjectOf(letter),
    letter.entry.key ?? '-',
    failureText(letter),
  ])
  output.table(
    [
      { title: 'ID', paint: output.style.cyan },
      { title: 'AGE', align: 'right' },
      { title: 'STATE' },
      { title: 'SERVICE', flexible: true },
      { title: 'TYPE', flexible: true },
      { title: 'KEY', flexible: true },
      { title: 'ERROR', flexible: true, below: true, paint: output.style.red },
    ],
    rows,
    isMore,
  )
  return short[0] ?? ''
}

/** Letters of one kind of failure: what is told of them, not they themselves. */
interface Group {
  readonly fingerprint: string
  count: number
  isOpen: boolean
  readonly message: string
  readonly services: Set<string>
  readonly eventTypes: Set<string | null>
  newestMs: number
  oldestMs: number
}

const groupIndent = ' '.repeat(7)

async function showGroups({ io, output, args }: Call, query: LetterQuery, total: number): Promise<ExitCode> {
  const groups = await groupsOf(query)
  if (output.json) {
    output.document({ total, groups: groups.map(groupSummary) })
    return exit.ok
  }
  if (groups.length === 0) return sayNone(output.note, args.text('state') ?? 'open')
  const { style } = output
  const room = io.columns - groupIndent.length
  const age = (atMs: number): string => duration(io.clock.now() - atMs)
  for (const { fingerprint, count, message, services, eventTypes, newestMs, oldestMs } of groups) {
    const types = [...eventTypes].map((type) => type ?? '?')
    output.line(style.bold(grouped(count).padStart(5)), '  ', style.cyan(cut(visibleLine(fingerprint), room)))
    output.line(groupIndent, style.red(cut(visibleLine(message.split('\n', 1)[0] ?? ''), room)))
    const where = `${[...services].join(', ')}: ${types.join(', ')}   newest ${age(newestMs)}, oldest ${age(oldestMs)}`
    for (const text of wrap(visibleLine(where), room)) output.line(groupIndent, cut(text, room))
  }
  const shown = groups.reduce((sum, { count }) => sum + count, 0)
  const more = total > shown ? ` (the newest ${grouped(shown)} of ${grouped(total)})` : ''
  output.note(`${groups.length === 1 ? '1 kind' : `${groups.length} kinds`} of failure, ${letters(shown)}${more}.`)
  const open = groups.find(({ isOpen }) => isOpen)
  if (open) output.note(`Next: firebreak dlq replay --fingerprint ${shellWord(open.fingerprint)} --dry-run`)
  return exit.ok
}

async function groupsOf(query: LetterQuery): Promise<readonly Group[]> {
  const groups = new Map<string, Group>()
  for await (const page of letterPages(query))
    for (const { ledger, letter } of page) {
      const { fingerprint, message, atMs } = letter
      const group = groups.get(fingerprint) ?? newGroup({ fingerprint, message, atMs })
      groups.set(fingerprint, group)
      group.count++
      group.isOpen ||= letter.state === 'open'
      group.services.add(ledger.service.name)
      group.eventTypes.add(letter.eventType)
      group.newestMs = Math.max(group.newestMs, atMs)
      group.oldestMs = Math.min(group.oldestMs, atMs)
    }
  return [...groups.values()].sort((a, b) => b.count - a.count)
}

const newGroup = ({ fingerprint, message, atMs }: { fingerprint: string; message: string; atMs: number }): Group => ({
  ...{ fingerprint, message, count: 0, isOpen: false, newestMs: atMs, oldestMs: atMs },
  ...{ services: new Set<string>(), eventTypes: new Set<string | null>() },
})

const groupSummary = ({ fingerprint, count, services, eventTypes, message, newestMs, oldestMs }: Group): unknown => ({
  fingerprint,
  count,
  services: [...services],
  eventTypes: [...eventTypes],
  message,
  newestAt: toRfc3339(newestMs),
  oldestAt: toRfc3339(oldestMs),
})

/** Letters that were handed back to a topic that their service reads no more are open nowhere. */
async function tellStranded({ output }: Call, ledgers: readonly ServiceLedger[]): Promise<void> {
  for (const { database, service } of ledgers) {
    const count = await countReplayingElsewhere(database, service.topics)
    if (count > 0)
      output.note(
        `${letters(count)} of ${service.name} on topics that it does not read any more: firebreak dlq list --state replaying`,
      )
  }
}

function sayNone(note: (text: string) => void, state: string): ExitCode {
  note(state === 'all' ? 'There are no dead letters.' : `There are no dead letters that are ${state}.`)
  return exit.ok
}
