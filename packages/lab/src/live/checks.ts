import type { Checks } from '../analysis/checks.ts'
import type { Check } from '../model/result.ts'
import type { Arm } from '../model/scenario.ts'
import type { Report } from './process/protocol.ts'
import type { Replayed } from './replay.ts'

export interface CheckOptions {
  readonly arm: Arm
  readonly reports: readonly Report[]
  /** By name. */
  readonly services: ReadonlyMap<string, Report>
  readonly replayed: Replayed
  /** Whether everything had come to rest when the run ended. */
  readonly isDrained: boolean
}

/**
 * What the counts of different processes must add up to.
 *
 * A request that was given up may not have arrived: of those, and of broken connections, only the bounds are known.
 */
export function realChecks(options: CheckOptions): Checks {
  const { arm, services } = options
  const of = (which: 'little' | 'capacity'): Check => {
    const checks = [...services.values()].flatMap(({ service }) => (service === null ? [] : [service[which]]))
    const worst = checks.reduce((most, one) => (one.worst > most.worst ? one : most), nothing)
    return worst.worst === 0
      ? nothing
      : { ...worst, where: `${arm.name}, in its own process: ${worst.where.replace(/^.*?: /, '')}` }
  }
  const found = conservation(options).reduce((most, one) => (one.size > most.size ? one : most))
  const where = found.size === 0 ? '' : `${arm.name}: ${found.where}`
  return {
    conservation: { ok: found.size === 0, worst: found.size, where },
    little: of('little'),
    capacity: of('capacity'),
  }
}

const nothing: Check = { ok: true, worst: 0, where: '' }

interface Deviation {
  readonly size: number
  readonly where: string
}

/** **Units** requests, visits, messages */
function conservation({ arm, reports, services, replayed, isDrained }: CheckOptions): readonly Deviation[] {
  const { offered, succeeded, failures } = replayed.stats.all
  const records = reports.reduce((sum, { requests }) => sum + requests.length, 0)
  const published = reports.reduce((sum, report) => sum + report.published.length, 0)
  const settled = reports.reduce((sum, report) => sum + report.settled.length, 0)
  return [
    { size: Math.abs(records - offered), where: 'requests sent' },
    { size: Math.abs(offered - succeeded - failures - replayed.stats.open), where: 'requests' },
    { size: replayed.strays, where: 'messages that ended twice, or that nobody has published' },
    { size: isDrained ? Math.abs(published - settled) : Math.max(0, settled - published), where: 'messages' },
    ...arm.services.flatMap(({ name }) => visitsTo(name, reports, services.get(name)?.service ?? null)),
  ]
}

function visitsTo(name: string, reports: readonly Report[], service: Report['service']): readonly Deviation[] {
  if (service === null) return [{ size: 1, where: `${name} has not reported` }]
  const calls = reports.flatMap((report) => report.calls[name] ?? [])
  const sum = (of: (counts: (typeof calls)[number]) => number): number => calls.reduce((all, one) => all + of(one), 0)
  const open = sum(({ sent, answered, broken, givenUp }) => sent - answered - broken - givenUp)
  const tooFew = sum(({ answered }) => answered) - service.arrivals
  const tooMany = service.arrivals - sum(({ sent }) => sent)
  return [
    { size: Math.abs(service.missing), where: `visits to ${name}` },
    { size: Math.max(0, -open), where: `calls to ${name} that ended twice` },
    { size: Math.max(0, tooFew), where: `answers of ${name} without a visit` },
    { size: Math.max(0, tooMany), where: `visits to ${name} that nobody sent` },
  ]
}
