import type { Database, Sql } from '../contracts/database.ts'

/** What has happened to a ledger, as numbers that only grow: how an instance learns what others did to it. */
export interface ChangeCounters {
  /** The number of the last event that went into the outbox, whether it is still there or not. */
  readonly outbox: number
  /** Decisions of people: replays, edits, discards. */
  readonly decisions: number
}

const select = "SELECT name, value FROM fb_meta WHERE name IN ('outbox-seq', 'desk-seq')"
const advanceDecisions = `UPDATE fb_meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = 'desk-seq'`

export async function readChangeCounters(database: Database): Promise<ChangeCounters> {
  const rows = await database.query<{ name: string; value: string }>(select)
  const numberOf = (name: string): number => Number(rows.find((row) => row.name === name)?.value ?? 0)
  return { outbox: numberOf('outbox-seq'), decisions: numberOf('desk-seq') }
}

/** Part of every decision's commit. */
export async function bumpDecisions(sql: Sql): Promise<void> {
  await sql.query(advanceDecisions)
}
