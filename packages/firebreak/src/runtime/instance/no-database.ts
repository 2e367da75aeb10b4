import type { Database } from '../../contracts/database.ts'
import { FirebreakError } from '../../contracts/errors.ts'

const refuse = (): Promise<never> =>
  Promise.reject(
    new FirebreakError('FB_CONFIG', { problems: 'this runtime has no database: pass one to createRuntime' }),
  )

/** Stands in for the database of a service that only publishes. */
export const noDatabase: Database = {
  capabilities: { name: 'none', dialect: 'sqlite', durable: false, shared: false, schema: null },
  query: refuse,
  commit: refuse,
  transaction: refuse,
  close: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
}
