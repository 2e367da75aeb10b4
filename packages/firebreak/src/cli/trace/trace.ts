import { toRfc3339 } from '../../node/clock.ts'
import { isJobTopic } from '../../runtime/jobs/job-topic.ts'
import type { Call, Command } from '../program/command.ts'
import { type ExitCode, exit, usageError } from '../program/exit.ts'
import { counted, duration, failureText } from '../program/output.ts'
import type { Part } from '../program/paint.ts'
import { wrap } from '../program/text-width.ts'
import { type Found, findTrace, incomplete } from './find.ts'
import { type Outcome, type Step, wayOf } from './way.ts'

const recordsMax = 100_000

export const traceCommand: Command = {
  name: 'trace',
  summary: 'follow one event through all services: who handled it, and what it caused',
  operands: '<id>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [
    { line: 'trace 01980f2a-7c31', what: 'by the id of an event or of a correlation, or the beginning of one' },
    { line: 'trace 01980f2a-7c31 --max 5000000', what: 'far back in a long log' },
    { line: "trace 01980f2a-7c31 --json | jq '.events[].outcomes'", what: 'for scripts' },
  ],
  options: { max: { value: 'n', help: `look at so many records of the log, the newest; default ${recordsMax}` } },
  notes: [
    'It shows all events of the correlation, each under the one that caused it, and for each service that\nhandles it what its ledger knows: handled, parked, a dead letter, or not handled yet.',
    'The log has no index of ids, so it is read from its end towards its beginning. What was not looked at\nis said on stderr, and in --json: "complete" is false. An id that is not found is exit code 3.',
  ],
  run: trace,
}

async function trace(call: Call): Promise<ExitCode> {
  const { args, io, session, output } = call
  const typed = args.operands[0] ?? ''
  if (typed === '') throw usageError('An empty id names no event.', 'dlq show and tail --json show ids.')
  const max = args.count('max') ?? recordsMax
  const { awake } = await session.ledgers()
  const services = await session.services()
  const inspection = (await session.log()).inspect()
  const declared = new Set(
    services.flatMap(({ topics, publishes }) => [...topics, ...[...publishes].map(({ topic }) => topic)]),
  )
  const topics = (await inspection.topics()).filter(({ name }) => declared.has(name))
  const found = await findTrace({ call, ledgers: awake, inspection, topics, max }, typed)
  const neverRun = (type: string): readonly string[] =>
    services
      .filter(({ name, handlers }) => handlers.has(type) && !awake.some(({ service }) => service.name === name))
      .map(({ name }) => name)
  const steps = await wayOf(found, { awake, neverRun })
  if (output.json) output.document(documentOf(found, steps))
  else show(call, found, { steps, typed })
  return io.signal.aborted ? exit.interrupted : exit.ok
}

const isComplete = ({ looked }: Found): boolean => looked.records >= looked.of

const documentOf = (found: Found, steps: readonly Step[]): unknown => ({
  correlationId: found.correlationId,
  complete: isComplete(found),
  looked: found.looked,
  events: steps.map(({ event, depth, outcomes }) => {
    const { id, type, key, source, correlationId, causationId, position, outbox, atMs } = event
    const about = { id, type, key, publishedBy: publisherOf(source), correlationId, causationId, depth }
    const where = outbox === undefined ? {} : { outbox }
    return { ...about, at: toRfc3339(atMs), position, ...where, outcomes: outcomes.map(outcomeDocument) }
  }),
})

function outcomeDocument(outcome: Outcome): unknown {
  const { service, state } = outcome
  if (state === 'parked') {
    const { attempts, dueAtMs } = outcome
    return { service, state, attempts, dueAt: dueAtMs === null ? null : toRfc3339(dueAtMs) }
  }
  if (state !== 'dead-lettered') return { service, state }
  const { id, state: letterState, errorClass, message, attempts } = outcome.letter
  return { service, state, letter: { id, state: letterState, errorClass, message, attempts } }
}

/** Runtimes write `/service`. */
const publisherOf = (source: string): string => source.replace(/^\//, '')

const indentMax = 24

function show(call: Call, found: Found, { steps, typed }: { steps: readonly Step[]; typed: string }): void {
  const { output } = call
  output.line(output.style.bold(`correlation ${found.correlationId}`), `  ${counted(steps.length, 'event')}`)
  for (const step of steps) showStep(call, step, typed)
  if (!isComplete(found)) output.note(incomplete(found.looked, found.events.length))
}

function showStep(call: Call, { event, depth, outcomes, isCauseMissing }: Step, typed: string): void {
  const { io, output } = call
  const { style } = output
  const indent = ' '.repeat(Math.min(depth * 4, indentMax))
  const say = (margin: string, text: string, paint: (text: string) => Part = String): void => {
    const [first = '', ...rest] = wrap(text, Math.max(20, io.columns - indent.length - margin.length))
    output.line(indent, margin, paint(first))
    for (const line of rest) output.line(indent, margin, '  ', paint(line))
  }
  output.line()
  say('', event.type, style.bold)
  say('  ', `id ${event.id}${event.id === typed ? '  (the one asked for)' : ''}`, style.cyan)
  const { position, outbox } = event
  const isJob = position !== null && isJobTopic(position.topic)
  const place = position === null || isJob ? '' : `  ${position.topic} ${position.partition}:${position.offset}`
  const how = isJob ? 'a job, enqueued' : 'published'
  say('  ', `${how} by ${publisherOf(event.source)}, ${toRfc3339(event.atMs)}${place}  key ${event.key ?? '-'}`)
  if (isCauseMissing) say('  ', `its cause ${event.causationId} was not found`, style.yellow)
  if (outbox !== undefined) {
    const blocked = outbox.blocked === null ? '' : `; the log refuses it: firebreak outbox show ${outbox.blocked}`
    say('  ', `still in the outbox, not in the log${blocked}`, style.yellow)
  } else if (outcomes.length === 0) say('  ', 'no service of the config handles it', style.dim)
  for (const outcome of outcomes)
    for (const [margin, text, color] of outcomeLines(call, outcome)) say(margin, text, style[color])
}

type OutcomeLine = readonly [margin: string, text: string, color: 'green' | 'yellow' | 'red' | 'dim' | 'bold']

function outcomeLines({ io }: Call, outcome: Outcome): readonly OutcomeLine[] {
  const { service } = outcome
  switch (outcome.state) {
    case 'handled':
      return [['  ', `${service}: handled`, 'green']]
    case 'parked': {
      const { attempts, dueAtMs } = outcome
      const left = dueAtMs === null ? '' : `, due in ${duration(dueAtMs - io.clock.now())}`
      return [['  ', `${service}: parked after ${counted(attempts, 'attempt')}${left}`, 'yellow']]
    }
    case 'dead-lettered': {
      const { id, state, attempts } = outcome.letter
      const color = state === 'resolved' ? 'green' : 'red'
      return [
        ['  ', `${service}: dead letter, ${state}, after ${counted(attempts, 'attempt')}`, color],
        ['    ', failureText(outcome.letter), color],
        ['    ', `firebreak dlq show ${id}`, 'bold'],
      ]
    }
    case 'passed':
      return [['  ', `${service}: finished; skipped, a duplicate, or no longer in its inbox`, 'dim']]
    case 'waiting':
      return [['  ', `${service}: not handled yet`, 'yellow']]
    case 'never-run':
      return [['  ', `${service}: has never run`, 'dim']]
  }
}
