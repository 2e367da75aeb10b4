import type { Database, ServiceDefinition } from 'firebreak'
import { openDatabase } from './platform/engines.ts'
import { invoicingService } from './services/invoicing/handlers.ts'
import { portalService } from './services/portal/handlers.ts'
import { routing } from './services/routing/handlers.ts'
import { tracking } from './services/tracking/handlers.ts'

export type SystemPart = { readonly service: ServiceDefinition; readonly database: () => Database }

const drawsNothing = (): Promise<never> => Promise.reject(new Error('an operator draws no invoices'))

/** All services with their databases, as an operator's tools see them; nothing is opened before it is used. */
export const systemIn = (dataDir: string): readonly SystemPart[] => {
  const part = (service: ServiceDefinition): SystemPart => ({
    service,
    database: () => openDatabase(dataDir, service.name),
  })
  const invoicing = invoicingService({
    database: () => openDatabase(dataDir, 'invoicing'),
    render: drawsNothing,
    keep: drawsNothing,
  })
  return [part(routing), part(invoicing), part(tracking), part(portalService(() => {}))]
}
