import type { DeadLetter } from '../../ledger/letters.ts'
import { toRfc3339 } from '../../node/clock.ts'
import { isStranded } from '../../runtime/operator/record-letters.ts'
import { heading, showAttempts, stackOption } from '../program/attempts.ts'
import type { Call, Command } from '../program/command.ts'
import { exit } from '../program/exit.ts'
import { counted, duration, failureText, shellWord } from '../program/output.ts'
import { commandLines, type Pair } from '../program/pairs.ts'
import { prettyJson, textOf } from '../program/payload.ts'
import { serviceOption } from '../program/pick-by-id.ts'
import { isOfJob, type Pick, pickById } from './letter-pick.ts'
import { letterDetail } from './letter-view.ts'

export const dlqShow: Command = {
  name: 'dlq show',
  summary: 'show one dead letter: payload, attempts, history, what to do',
  operands: '<id>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [
    { line: 'dlq show 01980f2a-7c', what: 'by id, or by the beginning of one' },
    { line: 'dlq show 01980f2a-7c --payload > p.json', what: 'its bytes alone, to edit them' },
  ],
  options: {
    ...serviceOption,
    payload: { help: 'only the payload, byte for byte' },
    ...stackOption,
  },
  async run(call) {
    const { args, output } = call
    const pick = await pickById(call, args.operands[0] ?? '')
    if (args.flag('payload')) output.bytes(pick.letter.entry.value ?? new Uint8Array())
    else if (output.json) output.document(letterDetail(pick))
    else show(call, pick)
    return exit.ok
  },
}

function show(call: Call, pick: Pick): void {
  const { output } = call
  const { letter } = pick
  const { style, line, block } = output
  line(style.bold(letter.id), `  ${letter.hold ? `${letter.state}, its key waits` : letter.state}`)
  block(style.red(failureText(letter)))
  line()
  for (const [name, value] of facts(call, pick)) line(style.dim(name.padEnd(12)), value)
  heading(call, 'Headers')
  for (const [name, value] of Object.entries(letter.entry.headers)) line('  ', style.dim(name), `: ${value}`)
  heading(call, 'Payload')
  showPayload(call, letter)
  showAttempts(call, letter.attempts)
  heading(call, 'History')
  for (const { atMs, action, by, note } of letter.history) {
    line(`  ${toRfc3339(atMs)}  ${action} by ${by}${note === '' ? '' : `: ${note}`}`)
  }
  heading(call, 'Next')
  for (const parts of commandLines(nextSteps(pick), call.io.columns, style)) line(...parts)
}

function facts({ io }: Call, { ledger, letter }: Pick): readonly [string, string][] {
  const { topic, partition, offset, key, atMs } = letter.entry
  const isJob = isOfJob(letter)
  const position: readonly [string, string][] = isJob
    ? []
    : [['position', `${topic} partition ${partition} offset ${offset}`]]
  return [
    ['service', ledger.service.name],
    [isJob ? 'job' : 'event', `${letter.eventType ?? '?'}  ${letter.eventId ?? '(no id)'}`],
    ['key', key ?? '(none)'],
    ...position,
    ['correlation', letter.correlationId ?? '(none)'],
    [isJob ? 'enqueued' : 'published', toRfc3339(atMs)],
    ['given up', `${toRfc3339(letter.atMs)} (${duration(io.clock.now() - letter.atMs)} ago), reason: ${letter.reason}`],
    ['fingerprint', letter.fingerprint],
    ['replayed', counted(letter.replays, 'time')],
  ]
}

// Never written again from what was parsed: the text on the screen is the text that failed.
function showPayload({ io, output }: Call, { entry }: DeadLetter): void {
  const { style, line, block } = output
  const text = entry.value === null ? undefined : textOf(entry.value)
  if (entry.value === null) line(style.dim('(none: a tombstone)'))
  else if (text !== undefined) block(io.isTty ? prettyJson(text) : text)
  else {
    line(style.dim(`(${entry.value.length} bytes that are no UTF-8, as base64)`))
    line(Buffer.from(entry.value).toString('base64'))
  }
}

const traceStep = ({ eventId }: DeadLetter): readonly Pair[] =>
  eventId === null ? [] : [[`firebreak trace ${shellWord(eventId)}`, 'where it came from, and what else became of it']]

const jobStep = ({ eventId }: DeadLetter): readonly Pair[] => [[`firebreak jobs show ${eventId}`, 'how far it is']]

function nextSteps({ ledger, letter }: Pick): readonly Pair[] {
  const { id } = letter
  switch (letter.state) {
    case 'open':
      return [
        [`firebreak dlq replay ${id}`, 'once the cause is fixed'],
        [`firebreak dlq edit ${id} --set <field>=<value>`, 'when the payload is wrong'],
        [`firebreak dlq discard ${id} --reason "…"`, 'to give it up'],
        ...traceStep(letter),
      ]
    case 'replaying':
      if (isStranded(ledger.service, letter))
        return [
          [`${ledger.service.name} does not read ${letter.entry.topic} any more: nobody will handle it.`, ''],
          [`firebreak dlq discard ${id} --reason "…"`, 'to give it up'],
        ]
      if (isOfJob(letter)) return jobStep(letter)
      return [[`Nothing: ${ledger.service.name} handles it again as soon as it runs.`, '']]
    case 'superseded':
      return [['Nothing: an edited copy went on in its place.', '']]
    case 'resolved':
      return [['Nothing: a replay succeeded.', '']]
    case 'discarded':
      return [['Nothing: it was given up.', '']]
  }
}
