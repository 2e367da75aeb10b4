import { toRfc3339 } from '../../node/clock.ts'
import type { Command } from '../program/command.ts'
import { exit } from '../program/exit.ts'
import { askingItsCode, scheduleNamed } from './pick.ts'

export const schedulesRun: Command = {
  name: 'schedules run',
  summary: 'enqueue the job of a schedule now, beside its plan',
  operands: '<name>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [{ line: 'schedules run month-end', what: 'once more, or for the first time' }],
  options: { service: { value: 'name', help: 'only this service' } },
  notes: [
    'The slot that its code gets is the time of now. The plan goes on as it was, and a paused\nschedule stays paused.',
  ],
  async run(call) {
    const { output, args } = call
    const { ledger, schedule } = await scheduleNamed(call, args.operands[0] ?? '')
    const { name } = schedule
    const service = ledger.service.name
    const done = await askingItsCode(name, () => ledger.schedules.run(name))
    if (output.json) {
      const job = done && { type: done.type, id: done.id, joined: done.joined }
      output.document({ action: 'run', name, service, slot: done && toRfc3339(done.slot.atMs), job })
    } else if (done === null) output.line(`${name} of ${service} has nothing to enqueue now`)
    else if (done.joined) output.line(`${done.type} ${done.id} is there already: ${service} runs it once`)
    else output.line(`enqueued ${done.type} ${done.id}: ${service} runs it when it is up`)
    return exit.ok
  },
}
