import type { Database, Log } from 'firebreak'
import { databaseNames, type EngineSpec, openDatabase, openLog } from './engines.ts'

export interface Stores {
  readonly log: Log
  readonly databases: ReadonlyMap<string, Database>
}

/** The stores of a run, opened beside its processes. Reads only. */
export async function inStores<T>(spec: EngineSpec, look: (stores: Stores) => Promise<T>): Promise<T> {
  const log = await openLog(spec)
  const databases = new Map<string, Database>()
  for (const name of databaseNames) databases.set(name, await openDatabase(spec, name))
  try {
    return await look({ log, databases })
  } finally {
    await log.close()
    for (const database of databases.values()) await database.close()
  }
}
