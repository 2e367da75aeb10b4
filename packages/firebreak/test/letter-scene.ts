import assert from 'node:assert/strict'
import type { Database } from '../src/contracts/database.ts'
import { type DeadLetter, insertLetter } from '../src/ledger/letters.ts'

/** The id of the n-th letter: ids begin with the time, so that they are in order. */
export const letterId = (n: number): string => `${String(n).padStart(8, '0')}-0000-7000-8000-000000000000`

export const letterOf = (n: number, changed: Partial<DeadLetter> = {}): DeadLetter => ({
  id: letterId(n),
  state: 'open',
  reason: 'permanent',
  crash: false,
  hold: false,
  entry: {
    topic: 'orders',
    partition: n % 2,
    // Against the order of their ids: what failed later may stand before in the log.
    offset: 1_000_000 - n,
    key: `k-${n}`,
    headers: {},
    value: new TextEncoder().encode('{"orderId":"K-1","weightKg":1}'),
    atMs: n,
  },
  lane: `=k-${n}`,
  eventId: `e-${n}`,
  eventType: 'order.placed',
  correlationId: null,
  errorClass: 'Error',
  message: 'no',
  fingerprint: `Error@${n % 3}`,
  attempts: [],
  replays: 0,
  atMs: n,
  history: [],
  ...changed,
})

/** Puts letters into a ledger that is there. */
export async function addLetters(database: Database, letters: readonly DeadLetter[]): Promise<void> {
  const [verdict] = await database.commit([
    async (sql) => {
      for (const letter of letters) await insertLetter(sql, letter)
    },
  ])
  assert.equal(verdict?.ok === false ? verdict.error : undefined, undefined)
}
