/** Durations are plain numbers of milliseconds everywhere; these three only make them readable. */
export const seconds = (n: number): number => n * 1000
export const minutes = (n: number): number => n * 60_000
export const hours = (n: number): number => n * 3_600_000
