import { messageOf } from './failure.ts'
import { openKafka } from './kafka-cluster.ts'
import { openPostgres } from './postgres-server.ts'
import { countBrokers, provePostgres } from './readiness.ts'
import { brokersOf, type KafkaState, type PostgresState, type State, urlOf } from './state.ts'

/** Where servers may come from besides `up`. */
export interface Given {
  readonly brokers: readonly string[] | undefined
  readonly url: string | undefined
}

export interface KafkaView {
  readonly how: 'environment' | 'docker' | 'java'
  readonly brokers: readonly string[]
  readonly answers: boolean
  /** Brokers that the cluster counts. */
  readonly brokersSeen: number
  readonly nodes: readonly {
    readonly id: number
    readonly port: number
    readonly pid: number
    readonly isRunning: boolean
  }[]
  readonly secure: { readonly brokers: readonly string[]; readonly caPath: string } | null
  readonly startedAt: string | null
  readonly folder: string | null
  readonly problem: string | null
}

export interface PostgresView {
  readonly how: 'environment' | 'docker' | 'packages'
  readonly url: string
  readonly answers: boolean
  readonly version: string | null
  readonly pid: number | null
  readonly startedAt: string | null
  readonly folder: string | null
  readonly problem: string | null
}

/** Stopped with its data kept, or killed: `up` brings it back as it was. */
export const notRunning = 'not running; its data is there'

/** KAFKA_BROKERS and DATABASE_URL, unless they only repeat what `up` has started. */
export function givenBy(env: NodeJS.ProcessEnv, { kafka, postgres }: State): Given {
  const brokers = env['KAFKA_BROKERS']
    ?.split(',')
    .map((broker) => broker.trim())
    .filter((broker) => broker !== '')
  const url = env['DATABASE_URL']
  const isOwnKafka = kafka !== undefined && brokers?.join() === brokersOf(kafka).join()
  const isOwnPostgres = postgres !== undefined && url === urlOf(postgres)
  return {
    brokers: brokers === undefined || brokers.length === 0 || isOwnKafka ? undefined : brokers,
    url: url === undefined || url === '' || isOwnPostgres ? undefined : url,
  }
}

/** Asks Kafka; undefined when there is none. */
export async function lookAtKafka(given: Given, state: KafkaState | undefined): Promise<KafkaView | undefined> {
  const brokers = given.brokers ?? (state === undefined ? undefined : brokersOf(state))
  if (brokers === undefined) return undefined
  const own = given.brokers === undefined ? state : undefined
  const cluster = own?.how === 'java' ? openKafka(own.cluster) : undefined
  const nodes = (cluster?.nodes ?? []).map((node) => {
    const { id, port, pid } = node
    return { id, port, pid, isRunning: node.isRunning() }
  })
  const dead = nodes.filter(({ isRunning }) => !isRunning).map(({ id }) => id)
  const asked = await answerOf(() => countBrokers(brokers, 5_000))
  const seen = asked.answer ?? 0
  // The metadata counts a broker that was killed until its session is over.
  const isWhole = dead.length === 0 && (own === undefined ? seen > 0 : seen === brokers.length)
  const missing = `${Math.min(seen, brokers.length - dead.length)} of ${brokers.length} brokers are there`
  return {
    how: own?.how ?? 'environment',
    brokers,
    answers: asked.problem === null && isWhole,
    brokersSeen: seen,
    nodes,
    secure: cluster?.secure === undefined ? null : { brokers: cluster.secure.brokers, caPath: cluster.secure.caPath },
    startedAt: own?.startedAt ?? null,
    folder: cluster?.record.folder ?? null,
    problem: dead.length === brokers.length ? notRunning : (asked.problem ?? (isWhole ? null : missing)),
  }
}

/** Asks PostgreSQL; undefined when there is none. */
export async function lookAtPostgres(
  given: Given,
  state: PostgresState | undefined,
): Promise<PostgresView | undefined> {
  const url = given.url ?? (state === undefined ? undefined : urlOf(state))
  if (url === undefined) return undefined
  const own = given.url === undefined ? state : undefined
  const server = own?.how === 'packages' ? openPostgres(own.server) : undefined
  const isStopped = server !== undefined && !server.isRunning()
  const asked = isStopped ? { answer: undefined, problem: notRunning } : await answerOf(() => provePostgres(url))
  return {
    how: own?.how ?? 'environment',
    url: withoutPassword(url),
    answers: asked.problem === null,
    version: asked.answer ?? null,
    pid: server?.pid ?? null,
    startedAt: own?.startedAt ?? null,
    folder: server?.record.folder ?? null,
    problem: asked.problem,
  }
}

async function answerOf<T>(ask: () => Promise<T>): Promise<{ answer?: T; problem: string | null }> {
  try {
    return { answer: await ask(), problem: null }
  } catch (error) {
    return { problem: `does not answer: ${messageOf(error)}` }
  }
}

function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return '(not an address)'
  const parsed = new URL(url)
  if (parsed.password !== '') parsed.password = '***'
  if (parsed.searchParams.has('password')) parsed.searchParams.set('password', '***')
  return parsed.href
}
