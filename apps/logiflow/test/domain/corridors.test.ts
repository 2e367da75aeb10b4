import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCorridors } from '../../domain/roads/corridors.ts'
import { depots, trucks } from '../../domain/roads/fleet.ts'
import { network } from '../../domain/roads/network.ts'
import { places } from '../../domain/roads/places.ts'
import { pointAlong, projectOnTrack, stopsAlongM, trackOf } from '../../domain/roads/track.ts'
import { geoAt, haversineM, headingDeg } from '../../domain/values/geo.ts'
import { placeNamed } from './samples.ts'

const nodeId = (name: string): number => Number(placeNamed(name).placeId)

test('Amsterdam to Istanbul is 2,211,951 m on the sphere', () => {
  assert.equal(haversineM(geoAt(52.3676, 4.9041), geoAt(41.0082, 28.9784)), 2_211_951)
})

test('headings are compass degrees', () => {
  const origin = geoAt(52, 5)
  assert.equal(headingDeg(origin, geoAt(53, 5)), 0)
  assert.equal(headingDeg(origin, geoAt(51, 5)), 180)
  assert.equal(Math.round(headingDeg(origin, geoAt(52, 5.01)) / 10), 9)
})

test('413 places, 6 depots among them, 40 trucks with plates of their own', () => {
  assert.equal(places.length, 413)
  assert.deepEqual(
    depots.map((depot) => depot.depotId),
    ['RTM', 'UTC', 'EIN', 'ANR', 'LGG', 'LUX'],
  )
  assert.equal(trucks.length, 40)
  assert.equal(new Set(trucks.map((truck) => truck.plate)).size, 40)
})

test('every place reaches every other, over corridors that sum to the distance', () => {
  const hub = nodeId('Utrecht')
  for (const place of places) {
    const { ids, distanceM } = network.path(hub, Number(place.placeId))
    const summed = ids.slice(1).reduce((total, id, index) => total + network.edgeM(ids[index]!, id), 0)
    assert.equal(summed, distanceM)
    assert.equal(network.path(Number(place.placeId), hub).distanceM, distanceM)
  }
})

test('the way is 1.2 to 1.4 times the great circle for the median pair, never shorter than 1.14', () => {
  const ratios = places
    .flatMap((from) => places.filter((_, index) => index % 20 === 0).map((to) => [from, to] as const))
    .filter(([from, to]) => from !== to)
    .map(
      ([from, to]) => network.path(Number(from.placeId), Number(to.placeId)).distanceM / haversineM(from.geo, to.geo),
    )
    .sort((a, b) => a - b)
  assert.ok(ratios[0]! >= 1.14)
  const median = ratios[Math.floor(ratios.length / 2)]!
  assert.ok(median > 1.2 && median < 1.4, String(median))
})

test('no third place lies in the circle over a corridor', () => {
  for (const edge of network.edges.filter((_, index) => index % 40 === 0)) {
    const [a, b] = [network.place(edge.from), network.place(edge.to)]
    const inside = places.filter((place) => {
      if (place === a || place === b) return false
      return (
        haversineM(a.geo, place.geo) ** 2 + haversineM(place.geo, b.geo) ** 2 < 0.97 * haversineM(a.geo, b.geo) ** 2
      )
    })
    assert.deepEqual(inside, [])
  }
})

test('an unknown node is an error with a code, not undefined', () => {
  assert.throws(() => network.path(1, nodeId('Utrecht')), { code: 'unknown_place' })
  assert.throws(() => createCorridors(places.slice(0, 2)).path(nodeId('Utrecht'), nodeId('Breda')), {
    code: 'unknown_place',
  })
})

test('a point on the track projects to itself, a point beside it to its foot', () => {
  const { ids, distanceM } = network.path(nodeId('Rotterdam'), nodeId('Maastricht'))
  const track = trackOf(network, ids)
  const bounds = { fromM: 0, toM: distanceM }
  for (const alongM of [0, 12_345, 98_765, distanceM]) {
    const { geo } = pointAlong(track, alongM)
    const foot = projectOnTrack(track, geo, bounds)
    assert.ok(Math.abs(foot.alongM - alongM) < 30, `${alongM} -> ${foot.alongM}`)
    assert.ok(foot.offM < 5)
  }
  const beside = pointAlong(track, 60_000).geo
  assert.ok(projectOnTrack(track, geoAt(beside.lat, beside.lon + 0.04), bounds).offM > 500)
})

test('a place passed on the way back is found in visiting order', () => {
  const there = network.path(nodeId('Rotterdam'), nodeId('Breda'))
  const ids = [...there.ids, ...there.ids.toReversed().slice(1)]
  const track = trackOf(network, ids)
  const stops = stopsAlongM(track, [nodeId('Breda'), nodeId('Rotterdam')])
  assert.deepEqual(stops, [there.distanceM, 2 * there.distanceM])
})
