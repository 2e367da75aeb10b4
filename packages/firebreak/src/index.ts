export type { Clock, Timer } from './contracts/clock.ts'
export { hours, minutes, seconds } from './contracts/duration.ts'
