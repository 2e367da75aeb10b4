import { FirebreakError } from '../../contracts/errors.ts'
import { type Problems, shown } from '../../contracts/option.ts'
import { nearestName } from '../../contracts/text/nearest-name.ts'

// Who looks for the next slot asks about the same few instants again and again.
const keptMax = 64
const offsetPattern = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/

/** What the clocks of a time zone show: production asks the rules that came with Node, tests may make up a night. */
export interface ZoneRules {
  /** How far the zone is ahead of UTC at this instant, in minutes; negative in the west. A fraction only long ago. */
  offsetMinutesAt(instantMs: number): number
}

/**
 * The rules of an IANA time zone, as this Node knows them.
 *
 * **Errors** `FB_CONFIG` when it knows no such zone
 */
export function zoneRules(zone: string): ZoneRules {
  const format = formatOf(zone)
  if (format === undefined) throw new FirebreakError('FB_CONFIG', { problems: zoneProblems(zone).join('\n') })
  const kept = new Map<number, number>()
  return {
    offsetMinutesAt(instantMs: number): number {
      const known = kept.get(instantMs)
      if (known !== undefined) return known
      const offset = minutesOf(format.format(instantMs))
      if (kept.size >= keptMax) kept.clear()
      kept.set(instantMs, offset)
      return offset
    },
  }
}

/** What is wrong with the name of a zone. */
export function zoneProblems(zone: unknown): Problems {
  if (formatOf(zone) !== undefined) return []
  const meant = typeof zone === 'string' ? nearestZone(zone) : undefined
  const hint = meant === undefined ? '' : `: did you mean ${meant}?`
  return [`zone must be the name of an IANA time zone, such as Europe/Amsterdam or UTC, not ${shown(zone)}${hint}`]
}

function formatOf(zone: unknown): Intl.DateTimeFormat | undefined {
  // Without a name Intl takes the zone of the machine. An offset such as +02:00 has no summer and no winter.
  if (typeof zone !== 'string' || !/^[A-Za-z]/.test(zone)) return undefined
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  } catch {
    return undefined
  }
}

/** `1/15/2027, GMT+05:45`; of UTC the offset may be missing. */
function minutesOf(text: string): number {
  const [, sign, hours = 0, minutes = 0, seconds = 0] = offsetPattern.exec(text) ?? []
  const size = Number(hours) * 60 + Number(minutes) + Number(seconds) / 60
  return sign === '-' ? -size : size
}

/** The zone of nearly this city: people know their city, and often not under which continent it stands. */
function nearestZone(typed: string): string | undefined {
  const zones = ['UTC', ...Intl.supportedValuesOf('timeZone')]
  const cities = new Map(zones.map((zone) => [cityOf(zone), zone]))
  return cities.get(nearestName(cityOf(typed), cities.keys()) ?? '')
}

const cityOf = (zone: string): string => zone.slice(zone.lastIndexOf('/') + 1)
