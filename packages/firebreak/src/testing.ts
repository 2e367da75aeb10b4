export { sleep } from './contracts/clock.ts'
