import type { KafkaNode } from '../../../../scripts/infra/kafka-cluster.ts'
import type { PostgresServer } from '../../../../scripts/infra/postgres-server.ts'
import { childrenOf } from '../../../../scripts/infra/server-process.ts'
import { type Random, shuffled } from '../history/random.ts'
import type { Crew } from '../process/crew.ts'
import type { Servers } from '../process/site.ts'
import { fillDisk } from './disks.ts'
import type { MachineFaults } from './machine-faults.ts'
import { together } from './together.ts'

/** What was done to the servers; written here, read by everybody. */
export interface ServerFaults {
  /** Brokers that were killed and started again. */
  brokerKills: number
  /** Brokers that were frozen for a while. */
  brokerFreezes: number
  /** Cuts between a broker and the members that reach it through its proxy. */
  partitions: number
  databaseRestarts: number
  /** Stretches in which members joined and left every second. */
  storms: number
}

/** Those whose servers are hurt, as far as that needs them. */
type Watched = Pick<Crew, 'tally' | 'isHopeless' | 'isUp' | 'until' | 'tell'>

export interface StrainOptions {
  readonly servers: Servers
  readonly random: Random
  readonly signal: AbortSignal
  /** Says when enough has been done to the processes; the servers go on until they have had their share. */
  readonly isOver: () => boolean
  readonly brokerFaultsMin: number
  readonly stormsMin: number
  readonly onFault: (what: string) => void
  /** Counts the disks of servers that were full; none are filled without it. */
  readonly disks?: MachineFaults
}

const handledBetween = 60
const waitMaxMs = 60_000
/** From shorter than a client waits for an answer to longer than the brokers wait for each other. */
const frozenMs = { least: 500, more: 11_500 } as const
const downMs = { least: 0, more: 4000 } as const
const fullMs = { least: 200, more: 2000 } as const
/** A server whose disk is full ends itself sooner or later: it cannot write its log. */
const fullBytes = 100_000
const cutMs = { least: 500, more: 9000 } as const
const stormMs = { least: 8000, more: 6000 } as const
const calmMs = { least: 1000, more: 4000 } as const

export const noFaults = (): ServerFaults => {
  return { brokerKills: 0, brokerFreezes: 0, partitions: 0, databaseRestarts: 0, storms: 0 }
}

export const brokerFaultsIn = ({ brokerKills, brokerFreezes }: ServerFaults): number => brokerKills + brokerFreezes

/**
 * Hurts one server at a time, so that acknowledgement by two of three brokers stays possible, and lets it recover before it
 * takes the next. Round by round each kind of fault has its turn, and once at least. When it ends, all servers are up and all
 * ways open; when it fails, nothing goes on.
 */
export async function strain(crew: Watched, faults: ServerFaults, options: StrainOptions): Promise<void> {
  await together(
    options.signal,
    [strikes, storms].map((run) => (signal) => run(crew, faults, { ...options, signal })),
  )
  await heal(crew, options)
}

async function strikes(crew: Watched, faults: ServerFaults, options: StrainOptions): Promise<void> {
  const kinds = strikesOn(crew, faults, options)
  while (!isDone(crew, faults, options)) {
    for (const [name, strike] of shuffled(Object.entries(kinds), options.random)) {
      if (isDone(crew, faults, options) || !(await recovered(crew, options))) break
      options.onFault(name)
      await strike()
    }
  }
}

/** Beside everything else, members join and leave every second for a while, and then they do not. */
async function storms(crew: Watched, faults: ServerFaults, options: StrainOptions): Promise<void> {
  while (!isDone(crew, faults, options)) {
    crew.tell('churn-1', { do: 'storm' })
    await hold(crew, options, stormMs)
    crew.tell('churn-1', { do: 'calm' })
    // A server that is away at its end may have been away for all of it.
    if (crew.isUp('churn-1')) faults.storms++
    await hold(crew, options, calmMs)
  }
}

function isDone(crew: Watched, faults: ServerFaults, options: StrainOptions): boolean {
  const { servers, isOver, brokerFaultsMin, stormsMin } = options
  if (isStopped(crew, options)) return true
  if (!isOver() || faults.databaseRestarts === 0 || faults.storms < stormsMin) return false
  const { brokerKills, brokerFreezes, partitions } = faults
  const isEachSeen = brokerKills > 0 && brokerFreezes > 0 && partitions > 0
  return servers.kafka === undefined || (isEachSeen && brokerFaultsIn(faults) >= brokerFaultsMin)
}

interface Span {
  readonly least: number
  readonly more: number
}

async function hold(crew: Watched, { random, signal }: StrainOptions, { least, more }: Span): Promise<void> {
  await crew.until(() => false, least + random.below(more), signal)
}

type Strike = () => Promise<void>
type Strikes = Readonly<Record<string, Strike>>

/** What every strike needs. */
interface Means extends Pick<StrainOptions, 'random' | 'signal'> {
  readonly faults: ServerFaults
  readonly pause: (span: Span) => Promise<void>
  /** Fills the disk of these processes for a moment; undefined where disks cannot be filled. */
  readonly fill: ((name: string, pids: readonly number[]) => Promise<void>) | undefined
}

function strikesOn(crew: Watched, faults: ServerFaults, options: StrainOptions): Strikes {
  const { servers, random, signal, disks } = options
  const pause = (span: Span): Promise<void> => hold(crew, options, span)
  const fill = async (name: string, pids: readonly number[]): Promise<void> => {
    if (disks !== undefined) disks[name] = (disks[name] ?? 0) + 1
    await fillDisk(pids, fullBytes)
    await pause(fullMs)
  }
  const means = { random, signal, faults, pause, fill: disks === undefined ? undefined : fill }
  return { ...onDatabase(servers, means), ...onBrokers(servers, means) }
}

function onDatabase({ postgres }: Servers, { faults, pause, signal, fill }: Means): Strikes {
  const restart = (end: (server: PostgresServer) => Promise<void>) => async (): Promise<void> => {
    faults.databaseRestarts++
    await end(postgres)
    await pause(downMs)
    await postgres.start()
    await postgres.ready({ signal })
  }
  return {
    'fast restart of the database': restart((server) => server.stop()),
    'immediate restart of the database': restart((server) => server.quit()),
    ...(fill !== undefined && {
      'disk of the database full': restart(async (server) => {
        await fill('database-disk-full', [server.pid, ...childrenOf(server.pid)])
        await server.quit()
      }),
    }),
  }
}

function onBrokers({ kafka, proxies }: Servers, { random, faults, pause, signal, fill }: Means): Strikes {
  if (kafka === undefined) return {}
  const onOne = (fault: (node: KafkaNode) => Promise<void>) => async (): Promise<void> => {
    const node = random.pick(kafka.nodes)
    if (node === undefined) return
    await fault(node)
    await kafka.ready({ signal })
  }
  const kill = onOne(async (node) => {
    faults.brokerKills++
    await node.kill()
    await pause(downMs)
    await node.start()
  })
  const freeze = onOne(async (node) => {
    faults.brokerFreezes++
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
  return {
    'broker killed': kill,
    'broker frozen': freeze,
    'way cut': cut,
    'broker killed again': kill,
    ...(fill !== undefined && {
      'disk of a broker full': onOne(async (node) => {
        faults.brokerKills++
        await fill('broker-disk-full', [node.pid])
        await node.kill()
        await node.start()
      }),
    }),
  }
}

/** Waits until work goes on; false when it does not, or nobody wants to know any more. */
async function recovered(crew: Watched, options: StrainOptions): Promise<boolean> {
  const { handled } = crew.tally
  const moved = (): boolean => crew.tally.handled >= handled + handledBetween
  if (await crew.until(moved, waitMaxMs, options.signal)) return true
  if (!isStopped(crew, options))
    crew.tally.problems.push(`nothing was handled for ${waitMaxMs} ms between server faults`)
  return false
}

/** A fault that was interrupted leaves a server frozen, down, or cut off. */
async function heal(crew: Watched, { servers: { kafka, proxies, postgres }, signal }: StrainOptions): Promise<void> {
  for (const proxy of proxies) proxy.heal()
  for (const node of kafka?.nodes ?? []) node.resume()
  if (signal.aborted || crew.isHopeless) return
  for (const node of kafka?.nodes ?? []) await node.start()
  await kafka?.ready({ signal })
  await postgres.start()
  await postgres.ready({ signal })
}

const isStopped = (crew: Watched, { signal }: StrainOptions): boolean => signal.aborted || crew.isHopeless
