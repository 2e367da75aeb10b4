import { isDeepStrictEqual } from 'node:util'
import { type Context, type EventDefinition, event, type Schema, topic } from 'firebreak'
import { drawOddValue, oddThenables } from '../src/testing/hostile/values.ts'

export interface Said {
  readonly id: string
  readonly n: number
  readonly v?: unknown
}

const drawn = <T>(random: () => number, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
// Nobody could hear the one that rejects in another realm: nothing waits for what is a value.
const thenables = oddThenables.filter(({ name }) => !name.startsWith('rejection'))

/**
 * Schemas whose results are random. That of the reader returns any result to any question; that of the published event makes a
 * random value out of what it is given, and keeps to itself what it made, to be compared with what is read.
 */
export class SchemaValues {
  readonly Said: EventDefinition<Schema<Said>>
  readonly judging: Schema<unknown>
  readonly #random: () => number
  readonly #expected = new Map<number, unknown>()
  #judged = 0
  #made = 0
  #read = 0
  #misread = 0

  constructor(random: () => number) {
    this.#random = random
    this.judging = schemaOf((value) => this.#judge(value))
    const schema = schemaOf((value) => ({ value })) as Schema<Said>
    const said = topic('said', { retentionMs: 60_000 })
    this.Said = event({ type: 'value.said', topic: said, key: 'id', schema })
  }

  /** Publishes a payload whose field is a random value, JSON or not. */
  publish(n: number, ctx: Pick<Context, 'publish'>): void {
    const v = this.#random() < 0.5 ? drawJson(this.#random, 0) : this.#odd()
    this.#made++
    this.#expected.set(n, v)
    try {
      ctx.publish(this.Said, { id: `s${n % 97}`, n, v })
    } catch (error) {
      // It may be large.
      this.#expected.delete(n)
      throw error
    }
  }

  /** What a reader was given. */
  read({ n, v }: Said): void {
    this.#read++
    const expected = this.#expected.get(n)
    // Its class a reader cannot be given, and a field that is undefined is none.
    const isSame = isDeepStrictEqual(v, expected) || JSON.stringify(v) === JSON.stringify(expected)
    if (!isSame || !this.#expected.delete(n)) this.#misread++
  }

  counts(): { judged: number; made: number; published: number; misread: number } {
    return { judged: this.#judged, made: this.#made, published: this.#read, misread: this.#misread }
  }

  #odd(): unknown {
    return this.#random() < 0.1 ? drawn(this.#random, thenables).make(this.#random) : drawOddValue(this.#random).value
  }

  #judge(value: unknown): unknown {
    if (this.#random() < 0.6) return { value }
    this.#judged++
    const way = Math.floor(this.#random() * 10)
    const v = this.#odd()
    if (way === 0) throw v
    if (way === 1) return v
    if (way === 2) return { value: v }
    if (way === 3) return { value: v, issues: v }
    if (way === 4) return { issues: [v, { message: v, path: [v, { key: v }] }] }
    if (way === 5) return Promise.reject(v)
    if (way === 6) return new Promise(() => {})
    if (way === 7) return new Promise((resolve) => resolve({ value: v }))
    if (way === 8) return Object.defineProperty({}, drawn(this.#random, ['value', 'issues']), { get: () => refuse(v) })
    Object.assign(value as object, { id: v, v })
    return { value }
  }
}

function refuse(v: unknown): never {
  throw v
}

const schemaOf = (validate: (value: unknown) => unknown): Schema<unknown> =>
  ({ '~standard': { version: 1, vendor: 'values', validate } }) as Schema<unknown>

const leaves: readonly unknown[] = ['', 'text', 'half \ud800', 'nul \0', 0, -0, 1.5, -1e300, 1e21, true, false, null]
const names = ['a', 'b', '', '__proto__', 'constructor', 'then', 'toJSON', '0', 'length']

function drawJson(random: () => number, depth: number): unknown {
  const way = random()
  if (way < 0.4 || depth > 4) return drawn(random, leaves)
  const count = Math.floor(random() * 4)
  if (way < 0.6) return Array.from({ length: count }, () => drawJson(random, depth + 1))
  return Object.fromEntries(Array.from({ length: count }, () => [drawn(random, names), drawJson(random, depth + 1)]))
}
