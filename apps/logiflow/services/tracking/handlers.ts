import { handle, type ServiceDefinition, service } from 'firebreak'
import {
  EtaRevised,
  PositionReported,
  RouteCalculated,
  ShipmentDelivered,
  ShipmentPickedUp,
} from '../../contracts/events.ts'
import { insertPlan } from './store.ts'

export const tracking: ServiceDefinition = service({
  name: 'tracking',
  description: 'Knows where every truck is and when every shipment arrives.',
  publishes: [PositionReported, EtaRevised, ShipmentPickedUp, ShipmentDelivered],
  handlers: [
    handle(RouteCalculated, async (route, ctx) => {
      await ctx.transaction((tx) => insertPlan(tx, route))
    }),
  ],
})
