import { type EventDefinition, event, type Schema } from 'firebreak'

export interface Measured {
  readonly id: string
  readonly n: number
  readonly sentAtMs: number
  readonly filler: string
}

// A schema by hand: what is measured is the runtime, not a validation library.
const schema: Schema<Measured> = {
  '~standard': {
    version: 1,
    vendor: 'bench',
    validate: (value) =>
      typeof (value as Measured)?.n === 'number'
        ? { value: value as Measured }
        : { issues: [{ message: 'n must be a number' }] },
  },
}

export const Happened: EventDefinition<Schema<Measured>> = event({
  type: 'bench.happened',
  topic: 'bench.events',
  key: 'id',
  schema,
})
export const Followed: EventDefinition<Schema<Measured>> = event({
  type: 'bench.followed',
  topic: 'bench.followed',
  key: 'id',
  schema,
})

const keys = Array.from({ length: 1000 }, (_, i) => `key-${String(i).padStart(4, '0')}`)
const filler = 'x'.repeat(179)

/** About 256 bytes as JSON; 1,000 keys in turn. */
export const measured = (n: number): Measured => ({
  id: keys[n % 1000] as string,
  n,
  sentAtMs: performance.timeOrigin + performance.now(),
  filler,
})
