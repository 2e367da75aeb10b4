import type { Database, Sql } from 'firebreak'
import type { OrderPlaced } from '../contracts/payloads.ts'
import { generateOrder } from '../domain/trade/orders.ts'
import { mulberry32 } from '../domain/values/random.ts'

/** The same order for the same number. */
export const sampleOrder = (number: number): OrderPlaced => ({
  type: 'OrderPlaced',
  ...generateOrder(mulberry32(number), number, '2026-11-01T01:02:03.000Z'),
})

export const createAll = async (database: Database, statements: readonly string[]): Promise<void> => {
  const unit = async (sql: Sql): Promise<void> => {
    for (const statement of statements) await sql.query(statement)
  }
  const [verdict] = await database.commit([unit])
  if (verdict?.ok === false) throw verdict.error
}
