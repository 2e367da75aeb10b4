import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyMessage } from '../../contracts/message.ts'
import type { Call, Command } from '../program/command.ts'
import { type ExitCode, exit } from '../program/exit.ts'
import { editOptions, editPayload, refuseUnclearEdit } from '../program/payload-edit.ts'
import { serviceOption } from '../program/pick-by-id.ts'
import { changeOptions } from './bulk.ts'
import { isOfJob, type Pick, pickById, refuseUnlessOpen } from './letter-pick.ts'

export const dlqEdit: Command = {
  name: 'dlq edit',
  summary: 'fix the payload of a dead letter and hand it back as a new event or job',
  operands: '<id>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [
    { line: 'dlq edit 01980f2a-7c --set weightKg=1200 --dry-run', what: 'one field; look at the change first' },
    { line: 'dlq edit 01980f2a-7c --set stops.0.city=Köln --reason "typo in the order"', what: 'with a reason' },
    { line: 'dlq show 01980f2a-7c --payload > p.json', what: 'or take the payload out,' },
    { line: 'dlq edit 01980f2a-7c --file p.json', what: 'edit it, and hand it back' },
  ],
  options: {
    ...serviceOption,
    ...editOptions,
    ...changeOptions,
    reason: { value: 'text', help: 'kept in the history' },
  },
  notes: [
    'The new payload must fit the contract of its event or job, or nothing happens. It goes\nback as a new one that names the old one as its cause; the old letter stays, superseded.',
  ],
  run: edit,
}

async function edit(call: Call): Promise<ExitCode> {
  const { args, output } = call
  refuseUnclearEdit(call)
  const pick = await pickById(call, args.operands[0] ?? '')
  const { letter, ledger } = pick
  refuseUnlessOpen(letter, 'edited')
  const message = messageOf(pick)
  const { after, changes } = await editPayload(call, {
    value: letter.entry.value,
    lift: (payload) => lifted(pick, message, payload),
    instead: `To replay it: firebreak dlq replay ${letter.id}`,
  })
  const isDry = args.flag('dry-run')
  if (isDry) await ledger.deadLetters.check(letter.id, after)
  else
    await ledger.deadLetters.edit(letter.id, after, {
      by: args.text('by') ?? call.io.user,
      note: args.text('reason') ?? '',
    })
  if (output.json)
    output.document({ action: 'edit', dryRun: isDry, id: letter.id, service: ledger.service.name, changes })
  else if (isDry) output.note(`It fits ${message.type} v${message.version}. Nothing was changed.`)
  else output.line(`edited ${letter.id}: its copy goes back to ${ledger.service.name}`)
  return exit.ok
}

function messageOf({ letter, ledger: { service } }: Pick): AnyMessage {
  const type = letter.eventType ?? ''
  const message = isOfJob(letter) ? service.jobs.get(type)?.job : service.handlers.get(type)?.event
  if (message !== undefined) return message
  const issues = `${service.name} has no handler for it`
  throw new FirebreakError('FB_REPLAY_INVALID', { type: letter.eventType ?? 'an unknown event', version: '?', issues })
}

/** The payload in the shape of today, as its edited copy goes out under the current version. */
function lifted({ letter }: Pick, message: AnyMessage, payload: unknown): unknown {
  let current = payload
  for (let at = Number(letter.entry.headers['ce_schemaversion'] ?? '1'); at < message.version; at++)
    current = message.upcast[at]?.(current as never) ?? current
  return current
}
