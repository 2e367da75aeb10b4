import { changeOptions } from '../dlq/bulk.ts'
import type { Call, Command } from '../program/command.ts'
import { type ExitCode, exit, usageError } from '../program/exit.ts'
import { fieldChanges, parseExact, textOf, withSet } from '../program/payload.ts'
import { showChanges } from '../program/payload-changes.ts'
import { refuseUnlessBlocked } from './change.ts'
import { blockedByNumber } from './pick.ts'

export const outboxEdit: Command = {
  name: 'outbox edit',
  summary: 'send another payload in the place of a blocked event',
  operands: '<number>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [
    { line: 'outbox edit 4711 --set note="see ticket 812" --dry-run', what: 'one field; look at the change first' },
    { line: 'outbox edit 4711 --file p.json --reason "without the attachment"', what: 'the whole payload' },
  ],
  options: {
    service: { value: 'name', help: 'only this service' },
    set: { value: 'path=value', many: true, help: 'set one field to JSON, or to text where it is none' },
    file: { value: 'file', help: 'the whole payload as JSON; - reads the standard input' },
    ...changeOptions,
    reason: { value: 'text', help: 'kept in the history' },
  },
  notes: [
    'The new payload must fit the contract of its event and keep its key, or nothing happens. It goes\nas a new event that names the old one as its cause, before the later events of its key.',
  ],
  run: edit,
}

async function edit(call: Call): Promise<ExitCode> {
  const { args, output } = call
  const file = args.text('file')
  const sets = args.texts('set')
  if ((file === undefined) === (sets.length === 0))
    throw usageError('Say what to change: --file payload.json or --set path=value.')
  const pick = await blockedByNumber(call, args.operands[0] ?? '')
  const { event, ledger } = pick
  refuseUnlessBlocked(pick, 'edited')
  const before = payloadOf(event.value, sets.length > 0)
  const after =
    file === undefined ? sets.reduce<unknown>(withSet, before) : parseExact(await call.io.readFile(file), file)
  const changes = fieldChanges(before, after)
  if (changes.length === 0)
    throw usageError('The payload would stay as it is.', `To send it once more: firebreak outbox retry ${event.number}`)
  if (!output.json) showChanges(output, changes)
  const isDry = args.flag('dry-run')
  const decision = { by: args.text('by') ?? call.io.user, note: args.text('reason') ?? '' }
  if (isDry) await ledger.outbox.check(event.number, after)
  else await ledger.outbox.edit(event.number, after, decision)
  if (output.json)
    output.document({ action: 'edit', dryRun: isDry, number: event.number, service: ledger.service.name, changes })
  else if (isDry) output.note('It fits. Nothing was changed.')
  else output.line(`edited ${event.number}: ${ledger.service.name} sends it in its place`)
  return exit.ok
}

function payloadOf(value: Uint8Array | null, isNeeded: boolean): unknown {
  const text = value === null ? undefined : textOf(value)
  if (text !== undefined) {
    try {
      return parseExact(text, 'The payload')
    } catch (error) {
      if (isNeeded) throw error
    }
  } else if (isNeeded)
    throw usageError('The payload is no text, so no field can be set.', 'Give a whole one with --file.')
  return undefined
}
