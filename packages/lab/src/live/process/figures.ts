import { serviceResult } from '../../analysis/arm-result.ts'
import { checkServices } from '../../analysis/checks.ts'
import type { BusyMarks } from '../../sim/simulation.ts'
import type { Station } from '../../sim/station.ts'
import type { ServiceReport, Setup } from './protocol.ts'
import type { LiveTime } from './time.ts'

/** What is measured at one service, in its own process. */
export interface ServiceLife {
  readonly time: LiveTime
  readonly station: Station
  readonly marks: BusyMarks
}

/** The figures of a service, from its own stats. */
export function serviceReport({ scenario, arm }: Setup, { time, station, marks }: ServiceLife): ServiceReport {
  const { little, capacity } = checkServices([station], { arm, replication: 0, nowUs: time.calendar.nowUs })
  const { arrivals, completed, failed, rejected, abandoned } = station.stats.all
  const { busy, queued } = station.counted
  return {
    result: serviceResult(station, scenario, (marks.end[0] ?? 0) - (marks.warmup[0] ?? 0)),
    little,
    capacity,
    arrivals,
    missing: arrivals - completed - failed - rejected - abandoned - busy - queued,
  }
}
