/** How a process under torture is told what its wall clock says; `jumping-clock.ts` listens. */
export const clockChannel = 'firebreak torture clock'

/** What it says from the start, in ms ahead of the right time. */
export const clockVariable = 'FIREBREAK_TORTURE_CLOCK_AHEAD_MS'
