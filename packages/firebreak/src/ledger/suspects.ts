import type { Database, Sql } from '../contracts/database.ts'
import type { Partition } from '../contracts/log.ts'

/**
 * Who may have killed the process. A process that dies cannot say what it was doing, and writing that down for every
 * message would double the writes of normal running; so it is written only after a death.
 *
 * Death 1: nothing is known; the next holder notes what it starts while the old window lasts.
 * Death 2: what is noted is suspect; the next holder runs each suspect alone, with nothing of the service beside it.
 * Death 3: what was running alone is charged, and nobody else. It rests, and runs alone once more.
 * Death 4: who is charged twice is guilty.
 *
 * A neighbour is never charged: it does not run while somebody runs alone. One that was running alone when the process was
 * killed from outside is charged once, and is cleared when it is settled. An instance that stops, or halts, says so: then there was no
 * death, and nobody is suspected any more.
 */
export interface Suspect {
  readonly position: number
  /** Deaths while it ran alone. */
  readonly charges: number
  /** It is running alone. */
  readonly alone: boolean
}

/** Twice: once can be chance. */
export const chargesMax = 2

// `alone` holds two steps for each charge, and is odd while the record runs alone: a death adds the second step.
const note = `INSERT INTO fb_suspects (topic, part, position, alone) VALUES ($1, $2, $3, $4)
  ON CONFLICT (topic, part, position) DO UPDATE SET alone = excluded.alone`
const charge = 'UPDATE fb_suspects SET alone = alone + 1 WHERE topic = $1 AND part = $2 AND alone % 2 = 1'
const excuse = 'UPDATE fb_suspects SET alone = alone - 1 WHERE topic = $1 AND part = $2 AND alone % 2 = 1'
const clear = 'DELETE FROM fb_suspects WHERE topic = $1 AND part = $2 AND position = $3'
const clearAll = 'DELETE FROM fb_suspects WHERE topic = $1 AND part = $2'
const select = 'SELECT position, alone FROM fb_suspects WHERE topic = $1 AND part = $2'

export async function noteSuspect(sql: Sql, at: Partition, { position, charges, alone }: Suspect): Promise<void> {
  await sql.query(note, [at.topic, at.partition, position, charges * 2 + (alone ? 1 : 0)])
}

/** The holder is another one: after a death, what was running alone is charged; after a hand-over it is not. */
export async function judgeSuspects(sql: Sql, at: Partition, unclean: boolean): Promise<void> {
  await sql.query(unclean ? charge : excuse, [at.topic, at.partition])
}

export async function clearSuspect(sql: Sql, at: Partition, position: number): Promise<void> {
  await sql.query(clear, [at.topic, at.partition, position])
}

export async function clearSuspects(sql: Sql, at: Partition): Promise<void> {
  await sql.query(clearAll, [at.topic, at.partition])
}

export async function readSuspects(database: Database, at: Partition): Promise<readonly Suspect[]> {
  const rows = await database.query<{ position: number; alone: number }>(select, [at.topic, at.partition])
  return rows.map(({ position, alone }) => ({ position, charges: Math.floor(alone / 2), alone: false }))
}
