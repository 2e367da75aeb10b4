import type { SqlValue } from '../../contracts/database.ts'

/**
 * Whole numbers as SQLite's integers. Node binds every number as a REAL, which a column of text keeps as '4711.0'; a bigint
 * it binds as an INTEGER, and one read from memory is made in a third of the time that `BigInt` takes.
 */
export class Integers {
  readonly #memory = new DataView(new ArrayBuffer(8))

  /** In place: the array is its caller's own. */
  bind(values: SqlValue[]): SqlValue[] {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      if (typeof value === 'number' && Number.isSafeInteger(value)) values[i] = this.#integer(value)
    }
    return values
  }

  #integer(value: number): bigint {
    this.#memory.setUint32(0, value, true)
    this.#memory.setInt32(4, Math.floor(value / 2 ** 32), true)
    return this.#memory.getBigInt64(0, true)
  }
}
