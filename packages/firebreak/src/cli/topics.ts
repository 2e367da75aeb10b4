import type { LogInspection, Position, TopicInfo } from '../contracts/log.ts'
import type { ServiceDefinition } from '../define/service.ts'
import type { Call, Command } from './program/command.ts'
import { CommandError, type ExitCode, exit, usageError } from './program/exit.ts'
import { duration, grouped } from './program/output.ts'
import { didYouMean } from './program/suggest.ts'
import { planTopics } from './topics-plan.ts'

export const topicsCommand: Command = {
  name: 'topics',
  summary: 'list topics, who reads them and how far behind they are',
  operands: '[topic]',
  operandsMin: 0,
  operandsMax: 1,
  examples: [
    { line: 'topics', what: 'all topics, the lag of each group in records' },
    { line: 'topics orders', what: 'one topic, partition by partition' },
    { line: 'topics --plan', what: 'what the services declare and the log has; changes nothing' },
    { line: 'topics --create', what: 'shows the plan and creates what is missing' },
  ],
  options: {
    plan: { help: 'compare what the services declare with what the log has; changes nothing' },
    create: { help: 'show the plan and create what is missing; changes and removes nothing' },
  },
  async run(call) {
    const [plan, create] = [call.args.flag('plan'), call.args.flag('create')]
    if (plan && create) throw usageError('--plan changes nothing and --create does: give one of them.')
    if ((plan || create) && call.args.operands.length > 0)
      throw usageError('The plan is about all topics: leave the name out.')
    if (plan || create) return planTopics(call, create)
    const log = await call.session.log()
    const topics = await topicLags(log.inspect(), await call.session.services())
    const [name] = call.args.operands
    const shown = name === undefined ? topics : [topicOf(topics, name)]
    if (call.output.json) call.output.document({ topics: shown.map(topicDocument) })
    else if (name === undefined) showTopics(call, shown)
    else for (const topic of shown) showTopic(call, topic)
    if (!log.capabilities.contiguousOffsets)
      call.output.note('(offsets of this log may have gaps: lag is an upper bound)')
    return exit.ok satisfies ExitCode
  },
}

interface TopicLag {
  readonly info: TopicInfo
  readonly groups: readonly GroupLag[]
}

interface GroupLag {
  readonly group: string
  readonly lag: number
  readonly partitions: readonly { readonly partition: number; readonly next: number | null; readonly lag: number }[]
}

async function topicLags(
  inspection: LogInspection,
  services: readonly ServiceDefinition[],
): Promise<readonly TopicLag[]> {
  const committed = new Map<string, readonly Position[]>()
  const subscribers = services.filter((service) => service.topics.length > 0)
  for (const group of new Set([...(await inspection.groups()), ...subscribers.map(({ name }) => name)])) {
    committed.set(group, await inspection.committed(group))
  }
  const isReader = (group: string, topic: string): boolean =>
    subscribers.some((service) => service.name === group && service.topics.includes(topic)) ||
    committed.get(group)?.some((position) => position.topic === topic) === true
  const topics = [...(await inspection.topics())].sort((a, b) => (a.name < b.name ? -1 : 1))
  return topics.map((info) => {
    const groups = [...committed.keys()].filter((group) => isReader(group, info.name)).sort()
    return { info, groups: groups.map((group) => groupLag(group, info, committed.get(group) ?? [])) }
  })
}

function groupLag(group: string, info: TopicInfo, committed: readonly Position[]): GroupLag {
  const partitions = info.ends.map(({ partition, first, next: end }) => {
    const next = committed.find((p) => p.topic === info.name && p.partition === partition)?.offset ?? null
    // What retention has taken away is lost to the group, and no longer ahead of it.
    return { partition, next, lag: Math.max(0, end - Math.max(first, next ?? first)) }
  })
  return { group, partitions, lag: partitions.reduce((sum, { lag }) => sum + lag, 0) }
}

function topicOf(topics: readonly TopicLag[], name: string): TopicLag {
  const found = topics.find(({ info }) => info.name === name)
  if (found !== undefined) return found
  throw unknownTopic(
    name,
    topics.map(({ info }) => info.name),
  )
}

/** The log has no such topic. */
export function unknownTopic(name: string, known: readonly string[]): CommandError {
  const hint = known.length === 0 ? 'The log has no topics yet: start a service.' : `It has: ${known.join(', ')}`
  return new CommandError(exit.notFound, `The log has no topic "${name}".${didYouMean(name, known)}`, hint)
}

const recordsOf = ({ ends }: TopicInfo): number => ends.reduce((sum, { first, next }) => sum + next - first, 0)
const keptFor = ({ retentionMs }: TopicInfo): string =>
  Number.isFinite(retentionMs) ? duration(retentionMs) : 'forever'

const topicDocument = ({ info, groups }: TopicLag): unknown => ({
  name: info.name,
  partitions: info.ends,
  records: recordsOf(info),
  retentionMs: Number.isFinite(info.retentionMs) ? info.retentionMs : null,
  retentionBytes: Number.isFinite(info.retentionBytes) ? info.retentionBytes : null,
  groups,
})

function showTopics({ output }: Call, topics: readonly TopicLag[]): void {
  if (topics.length === 0) output.note('The log has no topics yet: start a service.')
  if (topics.length === 0) return
  const rows = topics.flatMap(({ info, groups }) => {
    const own = [info.name, String(info.partitions), grouped(recordsOf(info)), keptFor(info)]
    const [first, ...rest] = groups.map(({ group, lag }) => [group, grouped(lag)])
    return [[...own, ...(first ?? ['-', '-'])], ...rest.map((each) => ['', '', '', '', ...each])]
  })
  const { style } = output
  output.table(
    [
      { title: 'TOPIC', flexible: true, paint: style.cyan },
      { title: 'PARTITIONS', align: 'right' },
      { title: 'RECORDS', align: 'right' },
      { title: 'KEPT', align: 'right' },
      { title: 'GROUP', flexible: true },
      { title: 'LAG', align: 'right', paint: (lag) => (lag === '0' || lag === '-' ? lag : style.yellow(lag)) },
    ],
    rows,
  )
}

function showTopic({ output }: Call, { info, groups }: TopicLag): void {
  const { style } = output
  output.line(style.bold(info.name), `  ${grouped(recordsOf(info))} records, kept ${keptFor(info)}`)
  const rows = info.ends.map(({ partition, first, next }) => [
    String(partition),
    grouped(first),
    grouped(next),
    ...groups.map((group) => grouped(group.partitions.find((each) => each.partition === partition)?.lag ?? 0)),
  ])
  const lags = groups.map(({ group }) => ({ title: `LAG ${group}`, align: 'right' as const }))
  const numbers = ['PARTITION', 'FIRST', 'NEXT'].map((title) => ({ title, align: 'right' as const }))
  output.table([...numbers, ...lags], rows)
}
