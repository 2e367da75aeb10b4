import { asyncApiOf } from '../define/asyncapi.ts'
import { retriedInWords } from '../define/final-answers.ts'
import { type Manifest, type ManifestHandler, type ManifestJob, manifestOf } from '../define/manifest-of.ts'
import type { RetryPolicy, RetryTime } from '../policy/definition/retry.ts'
import type { Call, Command } from './program/command.ts'
import { exit } from './program/exit.ts'
import { duration } from './program/output.ts'
import { wrap } from './program/text-width.ts'

export const describeCommand: Command = {
  name: 'describe',
  summary: 'describe services, events and topics, from the definitions alone',
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  examples: [
    { line: 'describe', what: 'who publishes what, who handles it, on which topic' },
    { line: 'describe --asyncapi > asyncapi.json', what: 'an AsyncAPI 3.1 document, for other tools' },
    { line: 'describe --json', what: 'the manifest' },
  ],
  options: {
    asyncapi: { help: 'an AsyncAPI 3.1.0 document as JSON' },
    title: { value: 'text', help: 'title of the AsyncAPI document' },
    release: { value: 'version', help: 'version of the AsyncAPI document; default 1.0.0' },
  },
  async run(call) {
    const { args, output, session } = call
    const services = await session.services()
    if (!args.flag('asyncapi')) {
      const manifest = manifestOf(services)
      if (output.json) output.document(manifest)
      else show(call, manifest)
      return exit.ok
    }
    const title = args.text('title') ?? `Events of ${services.map(({ name }) => name).join(', ')}`
    const { document, withoutPayload } = asyncApiOf(services, { title, version: args.text('release') ?? '1.0.0' })
    output.document(document)
    if (withoutPayload.length > 0) {
      output.note(`No payload for ${withoutPayload.join(', ')}: the schema library gives no JSON Schema.`)
    }
    return exit.ok
  },
}

const detailIndent = ' '.repeat(15)

function showServices({ io, output }: Call, manifest: Manifest): void {
  const { style } = output
  const detail = (text: string): void => {
    for (const line of wrap(text, io.columns - detailIndent.length)) output.line(detailIndent, style.dim(line))
  }
  output.line(style.bold('Services'))
  for (const service of manifest.services) {
    output.line('  ', style.cyan(service.name), service.description === '' ? '' : `  ${service.description}`)
    for (const handler of service.handles) {
      output.line(`    handles    ${handler.type}`)
      for (const text of retriesOf(handler)) detail(text)
    }
    for (const job of service.jobs) {
      output.line(`    runs       ${job.type}`)
      for (const text of [...limitsOf(job), ...retriesOf(job, 'between them it is a row, and holds no place')])
        detail(text)
    }
    for (const { name, cron, zone } of service.schedules) output.line(`    schedules  ${name}  ${cron} ${zone}`)
    for (const type of service.publishes) output.line(`    publishes  ${type}`)
    for (const name of service.calls) {
      output.line(`    calls      ${name}`)
      for (const call of manifest.calls.filter((one) => one.name === name))
        detail(`tried again after ${retriedInWords(call.final)}; other failures are final`)
    }
  }
}

function show(call: Call, manifest: Manifest): void {
  const { output } = call
  const { style } = output
  showServices(call, manifest)
  output.line()
  output.line(style.bold('Events'))
  output.table(
    [
      { title: '  TYPE', flexible: true },
      { title: 'VERSION', align: 'right' },
      { title: 'TOPIC', flexible: true },
      { title: 'KEY' },
      { title: 'PUBLISHED BY', flexible: true },
      { title: 'HANDLED BY', flexible: true },
    ],
    manifest.events.map((event) => [
      `  ${event.type}`,
      String(event.version),
      event.topic,
      event.key,
      event.publishedBy.join(', ') || '-',
      event.handledBy.join(', ') || '-',
    ]),
  )
  output.line()
  output.line(style.bold('Topics'))
  output.table(
    [
      { title: '  NAME' },
      { title: 'PARTITIONS', align: 'right' },
      { title: 'KEPT', align: 'right' },
      { title: 'EVENTS', flexible: true },
    ],
    manifest.topics.map((topic) => [
      `  ${topic.name}`,
      String(topic.partitions),
      topic.retentionMs === null ? 'forever' : duration(topic.retentionMs),
      topic.events.join(', '),
    ]),
  )
}

/** How often a handler is tried, how long that lasts, where the record waits, and what happens then. */
export function retriesOf(
  { retry, retryTime, deadlineMs, onExhausted }: ManifestHandler,
  place: string = placeOf(retry, retryTime),
): readonly string[] {
  const each = `of ${duration(deadlineMs)} each`
  const end = `then a dead letter, and the key ${onExhausted === 'hold' ? 'waits for a person' : 'goes on'}`
  if (retry.attemptsMax === 1) return [`1 attempt of ${duration(deadlineMs)}`, end]
  return [`${retry.attemptsMax} attempts ${each}, ${lengthOf(retryTime, retry.ageMaxMs)}`, place, end]
}

/** What holds a job up, and what is kept of it. */
function limitsOf({ key, unique, concurrency, rate, priority, endsAfterMs, keepMs }: ManifestJob): readonly string[] {
  const window =
    typeof unique === 'object' && unique !== null ? `once in ${lasting(unique.windowMs)}` : 'once at a time'
  const found = [
    ...(key === null ? [] : [`in order per ${key}`]),
    ...(unique === null ? [] : [`the same payload ${window}`]),
    ...(concurrency === null ? [] : [`${concurrency} at once`]),
    ...(rate === null ? [] : [`${rate.max} in ${lasting(rate.perMs)}`]),
    ...(priority === 1 ? [] : [`priority ${priority}`]),
    ...(endsAfterMs === null ? [] : [`not after ${lasting(endsAfterMs)}`]),
    ...(keepMs === 0 ? [] : [`its end is kept for ${lasting(keepMs)}`]),
  ]
  return found.length === 0 ? [] : [found.join(', ')]
}

function lengthOf({ averageMs, maxMs, endsBy }: RetryTime, ageMaxMs: number): string {
  if (endsBy === 'age') return `as many as start within ${lasting(ageMaxMs)}`
  return `over ${lasting(averageMs)} on average, ${lasting(maxMs)} at most; pauses asked for may make it ${lasting(ageMaxMs)}`
}

function placeOf({ laneWaitMaxMs }: RetryPolicy, { parksAfter }: RetryTime): string {
  if (parksAfter === null) return 'waits in its lane'
  return `waits above ${lasting(laneWaitMaxMs)} are parked in fb_parked, from attempt ${parksAfter} on`
}

/** With one decimal, so that 53.7 minutes are not 53: `700 ms`, `40.2 min`. */
function lasting(ms: number): string {
  const units = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ] as const
  const [size, name] = units.find(([unit]) => ms >= unit) ?? [1, 'ms']
  return `${Math.round((ms / size) * 10) / 10} ${name}`
}
