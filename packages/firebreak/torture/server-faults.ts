import type { KafkaCluster } from '../../../scripts/infra/kafka-cluster.ts'
import type { PostgresServer } from '../../../scripts/infra/postgres-server.ts'
import type { Crew } from './crew.ts'
import type { Random } from './random.ts'
import type { Servers } from './site.ts'

/** What was done to the servers; written here, read by everybody. */
export interface ServerFaults {
  /** Brokers that were killed and started again, or frozen for a while. */
  brokerFaults: number
  /** Cuts between a broker and the members that reach it through its proxy. */
  partitions: number
  databaseRestarts: number
  /** Stretches in which members join and leave every second. */
  storms: number
}

export interface StrainOptions {
  readonly servers: Servers
  readonly random: Random
  readonly signal: AbortSignal
  /** Says when enough has been done to the processes; the servers go on until they have had their share. */
  readonly isOver: () => boolean
  readonly brokerFaultsMin: number
  readonly stormsMin: number
  readonly onFault: (what: string) => void
}

const handledBetween = 60
const patienceMs = 60_000
/** From shorter than a client waits for an answer to longer than the brokers wait for each other. */
const frozenMs = { least: 500, more: 11_500 } as const
const downMs = { least: 0, more: 4000 } as const
const cutMs = { least: 500, more: 9000 } as const
const stormMs = { least: 8000, more: 6000 } as const
const calmMs = { least: 1000, more: 4000 } as const

export const noFaults = (): ServerFaults => ({ brokerFaults: 0, partitions: 0, databaseRestarts: 0, storms: 0 })

/**
 * Hurts one server at a time, so that acknowledgement by two of three brokers stays possible, and lets it recover before it
 * takes the next. Round by round each kind of fault has its turn. When it
 * ends, all servers are up and all ways open.
 */
export async function strain(crew: Crew, faults: ServerFaults, options: StrainOptions): Promise<void> {
  const { servers, random, isOver, brokerFaultsMin, stormsMin, onFault } = options
  const kinds = kindsFor(servers, faults, (ms) => hold(crew, options, ms), options)
  const isDone = (): boolean =>
    isStopped(crew, options) ||
    (isOver() &&
      (servers.kafka === undefined || (faults.brokerFaults >= brokerFaultsMin && faults.storms >= stormsMin)))
  const storming = storms(crew, faults, options, isDone)
  try {
    while (!isDone()) {
      for (const [name, strike] of shuffled(Object.entries(kinds), random)) {
        if (isDone() || !(await recovered(crew, options))) break
        onFault(name)
        await strike()
      }
    }
  } finally {
    await storming
    await heal(crew, options)
  }
}

/** Beside everything else, members join and leave every second for a while, and then they do not. */
async function storms(crew: Crew, faults: ServerFaults, options: StrainOptions, isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    faults.storms++
    crew.tell('churn-1', { do: 'storm' })
    await hold(crew, options, stormMs)
    crew.tell('churn-1', { do: 'calm' })
    await hold(crew, options, calmMs)
  }
}

interface Span {
  readonly least: number
  readonly more: number
}

async function hold(crew: Crew, { random, signal }: StrainOptions, { least, more }: Span): Promise<void> {
  await crew.until(() => false, least + random.below(more), signal)
}

type Strike = () => Promise<void>

function kindsFor(
  { kafka, proxies, postgres }: Servers,
  faults: ServerFaults,
  pause: (span: Span) => Promise<void>,
  { random, signal }: StrainOptions,
): Record<string, Strike> {
  const database = (end: (server: PostgresServer) => Promise<void>) => async (): Promise<void> => {
    faults.databaseRestarts++
    await end(postgres)
    await pause(downMs)
    await postgres.start()
    await postgres.ready({ signal })
  }
  const onDatabase = {
    'fast restart of the database': database((server) => server.stop()),
    'immediate restart of the database': database(stopAtOnce),
  }
  if (kafka === undefined) return onDatabase
  const onBroker = (fault: (node: KafkaCluster['nodes'][number]) => Promise<void>) => async (): Promise<void> => {
    const node = random.pick(kafka.nodes)
    if (node === undefined) return
    faults.brokerFaults++
    await fault(node)
    await kafka.ready({ signal })
  }
  const kill = onBroker(async (node) => {
    await node.kill()
    await pause(downMs)
    await node.start()
  })
  const freeze = onBroker(async (node) => {
    node.pause()
    await pause(frozenMs)
    node.resume()
  })
  const cut = async (): Promise<void> => {
    const proxy = random.pick(proxies)
    faults.partitions++
    proxy?.cut()
    await pause(cutMs)
    proxy?.heal()
  }
  // Brokers have their turn twice a round.
  return { ...onDatabase, 'broker killed': kill, 'broker frozen': freeze, 'way cut': cut, 'broker killed again': kill }
}

/** PostgreSQL's immediate shutdown: sessions are cut, nothing is written down, the next start recovers from its log. */
async function stopAtOnce(server: PostgresServer): Promise<void> {
  process.kill(server.pid, 'SIGQUIT')
  await server.stop()
}

/** Waits until work goes on; false when it does not, or nobody wants to know any more. */
async function recovered(crew: Crew, options: StrainOptions): Promise<boolean> {
  const { handled } = crew.tally
  const moved = (): boolean => crew.tally.handled >= handled + handledBetween
  if (await crew.until(moved, patienceMs, options.signal)) return true
  if (!isStopped(crew, options))
    crew.tally.problems.push(`nothing was handled for ${patienceMs} ms between server faults`)
  return false
}

/** A fault that was interrupted leaves a server frozen, down, or cut off. */
async function heal(crew: Crew, { servers: { kafka, proxies, postgres }, signal }: StrainOptions): Promise<void> {
  for (const proxy of proxies) proxy.heal()
  for (const node of kafka?.nodes ?? []) node.resume()
  if (signal.aborted || crew.isHopeless) return
  for (const node of kafka?.nodes ?? []) await node.start()
  await kafka?.ready({ signal })
  await postgres.start()
  await postgres.ready({ signal })
}

const isStopped = (crew: Crew, { signal }: StrainOptions): boolean => signal.aborted || crew.isHopeless

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  return items
    .map((item) => ({ item, rank: random.next() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}
