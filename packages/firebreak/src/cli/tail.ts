import { sleep } from '../contracts/clock.ts'
import type { LogEntry, LogInspection, TopicInfo } from '../contracts/log.ts'
import { visibleLine } from '../contracts/text/visible.ts'
import { toRfc3339 } from '../node/clock.ts'
import type { Arguments } from './program/args.ts'
import type { Call, Command } from './program/command.ts'
import { type ExitCode, exit, usageError } from './program/exit.ts'
import type { Part } from './program/paint.ts'
import { originalFields, payloadFields, textOf } from './program/payload.ts'
import { cut, widthOf } from './program/text-width.ts'
import { unknownTopic } from './topics.ts'

// Inspection cannot wake anybody. Ten looks a second feel live and cost an idle system nothing that can be measured.
const lookEveryMs = 100
const batchMax = 256

export const tailCommand: Command = {
  name: 'tail',
  summary: 'watch the events of a topic, without joining a group',
  operands: '<topic>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [
    { line: 'tail orders', what: 'what comes in from now on; Ctrl-C ends it' },
    { line: 'tail orders --from earliest --type order.placed --max 10', what: 'the first ten of a type' },
    {
      line: 'tail orders --from earliest --no-follow --json | jq .payload',
      what: 'all that is there, one JSON a line',
    },
  ],
  options: {
    from: { value: 'where', help: 'earliest, latest or an offset; default latest' },
    max: { value: 'n', help: 'end after so many' },
    type: { value: 'event type', help: 'only events of this type' },
    key: { value: 'key', help: 'only events of this key' },
    'no-follow': { help: 'end where the topic ends now' },
  },
  notes: ['With --json, one line per event; the payload stands in it as it was published. Times are UTC.'],
  run: tail,
}

interface Reading {
  readonly partition: number
  /** The next offset to look at. */
  at: number
  /** Where the topic ended when the command began. */
  readonly end: number
}

async function tail(call: Call): Promise<ExitCode> {
  const { args, io, session, output } = call
  const [name = ''] = args.operands
  const max = args.count('max') ?? Number.POSITIVE_INFINITY
  const inspection = (await session.log()).inspect()
  const readings = readingsOf(await topicOf(inspection, name), args)
  const isFollowing = !args.flag('no-follow')
  if (isFollowing && io.isTty) output.note(`Watching ${name}. Ctrl-C stops watching, nothing else.`)
  let shown = 0
  const stopped = AbortSignal.any([io.signal, io.readerGone])
  while (!stopped.aborted) {
    const batch = await nextBatch(inspection, name, readings)
    for (const entry of batch) {
      if (!isWanted(entry, args)) continue
      if (output.json) output.jsonLine(jsonLine(entry))
      else output.line(...textLine(call, entry))
      if (++shown >= max) return exit.ok
    }
    if (!isFollowing && readings.every(({ at, end }) => at >= end)) return exit.ok
    if (batch.length === 0) await sleep(io.clock, lookEveryMs, stopped)
  }
  return io.signal.aborted ? exit.interrupted : exit.ok
}

async function topicOf(inspection: LogInspection, name: string): Promise<TopicInfo> {
  const topics = await inspection.topics()
  const found = topics.find((topic) => topic.name === name)
  if (found !== undefined) return found
  throw unknownTopic(
    name,
    topics.map((topic) => topic.name),
  )
}

function readingsOf({ ends }: TopicInfo, args: Arguments): readonly Reading[] {
  const from = args.text('from') ?? 'latest'
  if (from !== 'earliest' && from !== 'latest' && !/^\d+$/.test(from)) {
    throw usageError(`--from is earliest, latest or an offset, not "${from}".`)
  }
  return ends.map(({ partition, first, next }) => {
    const at = from === 'earliest' ? first : from === 'latest' ? next : Math.max(first, Number(from))
    return { partition, at, end: next }
  })
}

// Up to a batch of each partition, in the order in which they were appended.
async function nextBatch(inspection: LogInspection, topic: string, readings: readonly Reading[]): Promise<LogEntry[]> {
  const batch: LogEntry[] = []
  for (const reading of readings) {
    const { partition, at } = reading
    const entries = await inspection.read({ topic, partition, offset: at }, batchMax)
    const last = entries.at(-1)
    if (last !== undefined) reading.at = last.offset + 1
    batch.push(...entries)
  }
  return batch.sort((a, b) => a.atMs - b.atMs || a.partition - b.partition || a.offset - b.offset)
}

function isWanted({ headers, key }: LogEntry, args: Arguments): boolean {
  const type = args.text('type')
  const wantedKey = args.text('key')
  return (type === undefined || headers['ce_type'] === type) && (wantedKey === undefined || key === wantedKey)
}

/** One line; on a terminal cut to its width. */
function textLine({ io, output }: Call, entry: LogEntry): readonly Part[] {
  const { style } = output
  const time = toRfc3339(entry.atMs)
  const payload = (
    entry.value === null ? '(no payload)' : (textOf(entry.value) ?? `(${entry.value.length} bytes)`)
  ).replace(/\s*[\r\n]+\s*/g, ' ')
  const cells = [
    [io.isTty ? time.slice(11) : time, style.dim],
    [`${entry.partition}:${entry.offset}`, style.dim],
    [entry.headers['ce_type'] ?? '?', style.cyan],
    [entry.key ?? '-', style.bold],
    [payload, String],
  ] as const
  let room = io.columns
  return cells.flatMap(([text, paint], n) => {
    const shown = cut(visibleLine(n === 0 ? text : `  ${text}`), room)
    room -= widthOf(shown)
    return [paint(shown)]
  })
}

/** One line of NDJSON. A payload that is JSON goes in as it is written: parsing it would round its large numbers. */
function jsonLine({ topic, partition, offset, atMs, key, headers, value, original }: LogEntry): string {
  const type = headers['ce_type'] ?? null
  const at = toRfc3339(atMs)
  const about = { topic, partition, offset, at, key, type, headers, ...originalFields(original) }
  const text = value === null ? undefined : textOf(value)
  if (text === undefined || !isJson(text)) return JSON.stringify({ ...about, ...payloadFields(value) })
  // Line ends inside JSON text are white space: within strings they are escaped.
  return `${JSON.stringify(about).slice(0, -1)},"payload":${text.replace(/[\r\n]+/g, ' ')}}`
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
