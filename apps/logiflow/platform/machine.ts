import { randomUUID } from 'node:crypto'
import { setTimeout as timeout } from 'node:timers/promises'

/** Time, chance and environment of the machine: the app asks for them here and nowhere else. */
export const nowMs = (): number => Date.now()

/** For durations: it never goes back, and it is not the time of day. */
export const elapsedMs = (): number => performance.now()

export const newId = (): string => randomUUID()

export const env = (name: string): string | undefined => process.env[name]

export const every = (periodMs: number, run: () => void): NodeJS.Timeout => setInterval(run, periodMs)

export const after = (delayMs: number, run: () => void): NodeJS.Timeout => setTimeout(run, delayMs)

export const pause = (ms: number): Promise<void> => timeout(ms)

/** The first moment of a day, as the one library that wants a `Date` wants it. */
export const dateOf = (day: string): Date => new Date(`${day}T00:00:00Z`)
