/** Durations are plain numbers of milliseconds everywhere, and whole ones: 0.07 s are 70 ms and not 70.00000000000001. */
export const seconds = (n: number): number => Math.round(n * 1000)
export const minutes = (n: number): number => Math.round(n * 60_000)
export const hours = (n: number): number => Math.round(n * 3_600_000)
