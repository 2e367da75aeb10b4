import { FirebreakError } from '../../contracts/errors.ts'
import { type JobLetter, jobLettersLike } from '../../ledger/jobs/find-jobs.ts'
import type { Call, Command } from '../program/command.ts'
import { type ExitCode, exit } from '../program/exit.ts'
import { ambiguous, ledgersOf } from '../program/pick-by-id.ts'
import type { ServiceLedger } from '../program/session.ts'
import { jobById, jobChangeOptions, refuseIn } from './job-pick.ts'

export const jobsRetry: Command = {
  name: 'jobs retry',
  summary: 'run a job again that failed: a replay of its dead letter',
  operands: '<id>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [
    { line: 'jobs retry 01980f2a-7c', what: 'by the id of the job or of its letter, once the cause is fixed' },
    { line: 'dlq replay --all --type receipt.send --dry-run', what: 'many at once' },
  ],
  options: { ...jobChangeOptions, reason: { value: 'text', help: 'kept in the history of the letter' } },
  notes: ['It comes back under its id, with all of its attempts before it. When it succeeds, its letter is resolved.'],
  run,
}

async function run(call: Call): Promise<ExitCode> {
  const { args, io, output } = call
  const { ledger, letter } = await letterOf(call, args.operands[0] ?? '')
  const { id: letterId, jobId: id } = letter
  const isDry = args.flag('dry-run')
  const decision = { by: args.text('by') ?? io.user, note: args.text('reason') ?? '' }
  if (isDry) await refuseUnlessOpen(ledger, letter)
  else await ledger.deadLetters.replay(letterId, decision)
  if (output.json) output.document({ action: 'retry', dryRun: isDry, id, letterId, service: ledger.service.name })
  else if (isDry) output.note(`Would run ${id} again; nothing was changed.`)
  else {
    output.line(`retried ${id}`)
    output.note(`Its outcome: firebreak jobs show ${id}`)
  }
  return exit.ok
}

const candidatesMax = 10

/** By the id of either of both: the letter is there as long as its job can be run again, the end of the job need not be. */
async function letterOf(call: Call, id: string): Promise<{ ledger: ServiceLedger; letter: JobLetter }> {
  const picks: { ledger: ServiceLedger; letter: JobLetter }[] = []
  for (const ledger of await ledgersOf(call))
    for (const letter of await jobLettersLike(ledger.database, id, candidatesMax + 1)) picks.push({ ledger, letter })
  const exact = picks.find(({ letter }) => letter.id === id || letter.jobId === id)
  const [first, second] = picks
  if (exact !== undefined) return exact
  if (first !== undefined && second === undefined) return first
  if (first !== undefined) {
    const candidates = picks.slice(0, candidatesMax)
    const named = candidates.map(({ ledger, letter }) => ({ id: letter.jobId, service: ledger.service.name }))
    throw ambiguous(id, 'failed job', named)
  }
  const { job } = await jobById(call, id)
  return refuseIn(job, 'retried')
}

async function refuseUnlessOpen({ deadLetters }: ServiceLedger, { id }: JobLetter): Promise<void> {
  const { state } = await deadLetters.get(id)
  if (state !== 'open') throw new FirebreakError('FB_DEAD_LETTER_STATE', { id, state, action: 'replayed' })
}
