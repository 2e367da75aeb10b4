import {
  type AnyEvent,
  type Context,
  type Handler,
  handle,
  type Payload,
  type ServiceDefinition,
  type Sql,
  service,
} from 'firebreak'
import {
  EtaRevised,
  InvoiceGenerated,
  OrderPlaced,
  PositionReported,
  RouteCalculated,
  ShipmentDelivered,
  ShipmentPickedUp,
  TariffPublished,
} from '../../contracts/events.ts'
import { cardDelivered, cardInvoiced, cardPickedUp, cardRevised, cardRouted, sourceHeard, truckSeen } from './store.ts'

/** Told after a commit what a page may want to show anew. */
export type Changed = (changed: { readonly orderId?: string; readonly truckId?: string }) => void

export const portalService = (changed: Changed): ServiceDefinition => {
  /** One event into the read model: what it says, when its source was heard, and then a word to the pages. */
  const project = <E extends AnyEvent>(
    event: E,
    apply: (sql: Sql, payload: Payload<E>) => Promise<void>,
    about: (payload: Payload<E>) => Parameters<Changed>[0],
  ): Handler =>
    handle(event, async (payload: Payload<E>, ctx: Context) => {
      await ctx.transaction(async (tx) => {
        await apply(tx, payload)
        await sourceHeard(tx, ctx.envelope.source.replace(/^\//, ''))
      })
      changed(about(payload))
    })
  return service({
    name: 'portal',
    description: 'Shows customers their shipments, from what it has heard; asks nobody.',
    publishes: [OrderPlaced, TariffPublished],
    handlers: [
      project(RouteCalculated, cardRouted, (route) => ({ orderId: route.stops[0]?.orderId ?? '' })),
      project(PositionReported, truckSeen, ({ truckId }) => ({ truckId })),
      project(EtaRevised, cardRevised, ({ orderId }) => ({ orderId })),
      project(
        ShipmentPickedUp,
        (sql, picked) => cardPickedUp(sql, picked.orderId, picked.pickedUpAt),
        ({ orderId }) => ({ orderId }),
      ),
      project(ShipmentDelivered, cardDelivered, ({ orderId }) => ({ orderId })),
      project(InvoiceGenerated, cardInvoiced, ({ orderId }) => ({ orderId })),
    ],
  })
}
