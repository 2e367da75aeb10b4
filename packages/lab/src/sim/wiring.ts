import { FirebreakError } from 'firebreak/internal'
import { PlacedDraws, randomStream, seedFor } from '../math/random-streams.ts'
import type { Arm, QueueEdge, Scenario, SyncEdge } from '../model/scenario.ts'
import { attemptsNeeded, groupsOf } from './arm-graph.ts'
import type { ArmStats } from './arm-stats.ts'
import { Channel } from './channel.ts'
import { setFaults } from './fault-board.ts'
import { OutgoingCalls, type OutgoingPlan } from './outgoing-calls.ts'
import { startSource } from './source.ts'
import { Station } from './station.ts'
import { SyncLink } from './sync-link.ts'
import { toUs, type VirtualTime } from './virtual-time.ts'

export interface WiringOptions {
  readonly scenario: Scenario
  readonly arm: Arm
  readonly replication: number
  readonly time: VirtualTime
  readonly stats: ArmStats
}

export interface Wired {
  /** In the order of the arm's services and edges. */
  readonly stations: readonly Station[]
  readonly links: readonly SyncLink[]
  readonly channels: readonly Channel[]
}

/** Builds the parts of an arm, sets its faults and starts its traffic. **Errors** `FB_CONFIG` for names that are not there */
export function wire(options: WiringOptions): Wired {
  const { arm, time } = options
  const stations = new Map(stationsOf(options).map((station) => [station.model.name, station]))
  requireNames(arm, stations)
  const station = (name: string): Station => stations.get(name) as Station
  const draws = new PlacedDraws()
  const links = linksOf(options, { draws, station })
  const channels = channelsOf(options, { draws, station })
  for (const host of stations.values()) connect(host, [...links.values()], [...channels.values()])
  // Before the traffic: a fault and an arrival at one instant happen in this order.
  setFaults(arm.faults, { stations, links, channels }, time)
  startTraffic(options, station)
  return { stations: [...stations.values()], links: [...links.values()], channels: [...channels.values()] }
}

interface Parts {
  readonly draws: PlacedDraws
  readonly station: (name: string) => Station
}

const replicationSeed = ({ scenario, replication }: WiringOptions): number => seedFor(scenario.seed, replication)

const measuredFrom = ({ scenario }: WiringOptions): number => toUs(scenario.warmupMs)

function stationsOf(options: WiringOptions): readonly Station[] {
  const seed = replicationSeed(options)
  const draws = new PlacedDraws()
  return options.arm.services.map((model, index) => {
    const purpose = seedFor(seed, 'work', model.name)
    return new Station({ model, index, time: options.time, draws, purpose, measuredFromUs: measuredFrom(options) })
  })
}

function linksOf(options: WiringOptions, { draws, station }: Parts): ReadonlyMap<string, SyncLink> {
  const { arm, time, stats } = options
  const seed = replicationSeed(options)
  const edges = arm.edges.filter((edge): edge is SyncEdge => edge.kind === 'sync')
  const link = (edge: SyncEdge): SyncLink => {
    const purpose = seedFor(seed, 'network', edge.from, edge.to)
    const randomOf = (instance: number): (() => number) => randomStream(seedFor(seed, 'policy', edge.id, instance))
    return new SyncLink({ edge, from: station(edge.from), to: station(edge.to), time, draws, stats, purpose, randomOf })
  }
  return new Map(edges.map((edge) => [edge.id, link(edge)]))
}

function channelsOf(options: WiringOptions, { draws, station }: Parts): ReadonlyMap<string, Channel> {
  const { arm, time, stats } = options
  const seed = replicationSeed(options)
  const edges = arm.edges.filter((edge): edge is QueueEdge => edge.kind !== 'sync')
  const channel = (edge: QueueEdge): Channel => {
    const purpose = seedFor(seed, 'network', edge.from, edge.to)
    const random = randomStream(seedFor(seed, 'backoff', edge.id))
    return new Channel({ edge, to: station(edge.to), time, draws, stats, purpose, random })
  }
  return new Map(edges.map((edge) => [edge.id, channel(edge)]))
}

function connect(host: Station, links: readonly SyncLink[], channels: readonly Channel[]): void {
  const own = channels.filter(({ edge }) => edge.from === host.model.name)
  const plan: OutgoingPlan = {
    host,
    groups: groupsOf(links.filter(({ edge }) => edge.from === host.model.name)),
    direct: own.filter(({ edge }) => edge.publish === 'direct'),
    outbox: own.filter(({ edge }) => edge.publish === 'outbox'),
  }
  if (plan.groups.length + own.length > 0) host.outgoingOf = (visit) => new OutgoingCalls(plan, visit)
}

function startTraffic(options: WiringOptions, station: (name: string) => Station): void {
  const { scenario, arm, time, stats } = options
  const seed = replicationSeed(options)
  const context = { time, stats, services: arm.services.length, needsProcessing: arm.success === 'processed' }
  for (const [index, traffic] of arm.traffic.entries()) {
    const entry = station(traffic.to)
    const needs = attemptsNeeded(arm, traffic.to)
    startSource({ traffic, entry, needs, context, untilMs: scenario.durationMs, seed: seedFor(seed, 'traffic', index) })
  }
}

function requireNames(arm: Arm, stations: ReadonlyMap<string, Station>): void {
  const named = [
    ...arm.edges.flatMap(({ id, from, to }) => [from, to].map((name) => ({ name, where: `edge ${id}` }))),
    ...arm.traffic.map(({ to }) => ({ name: to, where: 'traffic' })),
  ]
  const problems = named.filter(({ name }) => !stations.has(name)).map(({ name, where }) => `${where}: no ${name}`)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
}
