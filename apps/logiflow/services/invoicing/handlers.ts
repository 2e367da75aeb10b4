import { type Database, handle, minutes, permanent, type ServiceDefinition, service } from 'firebreak'
import { InvoiceGenerated, RouteCalculated, TariffPublished } from '../../contracts/events.ts'
import type { RouteCalculated as Route } from '../../contracts/payloads.ts'
import { DomainError } from '../../domain/values/domain-error.ts'
import { draftInvoice, type InvoicingOptions, saveInvoice } from './issue.ts'
import { isInvoiced, nameTariff } from './store.ts'

const billingKeyOf = (route: Route): string =>
  `route:${route.routeId}:order:${route.stops[0]?.orderId}:rev:${route.revision}`

/** What breaks a rule today breaks it on every attempt: a person has to look at it. */
const withoutRetry = (error: unknown): never => {
  throw error instanceof DomainError ? permanent(error.message, error) : error
}

export const invoicingService = (
  options: InvoicingOptions & { readonly database: () => Pick<Database, 'query' | 'transaction'> },
): ServiceDefinition =>
  service({
    name: 'invoicing',
    description: 'Turns each route into an invoice with a number and a PDF.',
    publishes: [InvoiceGenerated],
    // One PDF at a time: after an outage the backlog is drained at a pace that cannot cause the next one.
    handlersMax: 1,
    handlers: [
      handle(RouteCalculated, {
        deadlineMs: minutes(1),
        run: async (route, ctx) => {
          const billingKey = billingKeyOf(route)
          if (route.billing.length === 0 || (await isInvoiced(ctx, billingKey))) return
          const draft = await draftInvoice(options.database(), { billingKey, route }, options).catch(withoutRetry)
          await ctx.transaction(async (tx) => {
            await saveInvoice(tx, draft)
            tx.publish(InvoiceGenerated, draft.invoice)
          })
        },
      }),
      handle(TariffPublished, async (tariff, ctx) => {
        await ctx.transaction((tx) => nameTariff(tx, tariff.tariffId, tariff.basedOn))
      }),
    ],
  })
