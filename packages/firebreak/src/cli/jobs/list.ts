import type { JobView } from '../../ledger/jobs/read-jobs.ts'
import type { Call, Command } from '../program/command.ts'
import { exit } from '../program/exit.ts'
import { duration } from '../program/output.ts'
import { showPages } from '../program/pages.ts'
import { ledgersOf } from '../program/pick-by-id.ts'
import { shortIds } from '../program/short-ids.ts'
import { filterOf, type JobPick, type JobQuery, jobFilterOptions, jobId, jobPages, jobsCounted } from './job-pick.ts'
import { jobSummary, whenOf } from './job-view.ts'

const listMax = 50

export const jobsList: Command = {
  name: 'jobs list',
  summary: 'list jobs, newest first',
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  examples: [
    { line: 'jobs list', what: 'the newest, those that have ended too' },
    { line: 'jobs list --state running', what: 'what is being done right now' },
    { line: 'jobs list --type receipt.send --state failed', what: 'what waits for a decision' },
    { line: "jobs list --json | jq -r '.jobs[].id'", what: 'for scripts' },
  ],
  options: {
    ...jobFilterOptions,
    after: { value: 'id', help: 'the page behind this job; "next" of the page before' },
    max: { value: 'n', help: `at most so many; default ${listMax}` },
  },
  notes: [
    'Jobs that are done are listed as long as their definition keeps their end, keepMs; others for a day\nat least. Attempts are those that failed. With --json, "next" is the id for --after of the next page, null behind the last one.',
  ],
  async run(call) {
    const { args } = call
    const query = { filter: filterOf(args), after: args.text('after'), max: args.count('max') ?? listMax }
    await show(call, { ...query, ledgers: await ledgersOf(call) })
    return exit.ok
  },
}

async function show(call: Call, query: JobQuery): Promise<void> {
  const { output, args } = call
  const { count, first, next } = await showPages(call, query, {
    pages: jobPages,
    placeOf: jobId,
    json: { head: {}, name: 'jobs', row: jobSummary },
    showRows: (picks, isMore) => showRows(call, picks, isMore),
  })
  if (output.json) return
  if (first === undefined) return output.note(noneOf(args.text('state') ?? 'all'))
  const more = next === null ? '' : `; the next with --after ${next}`
  output.note(`${jobsCounted(count)}${more}. Next: firebreak jobs show ${first}`)
}

const noneOf = (state: string): string =>
  state === 'all' ? 'There are no jobs.' : `There are no jobs that are ${state}.`

/** **Shape** the short id of the first of them. */
function showRows({ io, output }: Call, picks: readonly JobPick[], isMore: boolean): string {
  const short = shortIds(picks.map(({ job }) => job.id))
  const nowMs = io.clock.now()
  const rows = picks.map(({ ledger, job }, i) => [
    short[i] ?? job.id,
    duration(nowMs - job.enqueuedAtMs),
    stateOf(job, nowMs),
    ledger.service.name,
    job.type,
    String(job.attemptsCount),
    job.lane ?? '-',
    job.error ?? job.progress ?? '',
  ])
  output.table(
    [
      { title: 'ID', paint: output.style.cyan },
      { title: 'AGE', align: 'right' },
      { title: 'STATE' },
      { title: 'SERVICE', flexible: true },
      { title: 'TYPE', flexible: true },
      { title: 'ATTEMPTS', align: 'right' },
      { title: 'KEY', flexible: true },
      { title: 'PROGRESS OR ERROR', flexible: true, below: true },
    ],
    rows,
    isMore,
  )
  return short[0] ?? ''
}

/** With its date, where that is to come. */
const stateOf = ({ state, dueAtMs }: JobView, nowMs: number): string =>
  state === 'waiting' && dueAtMs !== null ? `waiting, ${whenOf(dueAtMs, nowMs)}` : state
