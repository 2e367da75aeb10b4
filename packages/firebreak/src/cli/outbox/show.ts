import { toRfc3339 } from '../../node/clock.ts'
import type { Call, Command } from '../program/command.ts'
import { exit } from '../program/exit.ts'
import { counted, duration, failureText } from '../program/output.ts'
import { commandLines, type Pair } from '../program/pairs.ts'
import { prettyJson, textOf } from '../program/payload.ts'
import { type BlockedPick, blockedByNumber, blockedDetail } from './pick.ts'

export const outboxShow: Command = {
  name: 'outbox show',
  summary: 'show one blocked event: payload, reason, history, what to do',
  operands: '<number>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [
    { line: 'outbox show 4711', what: 'by its number in the outbox' },
    { line: 'outbox show 4711 --payload > p.json', what: 'its bytes alone, to edit them' },
  ],
  options: {
    service: { value: 'name', help: 'only this service' },
    payload: { help: 'only the payload, byte for byte' },
  },
  async run(call) {
    const { args, output } = call
    const pick = await blockedByNumber(call, args.operands[0] ?? '')
    if (args.flag('payload')) output.bytes(pick.event.value ?? new Uint8Array())
    else if (output.json) output.document(blockedDetail(pick))
    else show(call, pick)
    return exit.ok
  },
}

function show({ io, output }: Call, { ledger, event }: BlockedPick): void {
  const { style, line, block } = output
  const section = (title: string): void => {
    line()
    line(style.bold(title))
  }
  line(style.bold(String(event.number)), `  ${event.state === 'blocked' ? 'blocked, its key waits' : event.state}`)
  block(style.red(failureText(event)))
  line()
  const facts: readonly (readonly [string, string])[] = [
    ['service', ledger.service.name],
    ['event', `${event.eventType ?? '?'}  ${event.eventId ?? '(no id)'}`],
    ['topic', event.topic],
    ['key', event.key ?? '(none)'],
    ['refused', `${toRfc3339(event.atMs)} (${duration(io.clock.now() - event.atMs)} ago)`],
    ['tried', counted(event.tries, 'time')],
  ]
  for (const [name, value] of facts) line(style.dim(name.padEnd(12)), value)
  section('Headers')
  for (const [name, value] of Object.entries(event.headers)) line('  ', style.dim(name), `: ${value}`)
  section('Payload')
  const payload = payloadText(event.value)
  block(io.isTty ? prettyJson(payload) : payload)
  section('History')
  for (const { atMs, action, by, note } of event.history)
    line(`  ${toRfc3339(atMs)}  ${action} by ${by}${note === '' ? '' : `: ${note}`}`)
  section('Next')
  for (const parts of commandLines(nextSteps({ ledger, event }), io.columns, style)) line(...parts)
}

function payloadText(value: Uint8Array | null): string {
  if (value === null) return '(none)'
  return textOf(value) ?? `(${value.length} bytes that are no UTF-8; see --json)`
}

function nextSteps({ ledger, event: { number, state } }: BlockedPick): readonly Pair[] {
  switch (state) {
    case 'blocked':
      return [
        [`firebreak outbox retry ${number}`, 'once the log should take it'],
        [`firebreak outbox edit ${number} --set <field>=<value>`, 'to send another payload in its place'],
        [`firebreak outbox discard ${number} --reason "…"`, 'to give it up'],
      ]
    case 'retried':
    case 'edited':
      return [[`Nothing: ${ledger.service.name} sends it as soon as it runs.`, '']]
    case 'discarded':
      return [['Nothing: it was given up, and the later events of its key have left.', '']]
  }
}
