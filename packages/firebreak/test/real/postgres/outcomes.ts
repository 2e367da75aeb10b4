import assert from 'node:assert/strict'
import type { Database, SqlUnit } from '../../../src/contracts/database.ts'
import { outcomes } from '../../../src/testing/conformance/database-scene.ts'

/** The code of an error, of the server or of firebreak, or else what it says. */
export const codeOf = (error: unknown): string => String((error as { readonly code?: unknown }).code ?? error)

/** How a commit ends: the outcomes of its units, or the code with which it rejects as a whole. */
export async function ending(database: Database, units: readonly SqlUnit[]): Promise<unknown> {
  try {
    const verdicts = await database.commit(units)
    return verdicts.map((verdict) => (verdict.ok ? 'ok' : codeOf(verdict.error)))
  } catch (error) {
    return codeOf(error)
  }
}

/** From now on its units have savepoints. */
export async function guard(database: Database): Promise<void> {
  const failing: SqlUnit = () => Promise.reject(new Error('on purpose'))
  assert.deepEqual(outcomes(await database.commit([failing])), ['on purpose'])
}
