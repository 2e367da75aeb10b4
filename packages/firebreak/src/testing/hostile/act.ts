import type { Clock } from '../../contracts/clock.ts'
import type { Context } from '../../contracts/context.ts'
import type { Database, Sql } from '../../contracts/database.ts'
import type { Entropy } from '../../contracts/entropy.ts'
import type { AnyEvent } from '../../contracts/event.ts'
import type { Fact } from '../../contracts/journal.ts'
import type { Runtime } from '../../runtime/runtime.ts'

/** Who behaves so: a handler, the code that uses its context, its SQL or its session, an observer, a definition. */
export type ActGroup = 'handler' | 'context' | 'sql' | 'session' | 'observer' | 'definition'

/** What an act has at hand, for one attempt of one record. */
export interface Setting {
  readonly ctx: Context
  /** The service's own, as the composition root has it. */
  readonly database: Database
  readonly runtime: Pick<Runtime, 'publish' | 'transaction' | 'stats'>
  readonly clock: Clock
  readonly entropy: Entropy
  /** Of the handler that plays. */
  readonly deadlineMs: number
  /** Of the database. */
  readonly transactionMaxMs: number
  /** Writes the one effect of the record. */
  leave(sql: Sql): Promise<unknown>
  /** The one event of the record: it must come with the effect, or not at all. Its schema keeps fields that it does not know. */
  readonly event: AnyEvent
  readonly payload: Readonly<Record<string, unknown>>
}

/**
 * One way in which the code of a user behaves badly, as data. It ends no process by itself, takes no rights away from the
 * service and writes into no table of the ledger: what it does is a mistake and no sabotage.
 *
 * **Shape** `name` is unique, in kebab-case.
 */
export interface Act {
  readonly name: string
  readonly group: ActGroup
  /** The engine that it can be played on; every engine when absent. */
  readonly needs?: Database['capabilities']['dialect']
  /** What becomes of its record in the end. A record that is done has its effect and its event, once each. */
  readonly ends: 'done' | 'dead-letter' | 'either'
  /** Whether an attempt of it may be counted as failed. */
  readonly counts: boolean
  /** It keeps a transaction or a lock: every commit beside it waits, for `transactionMaxMs` at most each time. */
  readonly holds?: boolean
  /** Instead of the handler; whatever comes of it comes out of the handler. */
  play(setting: Setting): unknown
  /** What the observer of the runtime does with the facts of the record. */
  observe?(fact: Fact, runtime: Setting['runtime']): unknown
  /** Instead of the schema of the event. */
  validate?(payload: unknown): unknown
  /** Instead of the upcaster of the event. */
  upcast?(payload: unknown): unknown
}

type Play = Act['play']
type More = Partial<Pick<Act, 'holds' | 'observe' | 'validate' | 'upcast'>>
type Make = (name: string, play: Play, more?: More) => Act

interface Makers {
  /** The record is done, and no attempt of it fails. */
  readonly done: Make
  /** A dead letter, after as many attempts as its policy allows or at once. */
  readonly letter: Make
  /** A dead letter by age: its attempts do not count. */
  readonly aged: Make
  /** Which of the two is for the engine to say; the act is there for what it does to others. */
  readonly either: Make
}

/** Makes the acts of one group. */
export function actsOf(group: ActGroup, needs?: Act['needs']): Makers {
  const where = needs === undefined ? {} : { needs }
  const maker =
    (ends: Act['ends'], counts: boolean): Make =>
    (name, play, more = {}) =>
      Object.freeze({ name, group, ...where, ends, counts, ...more, play })
  return {
    done: maker('done', false),
    letter: maker('dead-letter', true),
    aged: maker('dead-letter', false),
    either: maker('either', true),
  }
}

/** The unit of work as it should be: effect and event in one; then `more` in the same unit. */
export function unit(setting: Setting, more?: (sql: Sql) => unknown): Promise<void> {
  return setting.ctx.transaction(async (sql) => {
    await setting.leave(sql)
    follow(setting)
    await more?.(sql)
  })
}

/** Publishes the event of the record. */
export const follow = ({ ctx, event, payload }: Setting): void => ctx.publish(event, untyped(payload))

/** What a program without types passes. */
export const untyped = (value: unknown): never => value as never

/** Nobody ever hears of it. */
export const never = (): Promise<never> => new Promise(() => {})

/** What is no promise and can be waited for all the same, as a query builder returns it. */
export const thenable = (
  then: (resolve: (value?: unknown) => void, reject: (error: unknown) => void) => unknown,
): object => Object.defineProperty({}, 'then', { value: then })
