import type { Metres, Seconds } from '../values/units.ts'
import { remainingAfterM } from './speed-profile.ts'

/** Regulation (EC) 561/2006 article 7: a break of 45 minutes after 4.5 hours of driving. */
export const DRIVING_BEFORE_BREAK_S: Seconds = 16_200
export const BREAK_S: Seconds = 2_700
/** Article 6: nine hours of driving a day. */
export const DRIVING_PER_DAY_S: Seconds = 32_400

/** One stop and the leg that leads to it. Windows are seconds on the clock that the schedule starts on. */
export type Visit = {
  readonly legM: Metres
  readonly legS: Seconds
  readonly serviceS: Seconds
  readonly windowFromS: Seconds
  readonly windowToS: Seconds
}
export type Segment = {
  readonly kind: 'drive' | 'break' | 'wait' | 'service'
  readonly fromS: Seconds
  readonly toS: Seconds
  readonly fromM: Metres
  readonly toM: Metres
  readonly visitIndex: number
}
export type VisitTimes = {
  readonly arriveS: Seconds
  readonly departS: Seconds
  readonly lateS: Seconds
}
export type Schedule = {
  readonly visits: readonly VisitTimes[]
  readonly segments: readonly Segment[]
  readonly distanceM: Metres
  readonly drivingS: Seconds
  readonly breakS: Seconds
  readonly serviceS: Seconds
  readonly endS: Seconds
}
export type ScheduleStart = {
  readonly atS: Seconds
  readonly sinceBreakS: Seconds
}

/** Drives legs one after the other: breaks where the law puts them, waiting before a window opens, lateness after it closed. */
export const propagate = (visits: readonly Visit[], start: ScheduleStart): Schedule => {
  const segments: Segment[] = []
  const times: VisitTimes[] = []
  const spentS = { drive: 0, break: 0, wait: 0, service: 0 }
  let atS = start.atS
  let atM = 0
  let sinceBreakS = start.sinceBreakS

  const spend = (kind: Segment['kind'], lastsS: Seconds, toM: Metres): void => {
    if (lastsS <= 0) return
    segments.push({
      kind,
      fromS: atS,
      toS: atS + lastsS,
      fromM: atM,
      toM,
      visitIndex: times.length,
    })
    spentS[kind] += lastsS
    atS += lastsS
    atM = toM
    if (kind === 'drive') sinceBreakS += lastsS
    // Waiting is at the driver's disposal, so a wait as long as the break is one.
    else if (kind !== 'service' && lastsS >= BREAK_S) sinceBreakS = 0
  }
  const drive = (visit: Visit): void => {
    const legStartM = atM
    let drivenS = 0
    while (drivenS < visit.legS) {
      const allowedS = DRIVING_BEFORE_BREAK_S - sinceBreakS
      const stretchS = Math.min(visit.legS - drivenS, Math.max(0, allowedS))
      drivenS += stretchS
      const leftM = drivenS === visit.legS ? 0 : remainingAfterM(visit.legM, drivenS)
      spend('drive', stretchS, legStartM + visit.legM - leftM)
      if (drivenS < visit.legS) spend('break', BREAK_S, atM)
    }
    atM = legStartM + visit.legM
  }

  for (const visit of visits) {
    drive(visit)
    const arriveS = atS
    spend('wait', visit.windowFromS - atS, atM)
    const lateS = Math.max(0, atS - visit.windowToS)
    spend('service', visit.serviceS, atM)
    times.push({ arriveS, departS: atS, lateS })
  }
  return {
    visits: times,
    segments,
    distanceM: atM,
    drivingS: spentS.drive,
    breakS: spentS.break,
    serviceS: spentS.service,
    endS: atS,
  }
}
