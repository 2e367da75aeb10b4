import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  commitRound,
  type Holding,
  type HoldingEvent,
  isInView,
  nextHolding,
} from '../../../src/kafka/reading/holding.ts'

const partition = { topic: 't', partition: 0 }
const start = { offset: 7, leaderEpoch: 1 }
const of = { partition, round: 3 }
const holdings: Readonly<Record<Holding['state'], Holding>> = {
  given: { state: 'given', ...of },
  placed: { state: 'placed', start, ...of },
  held: { state: 'held', ...of },
  revoked: { state: 'revoked', sinceMs: 10, ...of },
  draining: { state: 'draining', sinceMs: 10, ...of },
  fenced: { state: 'fenced', ...of },
}
const events = {
  again: { kind: 'assigned', partition, round: 3 },
  anew: { kind: 'assigned', partition, round: 4 },
  revoked: { kind: 'revoked', atMs: 10 },
  lost: { kind: 'lost' },
  found: { kind: 'placed', round: 3, start },
  foundOther: { kind: 'placed', round: 2, start },
  unplaced: { kind: 'unplaced', round: 3 },
  unplacedOther: { kind: 'unplaced', round: 2 },
  taken: { kind: 'taken' },
  shown: { kind: 'shown' },
  drained: { kind: 'drained' },
  expired: { kind: 'expired' },
} as const satisfies Readonly<Record<string, HoldingEvent>>

/** What changes by which event, as `state`, or `none`; everything that is not listed stays as it is. */
const changes: Readonly<Record<Holding['state'], Partial<Record<keyof typeof events, string>>>> = {
  given: { anew: 'given/4', revoked: 'none', lost: 'none', found: 'placed/3', unplaced: 'none' },
  placed: { anew: 'given/4', revoked: 'none', lost: 'none', taken: 'held/3' },
  held: { revoked: 'revoked/3', lost: 'fenced/3' },
  revoked: { again: 'held/3', anew: 'held/3', lost: 'fenced/3', shown: 'draining/3', expired: 'fenced/3' },
  draining: { lost: 'none', drained: 'none', expired: 'none' },
  fenced: { shown: 'none' },
}

const text = (holding: Holding | undefined): string =>
  holding === undefined ? 'none' : `${holding.state}/${holding.round}`

for (const state of Object.keys(holdings) as Holding['state'][]) {
  test(`what is ${state} changes by what it should, and by nothing else`, () => {
    const before = holdings[state]
    const seen: Record<string, string> = {}
    for (const [name, event] of Object.entries(events)) {
      const after = nextHolding(before, event)
      if (after !== before) seen[name] = text(after)
    }
    assert.deepEqual(seen, changes[state])
  })
}

test('a partition that is nothing to the cursor becomes something by being assigned alone', () => {
  for (const event of Object.values(events))
    assert.equal(text(nextHolding(undefined, event)), event.kind === 'assigned' ? `given/${event.round}` : 'none')
})

test('the time of a drain counts from when the group wanted the partition back', () => {
  const revoked = nextHolding(holdings.held, events.revoked)
  assert.deepEqual(revoked, holdings.revoked)
  assert.deepEqual(nextHolding(revoked, { kind: 'revoked', atMs: 20 }), holdings.revoked)
  assert.deepEqual(nextHolding(revoked, events.shown), holdings.draining)
})

test('the caller knows to hold what was taken and not shown as lost; commits end with the claim', () => {
  const states = Object.values(holdings)
  assert.deepEqual(
    states.filter(isInView).map(({ state }) => state),
    ['held', 'revoked', 'fenced'],
  )
  assert.deepEqual(
    states.filter((one) => commitRound(one) === 3).map(({ state }) => state),
    ['held', 'revoked', 'draining'],
  )
  assert.equal(commitRound(undefined), undefined)
})
