import { asyncApiOf } from '../define/asyncapi.ts'
import { type Manifest, type ManifestHandler, manifestOf } from '../define/manifest-of.ts'
import type { Call, Command } from './command.ts'
import { exit } from './exit.ts'
import { duration } from './output.ts'

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

function show({ output }: Call, manifest: Manifest): void {
  const { style } = output
  output.line(style.bold('Services'))
  for (const service of manifest.services) {
    output.line(`  ${style.cyan(service.name)}${service.description === '' ? '' : `  ${service.description}`}`)
    for (const handler of service.handles)
      output.line(`    handles    ${handler.type}  ${style.dim(policyOf(handler))}`)
    for (const type of service.publishes) output.line(`    publishes  ${type}`)
    for (const name of service.calls) output.line(`    calls      ${name}`)
  }
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
      topic.retentionMs === null ? 'for ever' : duration(topic.retentionMs),
      topic.events.join(', '),
    ]),
  )
}

function policyOf({ retry, deadlineMs, onExhausted }: ManifestHandler): string {
  const tries =
    retry.attemptsMax === 1 ? '1 attempt' : `${retry.attemptsMax} attempts within ${duration(retry.ageMaxMs)}`
  return `${tries}, ${duration(deadlineMs)} each, then ${onExhausted === 'hold' ? 'the key waits' : 'the key goes on'}`
}
