import type { Transaction } from 'firebreak'
import { EtaRevised, PositionReported, ShipmentDelivered, ShipmentPickedUp } from '../../contracts/events.ts'
import type { PositionReported as Position } from '../../contracts/payloads.ts'
import { estimateEta, isWorthTelling } from '../../domain/roads/eta.ts'
import { network } from '../../domain/roads/network.ts'
import { planOf, type Route, type RoutePlan } from '../../domain/roads/route.ts'
import { haversineM } from '../../domain/values/geo.ts'
import { secondsBetween } from '../../domain/values/time.ts'
import type { Geo } from '../../domain/values/units.ts'
import {
  type ActivePlan,
  activePlan,
  planOfShipment,
  recordScan,
  type Scan,
  storePosition,
  tellEta,
  toldEta,
} from './store.ts'

const PLANS_KEPT = 100
const PALLET_LDM_CM = 40
/** This near to a stop a truck stands at it. */
const AT_STOP_M = 250

/** Plans by route id: a truck reports every other second, its route changes every few hours. */
export type PlanCache = Map<string, RoutePlan>

const planFrom = (cache: PlanCache, active: ActivePlan): RoutePlan => {
  const known = cache.get(active.routeId)
  if (known !== undefined) return known
  const plan = planOf(network, JSON.parse(active.body) as Route)
  const [oldest] = cache.keys()
  if (cache.size >= PLANS_KEPT && oldest !== undefined) cache.delete(oldest)
  cache.set(active.routeId, plan)
  return plan
}

/** Stores where a truck is, and tells when that moves an arrival by more than a quarter of an hour. */
export const observePosition = async (tx: Transaction, position: Position, cache: PlanCache): Promise<void> => {
  if (!(await storePosition(tx, position))) return
  tx.publish(PositionReported, position)
  const active = await activePlan(tx, position.truckId)
  if (active === undefined) return
  const plan = planFrom(cache, active)
  if (position.reportedAt < plan.route.departAt) return
  // A truck that is being loaded says nothing about how long that takes; the arrival is looked at again when it goes on.
  const next = plan.route.stops[active.stopsDone]
  if (next !== undefined && haversineM(position.geo, next.place.geo) < AT_STOP_M) return
  const sighting = { at: position.reportedAt, geo: position.geo, nextStopIndex: active.stopsDone }
  for (const { seq, shipmentId, eta, reason, p90S } of estimateEta(plan, sighting).stops) {
    const stop = plan.route.stops[seq - 1]
    if (stop?.kind !== 'delivery') continue
    const previousEta = await toldEta(tx, shipmentId)
    if (previousEta === undefined || !isWorthTelling(previousEta, eta)) continue
    await tellEta(tx, shipmentId, eta)
    tx.publish(EtaRevised, {
      ...{ type: 'EtaRevised', shipmentId, orderId: stop.orderId, previousEta, eta, reason, p90S },
      basedOnPositionAt: position.reportedAt,
    })
  }
}

export type LabelScan = Scan & { readonly geo: Geo; readonly receiverInitials: string }

/** False when this service has not heard of the shipment yet: the scanner keeps the scan and sends it again. */
export const observeScan = async (tx: Transaction, scan: LabelScan): Promise<boolean> => {
  const route = await planOfShipment(tx, scan.shipmentId)
  const stop = route?.stops.find((one) => one.shipmentId === scan.shipmentId && one.kind === scan.kind)
  if (route === undefined || stop === undefined) return false
  if (!(await recordScan(tx, scan))) return true
  const { shipmentId, at, geo, receiverInitials } = scan
  const shared = { shipmentId, orderId: stop.orderId, geo, lateS: Math.max(0, secondsBetween(stop.window.to, at)) }
  if (scan.kind === 'delivery') {
    tx.publish(ShipmentDelivered, { type: 'ShipmentDelivered', ...shared, deliveredAt: at, receiverInitials })
    return true
  }
  tx.publish(ShipmentPickedUp, {
    ...{ type: 'ShipmentPickedUp', ...shared, truckId: route.truckId, pickedUpAt: at },
    ...{ pallets: Math.round(stop.ldmAfterCm / PALLET_LDM_CM), ldmCm: stop.ldmAfterCm },
  })
  return true
}
