import { toRfc3339 } from '../../node/clock.ts'
import type { Command } from '../program/command.ts'
import { exit } from '../program/exit.ts'
import { decisionOf, scheduleChangeOptions, scheduleNamed } from './pick.ts'

export const schedulesResume: Command = {
  name: 'schedules resume',
  summary: 'let a paused schedule go on with its next slot',
  operands: '<name>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [{ line: 'schedules resume month-end', what: 'from the next slot on' }],
  options: scheduleChangeOptions,
  notes: ['What came while it was paused is not caught up. To have it now: firebreak schedules run <name>'],
  async run(call) {
    const { output, args } = call
    const { ledger, schedule } = await scheduleNamed(call, args.operands[0] ?? '')
    const { name } = schedule
    const changed = await ledger.schedules.resume(name, decisionOf(call))
    const now = (await ledger.schedules.list()).find((one) => one.name === name)
    const service = ledger.service.name
    const next = now?.next ?? null
    if (output.json) output.document({ action: 'resume', name, service, changed, next: next && toRfc3339(next.atMs) })
    else {
      const when = next === null ? '' : `; next at ${next.local} ${schedule.zone}`
      output.line(changed ? `resumed ${name} of ${service}${when}` : `${name} of ${service} is not paused${when}`)
    }
    return exit.ok
  },
}
