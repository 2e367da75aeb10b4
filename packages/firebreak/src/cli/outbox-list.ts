import type { Call, Command } from './command.ts'
import { exit } from './exit.ts'
import {
  type BlockedPicks,
  blockedByFilter,
  blockedEvents,
  blockedSummary,
  outboxFilterOptions,
  outboxStateOption,
} from './outbox-pick.ts'
import { duration, grouped } from './output.ts'

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
    max: { value: 'n', help: `at most so many; default ${listMax}` },
  },
  notes: ['Each of them keeps the later events of its key in the outbox, and nothing else.'],
  async run(call) {
    const found = await blockedByFilter(call, call.args.count('max') ?? listMax)
    if (call.output.json) call.output.document({ total: found.total, events: found.picks.map(blockedSummary) })
    else show(call, found)
    return exit.ok
  },
}

function show({ io, output, args }: Call, { picks, total }: BlockedPicks): void {
  const state = args.text('state') ?? 'blocked'
  if (picks.length === 0) {
    output.note(state === 'all' ? 'No event was ever blocked.' : `There are no events that are ${state}.`)
    return
  }
  const rows = picks.map(({ ledger, event }) => [
    String(event.number),
    duration(io.clock.now() - event.atMs),
    event.state,
    ledger.service.name,
    event.topic,
    event.eventType ?? '?',
    event.key ?? '-',
    `${event.errorClass}: ${event.message}`,
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
      { title: 'ERROR', flexible: true, paint: output.style.red },
    ],
    rows,
  )
  const more = total > picks.length ? `; ${grouped(total - picks.length)} more with --max ${total}` : ''
  output.note(`${blockedEvents(picks.length)}${more}. Next: firebreak outbox show ${picks[0]?.event.number}`)
}
