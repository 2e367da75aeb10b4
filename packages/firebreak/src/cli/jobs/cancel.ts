import type { Call, Command } from '../program/command.ts'
import { type ExitCode, exit, usageError } from '../program/exit.ts'
import { isLive, jobById, jobChangeOptions, refuseIn } from './job-pick.ts'

export const jobsCancel: Command = {
  name: 'jobs cancel',
  summary: 'end a job that is not done yet, with a reason',
  operands: '<id>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [
    { line: 'jobs cancel 01980f2a-7c --reason "wrong month"', what: 'by id, or by the beginning of one' },
    { line: 'jobs cancel 01980f2a-7c --reason r --dry-run', what: 'whether it still can be' },
  ],
  options: { ...jobChangeOptions, reason: { value: 'text', help: 'why; required, kept with its end' } },
  notes: [
    'One that nobody runs ends at once. The handler of one that runs is told by its signal, and has ten\nseconds to follow it; what it commits before is committed, and then the job is done.',
  ],
  async run(call) {
    const reason = call.args.text('reason')?.trim() ?? ''
    if (reason === '') throw usageError('A job is cancelled with a reason: --reason "…"')
    return cancel(call, reason)
  },
}

async function cancel(call: Call, note: string): Promise<ExitCode> {
  const { args, io, output } = call
  const { ledger, job } = await jobById(call, args.operands[0] ?? '')
  if (!isLive(job)) refuseIn(job, 'cancelled')
  const isDry = args.flag('dry-run')
  const { id } = job
  const state = isDry ? job.state : await ledger.jobs.cancel(id, { by: args.text('by') ?? io.user, note })
  if (output.json) output.document({ action: 'cancel', dryRun: isDry, id, service: ledger.service.name, state })
  else if (isDry) output.note(`Would cancel ${id}, which is ${state}; nothing was changed.`)
  else {
    output.line(`${state} ${id}`)
    if (state === 'cancelling') output.note(`Its handler is told. Its outcome: firebreak jobs show ${id}`)
  }
  return exit.ok
}
