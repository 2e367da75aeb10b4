import { join } from 'node:path'
import { createRuntime, type Runtime, service, sqliteDatabase } from 'firebreak'
import type { QueueEdge } from '../../model/scenario.ts'
import { type FaultyLog, openFaultyLog } from './log.ts'
import { type MessageEvent, messageEvent, topicOf } from './message.ts'
import type { Setup } from './protocol.ts'

/** The runtime of a service that publishes: its database with the outbox, and the log. */
export interface Publisher {
  readonly eventOf: (edge: QueueEdge) => MessageEvent
  readonly runtime: Runtime
  readonly faultyLog: FaultyLog
  close(): Promise<void>
}

/** Starts the publishing side of a service. */
export async function openPublisher(setup: Setup, from: string, edges: readonly QueueEdge[]): Promise<Publisher> {
  const { place, folder, prefix, arm } = setup
  const faultyLog = await openFaultyLog(place)
  // By its number: a name of the scenario need not do as a name of a file.
  const number = arm.services.findIndex(({ name }) => name === from)
  const database = sqliteDatabase({ path: join(folder, `service-${number}.db`) })
  const events = new Map(edges.map((edge) => [edge.id, messageEvent(edge, topicOf(prefix, arm.edges.indexOf(edge)))]))
  const definition = service({ name: `${prefix}-service-${number}`, publishes: [...events.values()] })
  const runtime = createRuntime({ service: definition, log: faultyLog.log, database, observe: false })
  await runtime.start()
  return {
    eventOf: (edge) => events.get(edge.id) as MessageEvent,
    runtime,
    faultyLog,
    async close() {
      await runtime.stop()
      await faultyLog.log.close()
      await database.close()
    },
  }
}
