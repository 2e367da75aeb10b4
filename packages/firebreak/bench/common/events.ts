import { type EventDefinition, event, type Schema } from 'firebreak'
import { topic } from '../../src/define/topic.ts'
import { partitions } from './settings.ts'

export interface Measured {
  readonly id: string
  readonly n: number
  readonly sentAtMs: number
  readonly filler: string
}

// A schema by hand: what is measured is the runtime, not a validation library.
export const measuredSchema: Schema<Measured> = {
  '~standard': {
    version: 1,
    vendor: 'bench',
    validate: (value) =>
      typeof (value as Measured)?.n === 'number'
        ? { value: value as Measured }
        : { issues: [{ message: 'n must be a number' }] },
  },
}

/** What the services of a measurement speak of, on topics of its own. */
export interface BenchEvents {
  readonly Happened: EventDefinition<Schema<Measured>>
  readonly Followed: EventDefinition<Schema<Measured>>
}

export const eventsOn = (prefix: string): BenchEvents => ({
  Happened: event({
    type: 'bench.happened',
    topic: topic(`${prefix}.events`, { partitions }),
    key: 'id',
    schema: measuredSchema,
  }),
  Followed: event({
    type: 'bench.followed',
    topic: topic(`${prefix}.followed`, { partitions }),
    key: 'id',
    schema: measuredSchema,
  }),
})

const embedded = eventsOn('bench')
/** Of the embedded suite, whose topics lie in a folder of their own. */
export const Happened: EventDefinition<Schema<Measured>> = embedded.Happened

/**
 * The time of the machine's steady clock, the same in all its processes. `performance.timeOrigin` is the wall clock as each process
 * met it at its start: when that was put right in between, records arrived up to 5 ms before they were sent.
 */
export function machineMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

const keys = Array.from({ length: 1000 }, (_, i) => `key-${String(i).padStart(4, '0')}`)
const filler = 'x'.repeat(190)

/** About 256 bytes as JSON; 1,000 keys in turn. */
export const measured = (n: number): Measured => ({
  id: keys[n % 1000] as string,
  n,
  sentAtMs: machineMs(),
  filler,
})
