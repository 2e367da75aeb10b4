import type { Database, Sql } from '../contracts/database.ts'
import type { Partition } from '../contracts/log.ts'

/**
 * Who may have killed the process. A process that dies cannot say what it was doing, and writing that down for every
 * message would double the writes of normal running; so it is written only after a death.
 *
 * Death 1: nothing is known; the next holder notes (`alone = 0`) what it starts while the old window lasts.
 * Death 2: what is noted is suspect; the next holder runs each suspect alone (`alone = 1`), nothing beside it.
 * Death 3: the one that ran alone is guilty. An innocent neighbour is never alone with the crime.
 */
export interface Suspect {
  readonly position: number
  readonly alone: boolean
}

const note = `INSERT INTO fb_suspects (topic, part, position, alone) VALUES ($1, $2, $3, $4)
  ON CONFLICT (topic, part, position) DO UPDATE SET alone = excluded.alone`
const clear = 'DELETE FROM fb_suspects WHERE topic = $1 AND part = $2 AND position = $3'
const clearAll = 'DELETE FROM fb_suspects WHERE topic = $1 AND part = $2'
const select = 'SELECT position, alone FROM fb_suspects WHERE topic = $1 AND part = $2'

export async function noteSuspect(sql: Sql, at: Partition, suspect: Suspect): Promise<void> {
  await sql.query(note, [at.topic, at.partition, suspect.position, suspect.alone ? 1 : 0])
}

export async function clearSuspect(sql: Sql, at: Partition, position: number): Promise<void> {
  await sql.query(clear, [at.topic, at.partition, position])
}

export async function clearSuspects(sql: Sql, at: Partition): Promise<void> {
  await sql.query(clearAll, [at.topic, at.partition])
}

export async function readSuspects(database: Database, at: Partition): Promise<readonly Suspect[]> {
  const rows = await database.query<{ position: number; alone: number }>(select, [at.topic, at.partition])
  return rows.map((row) => ({
    position: row.position,
    alone: row.alone === 1,
  }))
}
