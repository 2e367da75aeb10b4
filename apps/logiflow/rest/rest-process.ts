import type { Database } from 'firebreak'
import { type ChildConfig, runChild } from '../platform/child.ts'
import { createTables } from '../platform/engines.ts'
import { type Routes, serve } from '../platform/http.ts'
import { env } from '../platform/machine.ts'
import { type Ask, askPatiently, guardedAsk } from './client.ts'
import { Pool } from './pool.ts'

export type RestParts = ChildConfig & {
  readonly database: Database
  readonly pool: Pool
  readonly ask: Ask
  readonly isHardened: boolean
  /** Where another service listens. */
  readonly url: (service: string) => string
}

/** A service that reaches the others over HTTP. */
export const runRest = (name: string, tables: readonly string[], routes: (parts: RestParts) => Routes): Promise<void> =>
  runChild(async (config) => {
    const database = config.engines.openDatabase(name)
    await createTables(database, tables)
    const isHardened = env('LOGIFLOW_HARDENED') === '1'
    const parts: RestParts = {
      ...{ ...config, database, isHardened, pool: new Pool(database), ask: isHardened ? guardedAsk() : askPatiently },
      url: (service) => `http://127.0.0.1:${env(`LOGIFLOW_PORT_${service.toUpperCase()}`)}`,
    }
    const server = await serve(routes(parts), config.port)
    return {
      port: server.port,
      async stop() {
        server.close()
        await database.close()
      },
    }
  })
