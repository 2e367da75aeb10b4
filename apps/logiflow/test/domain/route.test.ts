import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deliveryRound } from '../../domain/planning/delivery-round.ts'
import { planTours } from '../../domain/planning/planner.ts'
import { estimateEta, isWorthTelling } from '../../domain/roads/eta.ts'
import { capacities, depotOf, trucks } from '../../domain/roads/fleet.ts'
import { network } from '../../domain/roads/network.ts'
import { buildRoute, planOf, type Route, type RouteTask } from '../../domain/roads/route.ts'
import { truckAt } from '../../domain/roads/truck-motion.ts'
import { geoAt } from '../../domain/values/geo.ts'
import { epochMs, plusSeconds, secondsBetween, zonedInstant } from '../../domain/values/time.ts'
import { DEPART_AT, placeNamed, sampleRoute } from './samples.ts'

const planned = (route: Route = sampleRoute()): ReturnType<typeof planOf> => planOf(network, route)

test('the distance of a route is the sum of the corridors of its geometry', () => {
  const route = sampleRoute({ from: 'Breda', to: 'Luxembourg' })
  const { ids } = route.geometry
  assert.equal(
    ids.slice(1).reduce((total, id, index) => total + network.edgeM(ids[index]!, id), 0),
    route.distanceM,
  )
  assert.deepEqual([ids[0], ids.at(-1)], [Number(depotOf('RTM').place.placeId), Number(depotOf('RTM').place.placeId)])
})

test('a route read back from its event has the clock it was built with', () => {
  const route = sampleRoute({ from: 'Groningen', to: 'Luxembourg' })
  const { schedule } = planned(route)
  assert.ok(route.breakS > 0)
  assert.deepEqual(
    [schedule.drivingS, schedule.breakS, schedule.serviceS, schedule.distanceM],
    [route.drivingS, route.breakS, route.serviceS, route.distanceM],
  )
  assert.deepEqual(
    schedule.visits.slice(0, 2).map((visit) => plusSeconds(DEPART_AT, visit.arriveS)),
    route.stops.map((stop) => stop.arrive),
  )
})

test('the truck is loaded after the pickup and empty after the delivery', () => {
  assert.deepEqual(
    sampleRoute().stops.map((stop) => [stop.loadAfterG, stop.ldmAfterCm]),
    [
      [18_400_000, 1040],
      [0, 0],
    ],
  )
})

test('a truck moves along its corridor without jumps and its odometer never runs back', () => {
  const plan = planned(sampleRoute({ from: 'Breda', to: 'Eindhoven' }))
  let previousM = 0
  for (let second = 0; second <= plan.schedule.endS + 60; second += 20) {
    const state = truckAt(plan, plusSeconds(DEPART_AT, second), 1_000)
    assert.ok(state.alongM >= previousM && state.alongM - previousM <= 20 * (81 / 3.6), `at ${second} s`)
    assert.equal(state.odometerM, 1_000 + state.alongM)
    previousM = state.alongM
  }
  assert.equal(previousM, plan.route.distanceM)
})

test('a truck is at its stop when its route says so, stands there, and is parked before and after the route', () => {
  const plan = planned(sampleRoute({ from: 'Breda', to: 'Eindhoven' }))
  const [pickup] = plan.route.stops
  const state = truckAt(plan, pickup!.arrive)
  assert.deepEqual([state.activity, state.speedKmh, state.stopIndex], ['service', 0, 0])
  assert.deepEqual(state.geo, pickup!.place.geo)
  assert.equal(truckAt(plan, plusSeconds(DEPART_AT, -60)).alongM, 0)
  assert.equal(truckAt(plan, plusSeconds(DEPART_AT, 90_000)).activity, 'parked')
})

test('a truck that keeps to its plan has the ETA of its plan, wherever it is', () => {
  const plan = planned(sampleRoute({ from: 'Groningen', to: 'Luxembourg' }))
  for (let second = 600; second < plan.schedule.visits[1]!.arriveS; second += 1_800) {
    const at = plusSeconds(DEPART_AT, second)
    const { geo, activity, stopIndex } = truckAt(plan, at)
    if (activity !== 'drive') continue
    const estimate = estimateEta(plan, { at, geo, nextStopIndex: stopIndex })
    assert.ok(Math.abs(secondsBetween(plan.route.eta, estimate.stops.at(-1)!.eta)) < 30, `after ${second} s`)
    assert.ok(!estimate.hasDeviated)
  }
})

test('the range narrows and the remaining metres fall on the way', () => {
  const plan = planned()
  const seen = [3_600, 5_400, 7_200].map((second) => {
    const at = plusSeconds(DEPART_AT, second)
    return estimateEta(plan, { at, geo: truckAt(plan, at).geo, nextStopIndex: 1 }).stops[0]!
  })
  assert.ok(seen[0]!.p90S > seen[1]!.p90S && seen[1]!.p90S > seen[2]!.p90S)
  assert.ok(seen[0]!.remainingM > seen[1]!.remainingM && seen[1]!.remainingM > seen[2]!.remainingM)
})

test('a slowed truck arrives later by the time it lost', () => {
  const plan = planned()
  const { geo } = truckAt(plan, plusSeconds(DEPART_AT, 5_400))
  const late = estimateEta(plan, { at: plusSeconds(DEPART_AT, 6_300), geo, nextStopIndex: 1 }).stops[0]!
  assert.ok(Math.abs(secondsBetween(plan.route.eta, late.eta) - 900) < 10)
  assert.equal(late.reason, 'progress')
})

test('a truck off its corridor is late because of the deviation', () => {
  const plan = planned()
  const at = plusSeconds(DEPART_AT, 5_400)
  const { geo } = truckAt(plan, at)
  const estimate = estimateEta(plan, { at, geo: geoAt(geo.lat, geo.lon + 0.12), nextStopIndex: 1 })
  assert.ok(estimate.hasDeviated && estimate.offCorridorM > 2_000)
  assert.equal(estimate.stops[0]!.reason, 'deviation')
  assert.ok(epochMs(estimate.stops[0]!.eta) > epochMs(plan.route.eta))
})

test('a break that has become due and a stop that takes too long are named as reasons', () => {
  const plan = planned()
  const at = plusSeconds(DEPART_AT, 3_600)
  const tired = estimateEta(plan, { at, geo: truckAt(plan, at).geo, nextStopIndex: 1, sinceBreakS: 16_000 })
  assert.equal(tired.stops[0]!.reason, 'break_due')
  assert.ok(secondsBetween(plan.route.eta, tired.stops[0]!.eta) > 2_600)
  const stop = plan.route.stops[0]!
  const stuck = estimateEta(plan, { at: plusSeconds(stop.depart, 1_200), geo: stop.place.geo, nextStopIndex: 1 })
  assert.equal(stuck.stops[0]!.reason, 'stop_overrun')
})

test('a shift is told above 15 minutes, in both directions', () => {
  assert.ok(!isWorthTelling(DEPART_AT, plusSeconds(DEPART_AT, 900)))
  assert.ok(isWorthTelling(DEPART_AT, plusSeconds(DEPART_AT, 901)))
  assert.ok(isWorthTelling(DEPART_AT, plusSeconds(DEPART_AT, -901)))
})

test('a round of deliveries is planned, laid on corridors and in time at every stop', () => {
  const window = { from: DEPART_AT, to: plusSeconds(DEPART_AT, 28_800), zone: 'Europe/Amsterdam' }
  const load = { weightG: 2_000_000, ldmCm: 200, pallets: 5 }
  const tasks = ['Breda', 'Tilburg', 'Gouda', 'Delft', 'Leiden', 'Dordrecht', 'Utrecht', 'Goes'].map(
    (name): RouteTask => ({
      ...{ orderId: `order ${name}`, shipmentId: name, kind: 'delivery', place: placeNamed(name), window },
      ...{ serviceS: 1_200, load },
    }),
  )
  const options = { depot: depotOf('RTM').place, capacity: capacities.RIGID, departAt: DEPART_AT }
  const plan = planTours(deliveryRound(network, tasks, options), { seed: 1, iterations: 300 })
  assert.equal(plan.tours.length, 3)
  const routes = plan.tours.map((tour) =>
    buildRoute(
      network,
      tour.map((stop) => tasks[stop - 1]!),
      {
        ...{
          routeId: 'r',
          revision: 1,
          reason: 'planned',
          truck: trucks[0]!,
          departAt: DEPART_AT,
          calculatedAt: DEPART_AT,
        },
        ...{ solver: { ...plan.solver, ms: 0 }, billing: [] },
      },
    ),
  )
  assert.equal(
    routes.reduce((total, route) => total + route.distanceM, 0),
    plan.costM,
  )
  assert.ok(
    routes.every((route) => route.stops.every((stop) => stop.lateS === 0) && route.stops.at(-1)!.loadAfterG === 0),
  )
})

test('02:03 on the night the clocks go back is the first of the two, 02:00 in spring is 03:00', () => {
  assert.equal(zonedInstant('2026-10-25', '02:03', 'Europe/Amsterdam'), '2026-10-25T00:03:00.000Z')
  assert.equal(zonedInstant('2026-03-29', '02:00', 'Europe/Amsterdam'), '2026-03-29T01:00:00.000Z')
})
