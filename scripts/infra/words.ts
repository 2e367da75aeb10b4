import { kafkaVersion } from './kafka-jars.ts'
import { type KafkaView, notRunning, type PostgresView } from './look.ts'
import { defaultFolder, statePath } from './state.ts'

interface Views {
  readonly kafka: KafkaView | null
  readonly postgres: PostgresView | null
}

const origins = {
  environment: 'given by the environment',
  docker: 'in Docker',
  java: 'from Maven Central, on Java',
  packages: 'of this machine',
} as const

/** The views as lines for people. */
export function linesOf({ kafka, postgres }: Views, folder: string): readonly string[] {
  if (kafka === null && postgres === null) return ['nothing is up']
  return [...(kafka === null ? [] : kafkaLines(kafka, folder)), ...(postgres === null ? [] : postgresLines(postgres))]
}

function kafkaLines(kafka: KafkaView, folder: string): readonly string[] {
  const version = kafka.how === 'environment' ? 'Kafka' : `Kafka ${kafkaVersion}`
  const count = kafka.brokersSeen === 1 ? '1 broker' : `${kafka.brokersSeen} brokers`
  const lines = [row('kafka', kafka.brokers.join(), kafka.problem ?? `answers, ${count}`)]
  lines.push(row('', `${version} ${origins[kafka.how]}${since(kafka)}`))
  for (const { id, pid, isRunning } of kafka.nodes)
    lines.push(row('', `node ${id}  ${isRunning ? `process ${pid}` : 'not running'}`))
  if (kafka.secure !== null)
    lines.push(row('', `secured: ${kafka.secure.brokers.join()}, users and passwords in ${statePath(folder)}`))
  if (kafka.folder !== null) lines.push(row('', `logs in ${kafka.folder}`))
  return lines
}

function postgresLines(postgres: PostgresView): readonly string[] {
  const lines = [row('postgres', postgres.url, postgres.problem ?? 'answers')]
  lines.push(
    row(
      '',
      `${['PostgreSQL', postgres.version].filter((word) => word !== null).join(' ')} ${origins[postgres.how]}${since(postgres)}`,
    ),
  )
  if (postgres.pid !== null && postgres.problem !== notRunning) lines.push(row('', `process ${postgres.pid}`))
  if (postgres.folder !== null) lines.push(row('', `log in ${postgres.folder}`))
  return lines
}

const row = (name: string, ...words: readonly string[]): string => `${name.padEnd(10)}${words.join('  ')}`

const since = ({ startedAt, problem }: KafkaView | PostgresView): string =>
  startedAt === null || problem === notRunning ? '' : `, since ${startedAt}`

/** What to type so that programs find the servers. */
export function exportsFor({ kafka, postgres }: Views, folder: string): readonly string[] {
  const own = <T extends { readonly how: string }>(view: T | null): view is T =>
    view !== null && view.how !== 'environment'
  const lines = [
    ...(own(kafka) ? [`  export KAFKA_BROKERS=${kafka.brokers.join()}`] : []),
    ...(own(postgres) ? [`  export DATABASE_URL=${postgres.url}`] : []),
  ]
  const who =
    folder === defaultFolder ? 'The tests of this repository find these servers. For other programs:' : 'For programs:'
  return lines.length === 0 ? [] : ['', who, ...lines]
}
