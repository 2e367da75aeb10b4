import { AsyncLocalStorage } from 'node:async_hooks'

/** A unit whose code is running, as everything that its code calls can find it. */
export interface OpenUnit {
  /** Equal for two handles on one database. */
  readonly database: unknown
  /** The unit, of another database, inside which this one was opened. */
  readonly outer: OpenUnit | undefined
  ended: boolean
}

const open = new AsyncLocalStorage<OpenUnit | undefined>()

/** Runs the code of a unit so that what it calls can tell. It is over when the unit has ended, not when its code has. */
export function insideUnit<T>(database: unknown, run: (unit: OpenUnit) => T): T {
  const unit: OpenUnit = { database, outer: open.getStore(), ended: false }
  return open.run(unit, run, unit)
}

/** Whether the caller runs inside a unit: of this database, or of any. */
export function isInsideUnit(database?: unknown): boolean {
  for (let unit = open.getStore(); unit !== undefined; unit = unit.outer) {
    if (!unit.ended && (database === undefined || unit.database === database)) return true
  }
  return false
}

/** Runs what belongs to no unit, whoever starts it. */
export function outsideUnits<T>(run: () => T): T {
  return open.run(undefined, run)
}

/** The same function for later, in the async context of now: whoever calls it must not lend it a trace or a tenant. */
export function inContextOfNow<A, R>(run: (argument: A) => R): (argument: A) => R {
  const context = AsyncLocalStorage.snapshot()
  return (argument) => {
    const unit = open.getStore()
    return context(() => open.run(unit, run, argument))
  }
}

/** The context of whoever makes it, for code that serves many and must belong to none of them. */
export const contextOfNow = (): (<R>(run: () => R) => R) => AsyncLocalStorage.snapshot()
