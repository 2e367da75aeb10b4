import type { Clock } from '../../contracts/clock.ts'
import type { Context } from '../../contracts/context.ts'
import type { Database, Sql } from '../../contracts/database.ts'
import type { Entropy } from '../../contracts/entropy.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyEvent } from '../../contracts/event.ts'
import type { Fact } from '../../contracts/journal.ts'
import { ms, type OptionTable, optionProblems, other } from '../../contracts/option.ts'
import type { Schema } from '../../contracts/schema.ts'
import { type Act, type Setting, untyped } from './act.ts'

/** What a record carries that is to be handled with hostility. */
export interface Hostile {
  /** Name of the act. */
  readonly act: string
}

export interface HostilityOptions<P extends Hostile> {
  readonly acts: readonly Act[]
  readonly clock: Clock
  readonly entropy: Entropy
  readonly deadlineMs: number
  readonly transactionMaxMs: number
  /** Of the service that plays; asked when an act begins. */
  readonly ports: () => { readonly database: Database; readonly runtime: Setting['runtime'] }
  /** Writes the effect of a record in its unit of work. */
  readonly leave: (sql: Sql, payload: P, ctx: Context) => Promise<unknown>
  /** What a record publishes with its effect. */
  readonly event: AnyEvent
  readonly payloadOf: (payload: P) => Readonly<Record<string, unknown>>
  /** Told before an act begins: each attempt, each validation. */
  readonly onPlay?: (act: Act, payload: P) => void
}

export const hostilityOptions: OptionTable<HostilityOptions<Hostile>> = {
  acts: other,
  clock: other,
  entropy: other,
  deadlineMs: ms({ least: 1, meaning: 'that of the handlers that play' }),
  transactionMaxMs: ms({ least: 1, meaning: 'that of their database' }),
  ports: other,
  leave: other,
  event: other,
  payloadOf: other,
  onPlay: other,
}

/** How many records an observer is hostile to at the same time. */
const observedMax = 1000

/**
 * Plays the acts that records name, at each place where a service runs code of its user's: put its `handler`, `schema`,
 * `upcast` and `observe` into the definitions. `counts` says what was played, so that a test can assert that it was.
 */
export class Hostility<P extends Hostile> {
  readonly counts: Record<string, number> = {}
  readonly #options: HostilityOptions<P>
  readonly #acts: ReadonlyMap<string, Act>
  /** Event id -> the act of its record, oldest first. */
  readonly #observed = new Map<string, Act>()

  constructor(options: HostilityOptions<P>) {
    const problems = optionProblems(hostilityOptions, options)
    if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
    this.#options = options
    this.#acts = new Map(options.acts.map((act) => [act.name, act]))
  }

  readonly handler = (payload: P, ctx: Context): Promise<void> => {
    const act = this.#actOf(payload)
    // Not an invariant of firebreak: a schema or an upcaster may have thrown the name away.
    if (act === undefined) throw new Error('the payload names no act')
    const { ports, clock, entropy, deadlineMs, transactionMaxMs, leave, event, payloadOf } = this.#options
    this.#note(act, payload)
    if (act.observe !== undefined) this.#observe(ctx.envelope.id, act)
    // By name: what has them may have them as getters.
    const { database, runtime } = ports()
    const setting: Setting = {
      ...{ ctx, database, runtime, clock, entropy, deadlineMs, transactionMaxMs, event },
      payload: payloadOf(payload),
      leave: (sql) => leave(sql, payload, ctx),
    }
    return untyped(act.play(setting))
  }

  /** Validates as `inner` does, but for acts that validate. */
  schema(inner: Schema<P>): Schema<P> {
    const { validate } = inner['~standard']
    const hostile = (value: unknown): ReturnType<typeof validate> => {
      const act = this.#actOf(value)
      if (act?.validate === undefined) return validate(value)
      this.#note(act, value as P)
      return act.validate(value) as ReturnType<typeof validate>
    }
    return { '~standard': { ...inner['~standard'], validate: hostile } }
  }

  /** From version 1, in which hostile records are written, to version 2, which the service reads. */
  readonly upcast = (payload: unknown): unknown => {
    const act = this.#actOf(payload)
    if (act?.upcast === undefined) return payload
    this.#note(act, payload as P)
    return act.upcast(payload)
  }

  /** Hears every fact of the runtime; hands it on to the act of its record. */
  readonly observe = (fact: Fact): unknown => {
    const act = 'eventId' in fact ? this.#observed.get(fact.eventId ?? '') : undefined
    return act?.observe?.(fact, this.#options.ports().runtime)
  }

  #actOf(payload: unknown): Act | undefined {
    const name = (payload as Partial<Hostile> | null | undefined)?.act
    return name === undefined ? undefined : this.#acts.get(name)
  }

  #note(act: Act, payload: P): void {
    this.counts[act.name] = (this.counts[act.name] ?? 0) + 1
    this.#options.onPlay?.(act, payload)
  }

  #observe(eventId: string, act: Act): void {
    this.#observed.set(eventId, act)
    const [oldest] = this.#observed.keys()
    if (this.#observed.size > observedMax && oldest !== undefined) this.#observed.delete(oldest)
  }
}
