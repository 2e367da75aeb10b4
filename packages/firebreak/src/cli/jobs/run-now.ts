import type { Call, Command } from '../program/command.ts'
import { type ExitCode, exit } from '../program/exit.ts'
import { jobById, jobChangeOptions, refuseIn } from './job-pick.ts'

export const jobsRunNow: Command = {
  name: 'jobs run-now',
  summary: 'start a job that waits for its date or for its next attempt',
  operands: '<id>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [{ line: 'jobs run-now 01980f2a-7c', what: 'by id, or by the beginning of one' }],
  options: { ...jobChangeOptions, reason: { value: 'text', help: 'kept with the job' } },
  notes: ['A service that runs starts it within a second, if it has a place for it.'],
  run,
}

async function run(call: Call): Promise<ExitCode> {
  const { args, io, output } = call
  const { ledger, job } = await jobById(call, args.operands[0] ?? '')
  const { id, state } = job
  if (state !== 'waiting' && state !== 'ready') refuseIn(job, 'started now')
  const isDry = args.flag('dry-run')
  const decision = { by: args.text('by') ?? io.user, note: args.text('reason') ?? '' }
  if (!isDry) await ledger.jobs.runNow(id, decision)
  if (output.json) output.document({ action: 'run-now', dryRun: isDry, id, service: ledger.service.name })
  else if (isDry) output.note(`Would start ${id}, which is ${state}; nothing was changed.`)
  else output.line(`due ${id}`)
  return exit.ok
}
