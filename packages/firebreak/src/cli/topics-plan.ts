import type { TopicSpec } from '../contracts/log.ts'
import { type PlannedTopic, type TopicPlan, topicPlan } from '../define/topic-plan.ts'
import { topicsOf } from '../define/topics-of.ts'
import { mirrorTopic } from '../runtime/message/mirror.ts'
import type { Call } from './program/command.ts'
import { type ExitCode, exit } from './program/exit.ts'
import { counted, duration } from './program/output.ts'
import { cut } from './program/text-width.ts'

const partitionsDefault = 6
const othersCharsMax = 200

/** Compares what the services declare with what the log has; with `create`, makes what is missing. */
export async function planTopics(call: Call, create: boolean): Promise<ExitCode> {
  const { output, session } = call
  const configured = await session.configured()
  const declared = configured.flatMap(({ service, mirrorDeadLetters }): readonly TopicSpec[] => [
    ...topicsOf(service),
    ...(mirrorDeadLetters === true ? [mirrorTopic(service.name)] : []),
  ])
  const log = await session.log()
  const plan = topicPlan(declared, await log.inspect().topics())
  const missing = plan.topics.filter(({ state }) => state === 'create')
  const refused = plan.topics.filter(({ state }) => state === 'mismatch')
  if (!output.json) show(call, plan)
  if (create) await log.ensureTopics(missing.map((topic) => topic.declared))
  const toDo = [...(create ? [] : missing), ...refused].map(({ name }) => name)
  if (output.json) output.document(documentOf(plan, { created: create ? missing : [], toDo }))
  else conclude(call, { created: create ? missing.length : 0, missing: create ? 0 : missing.length, refused })
  return toDo.length === 0 ? exit.ok : exit.failed
}

function show({ output }: Call, { topics, others }: TopicPlan): void {
  const { style } = output
  const paint = { create: style.yellow, fine: style.green, differs: style.yellow, mismatch: style.red }
  if (topics.length > 0) {
    output.table(
      [
        { title: 'TOPIC', flexible: true, paint: style.cyan },
        { title: 'PARTITIONS', align: 'right' },
        { title: 'KEPT', align: 'right' },
        { title: 'PLAN', paint: (cell) => paint[cell as PlannedTopic['state']](cell) },
      ],
      topics.map(({ name, state, declared, found }) => {
        const { partitions = partitionsDefault, retentionMs } = found ?? declared
        return [name, String(partitions), retentionMs === undefined ? '-' : keptFor(retentionMs), state]
      }),
    )
  }
  for (const { name, remarks } of topics) for (const remark of remarks) output.line(`${name}: ${remark}`)
  if (others.length === 0) return
  const names = cut(others.join(', '), othersCharsMax)
  output.note(`(${counted(others.length, 'other topic')} in the log, not touched: ${names})`)
}

const keptFor = (retentionMs: number): string => (Number.isFinite(retentionMs) ? duration(retentionMs) : 'forever')

function conclude(
  { output }: Call,
  done: { readonly created: number; readonly missing: number; readonly refused: readonly PlannedTopic[] },
): void {
  if (done.created > 0) output.note(`Created ${counted(done.created, 'topic')}.`)
  if (done.missing > 0) output.note(`${counted(done.missing, 'topic')} to create: firebreak topics --create`)
  if (done.refused.length > 0) output.note(`Services refuse to start with ${namesOf(done.refused).join(', ')}.`)
  if (done.created + done.missing + done.refused.length === 0) output.note('Nothing to do.')
}

const namesOf = (topics: readonly PlannedTopic[]): readonly string[] => topics.map(({ name }) => name)

function documentOf(
  { topics, others }: TopicPlan,
  { created, toDo }: { readonly created: readonly PlannedTopic[]; readonly toDo: readonly string[] },
): unknown {
  return {
    topics: topics.map(({ name, state, declared, found, remarks }) => ({
      ...{ name, state },
      declared: keptNumbers(declared),
      found: found === null ? null : keptNumbers(found),
      remarks,
    })),
    others,
    created: namesOf(created),
    toDo,
  }
}

/** Null where there is no limit, as JSON has no infinity. */
function keptNumbers({ partitions = partitionsDefault, retentionMs }: TopicSpec): unknown {
  return { partitions, retentionMs: Number.isFinite(retentionMs) ? retentionMs : null }
}
