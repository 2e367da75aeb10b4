import {
  createRuntime,
  type Database,
  type Log,
  type Runtime,
  type RuntimeOptions,
  type ServiceDefinition,
} from 'firebreak'
import { type ChildConfig, type Running, runChild } from './child.ts'
import { createTables } from './engines.ts'
import { type Routes, serve } from './http.ts'
import type { OpsSnapshot } from './messages.ts'

export type ServiceParts = ChildConfig & {
  readonly runtime: Runtime
  readonly database: Database
  readonly log: Log
}
export type ServiceProcess = {
  readonly name: string
  readonly service: (config: ChildConfig, database: Database) => ServiceDefinition
  readonly tables: readonly string[]
  readonly observe?: RuntimeOptions['observe']
  readonly routes?: (parts: ServiceParts) => Routes
  /** Told twice a second what the supervisor sees. */
  readonly onOps?: (ops: OpsSnapshot) => void
  readonly onStop?: () => void
}

/** A service as a process of its own: its tables, its runtime, and HTTP for those who come from outside. */
export const runService = (spec: ServiceProcess): Promise<void> =>
  runChild(async (config): Promise<Running> => {
    const log = config.engines.openLog(config.name)
    const database = config.engines.openDatabase(spec.name)
    await createTables(database, spec.tables)
    const service = spec.service(config, database)
    // Its terminal says what has to be known; the rest is in its ledger.
    const runtime = createRuntime({ service, log, database, observe: spec.observe ?? false })
    await runtime.start()
    const server =
      spec.routes === undefined
        ? undefined
        : await serve(spec.routes({ ...config, runtime, database, log }), config.port)
    return {
      ...(server === undefined ? {} : { port: server.port }),
      ...(spec.onOps === undefined ? {} : { onOps: spec.onOps }),
      done: runtime.done,
      async stop() {
        spec.onStop?.()
        server?.close()
        await runtime.stop({ drainMs: 1000 })
        await database.close()
        await log.close()
      },
    }
  })
