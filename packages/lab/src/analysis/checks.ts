import type { Check, LabResult } from '../model/result.ts'
import type { Arm, Fault } from '../model/scenario.ts'
import type { Message } from '../sim/backlog.ts'
import type { Channel } from '../sim/channel.ts'
import { moments } from '../sim/distributions.ts'
import type { Simulation } from '../sim/simulation.ts'
import type { Station } from '../sim/station.ts'
import type { Origin } from '../sim/visit.ts'
import { capacityOf } from './capacity.ts'

export type Checks = LabResult['checks']

interface Deviation {
  readonly size: number
  readonly where: string
}

const noDeviation: Deviation = { size: 0, where: '' }

/** A run of which services are checked. */
export interface CheckedRun {
  readonly arm: Arm
  readonly replication: number
  readonly nowUs: number
}

/** What a finished replication must add up to, from counts that different code has kept. */
export function checkRun(simulation: Simulation, replication: number): Checks {
  const { arm, time, stations } = simulation
  const run = { arm, replication, nowUs: time.nowUs }
  return { conservation: checkOf(worst(conservation(simulation), run), 0), ...checkServices(stations, run) }
}

/** What services must add up to, each by itself. */
export function checkServices(stations: readonly Station[], run: CheckedRun): Pick<Checks, 'little' | 'capacity'> {
  return {
    little: checkOf(worst(stations.map(little), run), 0.01),
    capacity: checkOf(
      worst(
        stations.map((station) => overCapacity(station, run)),
        run,
      ),
      0,
    ),
  }
}

function worst(deviations: readonly Deviation[], { arm, replication }: CheckedRun): Deviation {
  const found = deviations.reduce((most, one) => (one.size > most.size ? one : most), noDeviation)
  if (found.size === 0) return noDeviation
  return { size: found.size, where: `${arm.name}, replication ${replication}: ${found.where}` }
}

/** The worst of all runs. */
export function worstOf(checks: readonly Checks[]): Checks {
  const worst = (of: (checks: Checks) => Check): Check => {
    return checks.map(of).reduce((most, one) => (one.worst > most.worst ? one : most))
  }
  return {
    conservation: worst(({ conservation }) => conservation),
    little: worst(({ little }) => little),
    capacity: worst(({ capacity }) => capacity),
  }
}

const checkOf = ({ size, where }: Deviation, allowed: number): Check => ({ ok: size <= allowed, worst: size, where })

/** **Units** of the deviations: requests, visits, messages */
function conservation({ stats, stations, channels }: Simulation): readonly Deviation[] {
  const { offered, succeeded, failures } = stats.all
  const unsettled = unsettledRequests(stations, channels)
  return [
    deviation('requests', offered, succeeded + failures + unsettled),
    deviation('open requests', stats.open, unsettled),
    ...stations.flatMap((station) => {
      const { arrivals, completed, failed, rejected, abandoned, started } = station.stats.all
      const { busy, queued } = station.counted
      const { name } = station.model
      return [
        deviation(`visits to ${name}`, arrivals, completed + failed + rejected + abandoned + busy + queued),
        deviation(`workers of ${name}`, station.busy, busy),
        deviation(`queue of ${name}`, station.queued, queued),
        { size: Math.max(0, started - arrivals), where: `starts at ${name}` },
      ]
    }),
    ...channels.flatMap((channel) => {
      const { published, done, dead, dropped, unsent, travelling, resting } = channel.counts
      const inside = unsent + travelling + resting + channel.waiting + channel.underWay
      return [
        deviation(`messages of ${channel.edge.id}`, published, done + dead + dropped + inside),
        deviation(`open messages of ${channel.edge.id}`, channel.unsettledMessages().length, inside),
      ]
    }),
  ]
}

const deviation = (where: string, one: number, other: number): Deviation => ({ size: Math.abs(one - other), where })

/** Requests that something is still going on for, found where it goes on. */
function unsettledRequests(stations: readonly Station[], channels: readonly Channel[]): number {
  const visiting = stations.flatMap(({ live }) => live.map(({ request }) => request))
  const waiting = channels.flatMap((channel) => channel.unsettledMessages().map(({ request }: Message) => request))
  return new Set<Origin>([...visiting, ...waiting].filter(({ isSettled }) => !isSettled)).size
}

/** Little's law: the area under the number of visits is the sum of their times. **Units** share */
function little(station: Station): Deviation {
  station.integrate()
  const { presentArea, sojournUs } = station.stats
  const still = station.live.reduce((sum, visit) => sum + station.presentUs(visit), 0)
  const size = presentArea === 0 ? sojournUs + still : Math.abs(presentArea - sojournUs - still) / presentArea
  return { size, where: `Little's law at ${station.model.name}` }
}

/** How far a service has done more than its workers can, beyond what chance allows. **Units** share */
function overCapacity({ model, stats }: Station, { arm, nowUs }: CheckedRun): Deviation {
  const where = `work done by ${model.name}`
  const { mean, second } = moments(model.latency)
  const could = (capacityOf(model).perSec * hasteOf(model.name, arm.faults) * nowUs) / 1e6
  if (!(could > 0 && Number.isFinite(could) && Number.isFinite(second))) return { size: 0, where }
  // The number of renewals of so many workers: four standard deviations, and what they begin with.
  const variation = Math.max(1, second / (mean * mean) - 1)
  const workers = Math.min(model.instances * model.concurrency, stats.all.completed)
  const allowed = could + 4 * Math.sqrt(could * variation) + workers * (1 + variation)
  return { size: Math.max(0, stats.all.completed / allowed - 1), where }
}

/** By how much faults may speed a service up at most. */
function hasteOf(name: string, faults: readonly Fault[]): number {
  let haste = 1
  for (const fault of faults) {
    if (fault.target !== name) continue
    if (fault.kind === 'latency') haste /= Math.min(1, fault.value)
    if (fault.kind === 'capacity') haste *= Math.max(1, fault.value)
  }
  return haste
}
