import type { Command } from '../program/command.ts'
import { exit } from '../program/exit.ts'
import { decisionOf, scheduleChangeOptions, scheduleNamed } from './pick.ts'

export const schedulesPause: Command = {
  name: 'schedules pause',
  summary: 'stop a schedule from enqueuing, until it is resumed',
  operands: '<name>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [{ line: 'schedules pause month-end --reason "the bank is closed"', what: 'with a reason' }],
  options: scheduleChangeOptions,
  notes: ['What is enqueued already runs. Slots that come meanwhile are not caught up later.'],
  async run(call) {
    const { output, args } = call
    const { ledger, schedule } = await scheduleNamed(call, args.operands[0] ?? '')
    const changed = await ledger.schedules.pause(schedule.name, decisionOf(call))
    const service = ledger.service.name
    if (output.json) output.document({ action: 'pause', name: schedule.name, service, changed })
    else
      output.line(
        changed ? `paused ${schedule.name} of ${service}` : `${schedule.name} of ${service} is paused already`,
      )
    return exit.ok
  },
}
