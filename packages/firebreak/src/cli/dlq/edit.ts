import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyEvent } from '../../contracts/event.ts'
import { systemClock } from '../../node/clock.ts'
import { editedPayload } from '../../runtime/message/edited-payload.ts'
import type { Call, Command } from '../program/command.ts'
import { type ExitCode, exit } from '../program/exit.ts'
import { editOptions, editPayload, refuseUnclearEdit } from '../program/payload-edit.ts'
import { changeOptions } from './bulk.ts'
import { type Pick, pickById, refuseUnlessOpen, serviceOption } from './letter-pick.ts'

export const dlqEdit: Command = {
  name: 'dlq edit',
  summary: 'fix the payload of a dead letter and hand it back as a new event',
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
    'The new payload must fit the contract of its event, or nothing happens. It goes back as\na new event that names the old one as its cause; the old letter stays, superseded.',
  ],
  run: edit,
}

async function edit(call: Call): Promise<ExitCode> {
  const { args, output } = call
  refuseUnclearEdit(call)
  const pick = await pickById(call, args.operands[0] ?? '')
  const { letter, ledger } = pick
  refuseUnlessOpen(letter, 'edited')
  const event = eventOf(pick)
  const { after, changes } = await editPayload(call, {
    value: letter.entry.value,
    lift: (payload) => lifted(pick, event, payload),
    instead: `To replay it: firebreak dlq replay ${letter.id}`,
  })
  await editedPayload(systemClock, { event, payload: after, key: letter.entry.key })
  const isDry = args.flag('dry-run')
  if (!isDry)
    await ledger.deadLetters.edit(letter.id, after, {
      by: args.text('by') ?? call.io.user,
      note: args.text('reason') ?? '',
    })
  if (output.json)
    output.document({ action: 'edit', dryRun: isDry, id: letter.id, service: ledger.service.name, changes })
  else if (isDry) output.note(`It fits ${event.type} v${event.version}. Nothing was changed.`)
  else output.line(`edited ${letter.id}: its copy goes back to ${ledger.service.name}`)
  return exit.ok
}

function eventOf({ letter, ledger }: Pick): AnyEvent {
  const event = ledger.service.handlers.get(letter.eventType ?? '')?.event
  if (event !== undefined) return event
  const issues = `${ledger.service.name} has no handler for it`
  throw new FirebreakError('FB_REPLAY_INVALID', { type: letter.eventType ?? 'an unknown event', version: '?', issues })
}

/** The payload in the shape of today, as its edited copy goes out under the current version. */
function lifted({ letter }: Pick, event: AnyEvent, payload: unknown): unknown {
  let current = payload
  for (let at = Number(letter.entry.headers['ce_schemaversion'] ?? '1'); at < event.version; at++)
    current = event.upcast[at]?.(current as never) ?? current
  return current
}
