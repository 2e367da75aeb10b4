import { changeOptions } from '../dlq/bulk.ts'
import type { Call, Command } from '../program/command.ts'
import { type ExitCode, exit } from '../program/exit.ts'
import { editOptions, editPayload, refuseUnclearEdit } from '../program/payload-edit.ts'
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
    ...editOptions,
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
  refuseUnclearEdit(call)
  const pick = await blockedByNumber(call, args.operands[0] ?? '')
  const { event, ledger } = pick
  refuseUnlessBlocked(pick, 'edited')
  const { after, changes } = await editPayload(call, {
    value: event.value,
    instead: `To send it once more: firebreak outbox retry ${event.number}`,
  })
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
