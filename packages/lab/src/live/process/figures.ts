import { armResult } from '../../analysis/arm-result.ts'
import { checkRun } from '../../analysis/checks.ts'
import type { ArmResult, ServiceResult } from '../../model/result.ts'
import type { Arm, Scenario } from '../../model/scenario.ts'
import { ArmBooks } from '../../sim/arm-books.ts'
import type { BusyMarks, ClosedWindow, Simulation } from '../../sim/simulation.ts'
import type { Station } from '../../sim/station.ts'
import { StationBooks } from '../../sim/station-books.ts'
import type { ServiceReport, Setup } from './protocol.ts'
import type { LiveTime } from './time.ts'

/** The parts of a simulation that its figures are drawn from, filled in from what processes have measured. */
interface Measured {
  readonly scenario: Scenario
  readonly arm: Arm
  readonly books: ArmBooks
  readonly windows?: readonly ClosedWindow[]
  readonly stations?: readonly Station[]
  readonly busyMarks?: BusyMarks
  readonly nowUs?: number
}

const asSimulation = ({ nowUs = 0, ...measured }: Measured): Simulation => {
  const none = { windows: [], stations: [], links: [], channels: [], busyMarks: { warmup: [], end: [] } }
  return { ...none, ...measured, time: { nowUs } } as unknown as Simulation
}

export interface RequestFigures extends Required<Pick<Measured, 'scenario' | 'arm' | 'books' | 'windows'>> {
  /** As the services have drawn them up. */
  readonly services: ArmResult['services']
}

/** The figures of an arm. */
export function requestFigures({ services, ...measured }: RequestFigures): ArmResult {
  // Of the services, what concerns all of them together takes the arrivals alone.
  const stations = measured.arm.services.map((model) => {
    const books = new StationBooks(0)
    books.measured.arrivals = services[model.name]?.arrivals ?? 0
    return { model, books } as unknown as Station
  })
  return { ...armResult(asSimulation({ ...measured, stations })), services }
}

/** What is measured at one service, in its own process. */
export interface ServiceLife {
  readonly time: LiveTime
  readonly station: Station
  readonly marks: BusyMarks
}

/** The figures of a service, from its own books. */
export function serviceReport({ scenario, arm }: Setup, { time, station, marks }: ServiceLife): ServiceReport {
  const { nowUs } = time.calendar
  const alone = { scenario, arm, books: new ArmBooks(0, []), stations: [station], busyMarks: marks, nowUs }
  const { little, capacity } = checkRun(asSimulation(alone), 0)
  const { arrivals, completed, failed, rejected, abandoned } = station.books.all
  const { busy, queued } = station.counted
  return {
    result: armResult(asSimulation(alone)).services[station.model.name] as ServiceResult,
    little,
    capacity,
    arrivals,
    missing: arrivals - completed - failed - rejected - abandoned - busy - queued,
  }
}
