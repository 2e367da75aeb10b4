import { toRfc3339 } from '../node/clock.ts'
import type { Call, Command } from './command.ts'
import { type ExitCode, exit } from './exit.ts'
import { filterOf, filterOptions, letters, type Pick, type Picks, pickByFilter, stateOption } from './letter-pick.ts'
import { letterSummary, shortIds } from './letter-view.ts'
import { duration, grouped, shellWord } from './output.ts'

const listMax = 50
const groupMax = 10_000

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
    max: { value: 'n', help: `at most so many; default ${listMax}` },
    group: { help: 'one line per kind of failure' },
  },
  async run(call) {
    const { args } = call
    const isGrouped = args.flag('group')
    const max = args.count('max') ?? (isGrouped ? groupMax : listMax)
    const found = await pickByFilter(call, filterOf(args), max)
    return isGrouped ? showGroups(call, found) : showLetters(call, found)
  },
}

function showLetters({ io, output, args }: Call, { picks, total }: Picks): ExitCode {
  if (output.json) {
    output.document({ total, letters: picks.map(letterSummary) })
    return exit.ok
  }
  if (picks.length === 0) return sayNone(output.note, args.text('state') ?? 'open')
  const short = shortIds(picks)
  const rows = picks.map(({ ledger, letter }, i) => [
    short[i] ?? letter.id,
    duration(io.clock.now() - letter.atMs),
    letter.hold ? `${letter.state}, holds` : letter.state,
    ledger.service.name,
    letter.eventType ?? '?',
    letter.entry.key ?? '-',
    `${letter.errorClass}: ${letter.message}`,
  ])
  output.table(
    [
      { title: 'ID', paint: output.style.cyan },
      { title: 'AGE', align: 'right' },
      { title: 'STATE' },
      { title: 'SERVICE', flexible: true },
      { title: 'TYPE', flexible: true },
      { title: 'KEY', flexible: true },
      { title: 'ERROR', flexible: true, paint: output.style.red },
    ],
    rows,
  )
  const more = total > picks.length ? `; ${grouped(total - picks.length)} more with --max ${total}` : ''
  output.note(`${letters(picks.length)}${more}. Next: firebreak dlq show ${short[0]}`)
  return exit.ok
}

interface Group {
  readonly fingerprint: string
  readonly picks: readonly Pick[]
  readonly first: Pick
}

function showGroups({ io, output, args }: Call, { picks, total }: Picks): ExitCode {
  const groups = groupsOf(picks)
  if (output.json) {
    output.document({ total, groups: groups.map(groupSummary) })
    return exit.ok
  }
  if (groups.length === 0) return sayNone(output.note, args.text('state') ?? 'open')
  const { style } = output
  for (const { fingerprint, picks: members, first } of groups) {
    const oldest = members.at(-1) ?? first
    const age = (pick: Pick): string => duration(io.clock.now() - pick.letter.atMs)
    output.line(style.bold(grouped(members.length).padStart(5)), '  ', style.cyan(fingerprint))
    output.line('       ', style.red(first.letter.message.split('\n', 1)[0] ?? ''))
    output.line(`       ${servicesOf(members)}: ${typesOf(members)}   newest ${age(first)}, oldest ${age(oldest)}`)
  }
  const more = total > picks.length ? ` (the newest ${grouped(picks.length)} of ${grouped(total)})` : ''
  output.note(
    `${groups.length === 1 ? '1 kind' : `${groups.length} kinds`} of failure, ${letters(picks.length)}${more}.`,
  )
  const open = groups.find(({ picks: members }) => members.some(({ letter }) => letter.state === 'open'))
  if (open) output.note(`Next: firebreak dlq replay --fingerprint ${shellWord(open.fingerprint)} --dry-run`)
  return exit.ok
}

function groupsOf(picks: readonly Pick[]): readonly Group[] {
  return [...Map.groupBy(picks, ({ letter }) => letter.fingerprint)]
    .map(([fingerprint, members]) => ({ fingerprint, picks: members, first: members[0] as Pick }))
    .sort((a, b) => b.picks.length - a.picks.length)
}

const groupSummary = ({ fingerprint, picks, first }: Group): unknown => ({
  fingerprint,
  count: picks.length,
  services: [...new Set(picks.map(({ ledger }) => ledger.service.name))],
  eventTypes: [...new Set(picks.map(({ letter }) => letter.eventType))],
  message: first.letter.message,
  newestAt: toRfc3339(first.letter.atMs),
  oldestAt: toRfc3339((picks.at(-1) ?? first).letter.atMs),
})

const servicesOf = (picks: readonly Pick[]): string =>
  [...new Set(picks.map(({ ledger }) => ledger.service.name))].join(', ')
const typesOf = (picks: readonly Pick[]): string =>
  [...new Set(picks.map(({ letter }) => letter.eventType ?? '?'))].join(', ')

function sayNone(note: (text: string) => void, state: string): ExitCode {
  note(state === 'all' ? 'There are no dead letters.' : `There are no dead letters that are ${state}.`)
  return exit.ok
}
