import type { Database, ServiceDefinition, TopicSpec } from 'firebreak'
import * as events from './contracts/events.ts'
import type { Engines } from './platform/engines.ts'
import type { LetterFix } from './platform/messages.ts'
import { fixOf, orderOf } from './services/invoicing/fix.ts'
import { invoicingService } from './services/invoicing/handlers.ts'
import { portalService } from './services/portal/handlers.ts'
import { routing } from './services/routing/handlers.ts'
import { tracking } from './services/tracking/handlers.ts'

export type SystemPart = {
  readonly service: ServiceDefinition
  readonly database: () => Database
  /** What a person has to do before a dead letter with this message is replayed; absent: there is nothing to ask. */
  readonly fixOf?: (sql: Pick<Database, 'query'>, message: string) => Promise<LetterFix | null>
  /** The order that a message to the service is about, from its bytes; absent: it is about none. */
  readonly orderOf?: (value: Uint8Array | null) => string | null
}

export const serviceNames = ['portal', 'routing', 'tracking', 'invoicing'] as const

/** Every topic of the contracts, as the services declare it. */
export const topicsOfSystem = (): readonly TopicSpec[] => {
  const topics = new Map<string, TopicSpec>()
  for (const { topic, partitions, retentionMs } of Object.values(events).filter((one) => 'topic' in one))
    topics.set(topic, { name: topic, partitions, retentionMs })
  return [...topics.values()]
}

const drawsNothing = (): Promise<never> => Promise.reject(new Error('an operator draws no invoices'))

/** All services with their databases, as an operator's tools see them; nothing is opened before it is used. */
export const systemOn = (engines: Engines): readonly SystemPart[] => {
  const part = (service: ServiceDefinition): SystemPart => ({
    service,
    database: () => engines.openDatabase(service.name),
  })
  const invoicing = invoicingService({
    database: () => engines.openDatabase('invoicing'),
    render: drawsNothing,
    keep: drawsNothing,
  })
  return [part(routing), { ...part(invoicing), fixOf, orderOf }, part(tracking), part(portalService(() => {}))]
}
