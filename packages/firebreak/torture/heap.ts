import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What the heap holds after a collection. */
export function heapMiB(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return Math.round(process.memoryUsage().heapUsed / 2 ** 20)
}
