import assert from 'node:assert/strict'
import { test } from 'node:test'
import { propagate, type Visit } from '../../domain/roads/schedule.ts'
import { drivingS, remainingAfterM } from '../../domain/roads/speed-profile.ts'

const visit = (legM: number, change: Partial<Visit> = {}): Visit => ({
  ...{ legM, legS: drivingS(legM), serviceS: 0, windowFromS: 0, windowToS: Number.POSITIVE_INFINITY },
  ...change,
})
const start = { atS: 0, sinceBreakS: 0 }
const kinds = (visits: readonly Visit[]): string[] => propagate(visits, start).segments.map((segment) => segment.kind)

test('85 km take an hour on the corridor and the last 5 km at 35 km/h', () => {
  assert.equal(drivingS(85_000), 3_600 + Math.round((5 * 3600) / 35))
  assert.equal(drivingS(5_000), 514)
  assert.equal(remainingAfterM(85_000, 3_600), 5_000)
  assert.ok(remainingAfterM(85_000, drivingS(85_000)) < 10)
})

test('4.5 hours of driving need no break, one second more does, after exactly 4.5 hours', () => {
  assert.deepEqual(kinds([visit(300_000, { legS: 16_200 })]), ['drive'])
  const schedule = propagate([visit(300_000, { legS: 16_201 })], start)
  assert.deepEqual(
    schedule.segments.map(({ kind, fromS }) => [kind, fromS]),
    [
      ['drive', 0],
      ['break', 16_200],
      ['drive', 18_900],
    ],
  )
  assert.equal(schedule.breakS, 2_700)
  assert.equal(schedule.visits[0]!.arriveS, 16_201 + 2_700)
})

test('driving adds up over stops, and loading is no break', () => {
  const schedule = propagate([visit(1, { legS: 10_000, serviceS: 3_600 }), visit(1, { legS: 10_000 })], start)
  assert.equal(schedule.breakS, 2_700)
})

test('waiting 45 minutes for a window is the break', () => {
  const first = visit(1, { legS: 10_000, windowFromS: 12_700 })
  assert.equal(propagate([first, visit(1, { legS: 10_000 })], start).breakS, 0)
  assert.equal(propagate([{ ...first, windowFromS: 12_699 }, visit(1, { legS: 10_000 })], start).breakS, 2_700)
})

test('ten hours in one leg take two breaks', () => {
  assert.equal(propagate([visit(1, { legS: 36_000 })], start).breakS, 5_400)
})

test('early means waiting, late means late by the seconds after the window closed', () => {
  const early = propagate([visit(1, { legS: 100, windowFromS: 500, serviceS: 60 })], start)
  assert.deepEqual(early.visits, [{ arriveS: 100, departS: 560, lateS: 0 }])
  const late = propagate([visit(1, { legS: 100, windowToS: 40 })], start)
  assert.equal(late.visits[0]!.lateS, 60)
})

test('segments follow each other without a gap in time or distance', () => {
  const { segments, distanceM, endS } = propagate([visit(250_000, { serviceS: 900 }), visit(0), visit(310_500)], start)
  assert.equal(distanceM, 560_500)
  assert.equal(segments.at(-1)!.toS, endS)
  for (const [index, segment] of segments.slice(1).entries()) {
    assert.equal(segment.fromS, segments[index]!.toS)
    assert.equal(segment.fromM, segments[index]!.toM)
  }
})
