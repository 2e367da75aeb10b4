import type { JobView } from '../../ledger/jobs/read-jobs.ts'
import { toRfc3339 } from '../../node/clock.ts'
import { heading, showAttempts, stackOption } from '../program/attempts.ts'
import type { Call, Command } from '../program/command.ts'
import { exit } from '../program/exit.ts'
import { duration, shellWord } from '../program/output.ts'
import { commandLines, type Pair } from '../program/pairs.ts'
import { prettyJson } from '../program/payload.ts'
import { serviceOption } from '../program/pick-by-id.ts'
import { type JobPick, jobById } from './job-pick.ts'
import { correlationOf, jobDetail, whenOf } from './job-view.ts'

export const jobsShow: Command = {
  name: 'jobs show',
  summary: 'show one job: state, input, attempts, progress, result, what to do',
  operands: '<id>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [
    { line: 'jobs show 01980f2a-7c', what: 'by id, or by the beginning of one' },
    { line: 'jobs show 01980f2a-7c --json | jq -r .resultText', what: 'its result alone' },
  ],
  options: { ...serviceOption, ...stackOption },
  notes: [
    'Of a job that has ended there are its result, its error and how often it was tried. Of one that failed,\nthe dead letter has the rest.',
  ],
  async run(call) {
    const pick = await jobById(call, call.args.operands[0] ?? '')
    if (call.output.json) call.output.document(jobDetail(pick))
    else show(call, pick)
    return exit.ok
  },
}

function show(call: Call, pick: JobPick): void {
  const { io, output } = call
  const { job } = pick
  const { style, line, block } = output
  line(style.bold(job.id), `  ${job.state}`)
  if (job.error !== null) block(style.red(job.error))
  line()
  for (const [name, value] of facts(call, pick)) if (value !== null) line(style.dim(name.padEnd(12)), value)
  if (job.headers !== null) heading(call, 'Headers')
  for (const [name, value] of Object.entries(job.headers ?? {})) line('  ', style.dim(name), `: ${value}`)
  for (const [title, text] of [
    ['Input', job.input],
    ['Progress', job.progress],
    ['Result', job.result],
  ] as const) {
    if (text === null) continue
    heading(call, title)
    block(io.isTty ? prettyJson(text) : text)
  }
  if (job.attempts.length > 0) showAttempts(call, job.attempts)
  heading(call, 'Next')
  for (const parts of commandLines(nextSteps(pick), io.columns, style)) line(...parts)
}

const priorities = ['high', 'normal', 'low']

function facts({ io }: Call, { ledger, job }: JobPick): readonly (readonly [string, string | null])[] {
  const nowMs = io.clock.now()
  const at = (atMs: number | null): string | null =>
    atMs === null ? null : `${toRfc3339(atMs)} (${whenOf(atMs, nowMs)})`
  const { decision, holder } = job
  return [
    ['service', ledger.service.name],
    ['type', job.type],
    ['key', job.lane],
    ['priority', job.priority === null ? null : (priorities[job.priority] ?? String(job.priority))],
    ['enqueued', at(job.enqueuedAtMs)],
    ['due', holder === null ? at(job.dueAtMs) : null],
    ['deadline', at(job.deadlineAtMs)],
    ['holder', holder],
    ['attempts', `${job.attemptsCount} failed`],
    ['failing', job.firstFailedAtMs === null ? null : `for ${duration(nowMs - job.firstFailedAtMs)}`],
    ['deaths', job.suspects === 0 ? null : `${job.suspects}: its process died while it ran; it runs alone now`],
    ['cancelled', at(job.cancelAtMs)],
    ['decision', decision && wordsOf(decision)],
    ['ended', at(job.endedAtMs)],
    ['kept', job.expiresAtMs === null ? null : `until ${toRfc3339(job.expiresAtMs)}`],
    ['correlation', correlationOf(job)],
    ['letter', job.letterId],
  ]
}

const wordsOf = ({ action, by, note, atMs }: NonNullable<JobView['decision']>): string =>
  `${action} by ${by}, ${toRfc3339(atMs)}${note === '' ? '' : `: ${note}`}`

function nextSteps({ ledger: { service }, job: { id, type, state, letterId } }: JobPick): readonly Pair[] {
  const cancel: Pair = [`firebreak jobs cancel ${id} --reason "…"`, 'to give it up']
  const stuck: readonly Pair[] = service.jobs.has(type) ? [] : [[`${service.name} has no handler for it any more.`, '']]
  switch (state) {
    case 'waiting':
      return [...stuck, [`firebreak jobs run-now ${id}`, 'not to wait'], cancel]
    case 'ready':
      return [...stuck, [`${service.name} starts it as soon as it has a place for it.`, ''], cancel]
    case 'blocked':
      return [...stuck, [`firebreak jobs list --type ${shellWord(type)}`, 'what is before it in its key'], cancel]
    case 'running':
      return [cancel]
    case 'cancelling':
      return [['Nothing: it ends when its handler follows its signal, or in ten seconds.', '']]
    case 'failed':
      return [
        [`firebreak dlq show ${letterId}`, 'its input, every attempt, what people did'],
        [`firebreak jobs retry ${id}`, 'once the cause is fixed'],
      ]
    case 'done':
      return [['Nothing: it is done.', '']]
    case 'cancelled':
    case 'expired':
    case 'discarded':
      return [['Nothing: it was given up.', '']]
  }
}
