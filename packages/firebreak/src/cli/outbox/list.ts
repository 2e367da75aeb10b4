import type { Call, Command } from '../program/command.ts'
import { exit } from '../program/exit.ts'
import { duration, failureText, grouped } from '../program/output.ts'
import { showPages } from '../program/pages.ts'
import { ledgersOf } from '../program/pick-by-id.ts'
import {
  type BlockedPick,
  type BlockedQuery,
  blockedEvents,
  blockedFilterOf,
  blockedPages,
  blockedSummary,
  countOfBlocked,
  outboxFilterOptions,
  outboxPageOptions,
  outboxStateOption,
  placeOf,
} from './pick.ts'

const listMax = 50

export const outboxList: Command = {
  name: 'outbox list',
  summary: 'list events that the log refuses, oldest first',
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  examples: [
    { line: 'outbox list', what: 'what waits for a decision' },
    { line: 'outbox list --service invoicing --state all', what: 'one service, decided ones too' },
    { line: "outbox list --json | jq -r '.events[].number'", what: 'for scripts' },
  ],
  options: {
    ...outboxFilterOptions,
    ...outboxStateOption,
    ...outboxPageOptions,
    max: { value: 'n', help: `at most so many; default ${listMax}` },
  },
  notes: [
    'Each of them keeps the later events of its key in the outbox, and nothing else. They are listed\nservice by service. With --json, "next" is for --after of the next page, null behind the last one.',
  ],
  async run(call) {
    const { args } = call
    const ledgers = await ledgersOf(call)
    const filter = blockedFilterOf(args)
    const query = { ledgers, filter, after: args.text('after'), max: args.count('max') ?? listMax }
    await show(call, query, await countOfBlocked(ledgers, filter))
    return exit.ok
  },
}

async function show(call: Call, query: BlockedQuery, total: number): Promise<void> {
  const { output, args } = call
  const { count, first, next } = await showPages(call, query, {
    pages: blockedPages,
    placeOf,
    json: { head: { total }, name: 'events', row: blockedSummary },
    showRows: (picks, isMore) => showRows(call, picks, isMore),
  })
  if (output.json) return
  if (first === undefined) return output.note(noneOf(args.text('state') ?? 'blocked'))
  const more = next === null ? '' : ` of ${grouped(total)}; the next with --after ${next}`
  output.note(`${blockedEvents(count)}${more}. Next: firebreak outbox show ${first}`)
}

const noneOf = (state: string): string =>
  state === 'all' ? 'No event was ever blocked.' : `There are no events that are ${state}.`

/** **Shape** the number of the first of them. */
function showRows({ io, output }: Call, picks: readonly BlockedPick[], isMore: boolean): string {
  const rows = picks.map(({ ledger, event }) => [
    String(event.number),
    duration(io.clock.now() - event.atMs),
    event.state,
    ledger.service.name,
    event.topic,
    event.eventType ?? '?',
    event.key ?? '-',
    failureText(event),
  ])
  output.table(
    [
      { title: 'NUMBER', align: 'right', paint: output.style.cyan },
      { title: 'AGE', align: 'right' },
      { title: 'STATE' },
      { title: 'SERVICE', flexible: true },
      { title: 'TOPIC', flexible: true },
      { title: 'TYPE', flexible: true },
      { title: 'KEY', flexible: true },
      { title: 'ERROR', flexible: true, below: true, paint: output.style.red },
    ],
    rows,
    isMore,
  )
  return rows[0]?.[0] ?? ''
}
