import type { Instant, LocalDate, Seconds, Zone } from './units.ts'

export const instantAtMs = (epochMs: number): Instant =>
  Temporal.Instant.fromEpochMilliseconds(epochMs).toString({
    smallestUnit: 'millisecond',
  })

export const epochMs = (instant: Instant): number => Temporal.Instant.from(instant).epochMilliseconds

export const plusSeconds = (instant: Instant, seconds: Seconds): Instant =>
  instantAtMs(epochMs(instant) + seconds * 1000)

/** Whole seconds from one instant to the other, negative when `to` is earlier. */
export const secondsBetween = (from: Instant, to: Instant): Seconds => Math.round((epochMs(to) - epochMs(from)) / 1000)

export const localDate = (instant: Instant, zone: Zone): LocalDate =>
  Temporal.Instant.from(instant).toZonedDateTimeISO(zone).toPlainDate().toString()

/** A wall-clock time on a day; in the skipped hour of spring the later instant, in the repeated hour of autumn the first. */
export const zonedInstant = (date: LocalDate, time: string, zone: Zone): Instant =>
  instantAtMs(Temporal.PlainDateTime.from(`${date}T${time}`).toZonedDateTime(zone).epochMilliseconds)

export const plusDays = (date: LocalDate, days: number): LocalDate =>
  Temporal.PlainDate.from(date).add({ days }).toString()
