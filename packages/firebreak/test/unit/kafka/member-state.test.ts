import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  explainsFence,
  isSilent,
  type MemberEvent,
  type MemberState,
  newMember,
  nextMember,
  noAssignment,
} from '../../../src/kafka/group/member-state.ts'
import type { Assignment } from '../../../src/kafka/group/membership.ts'

const given: Assignment = new Map([['t/0', { partition: { topic: 't', partition: 0 }, round: 1 }]])
const other: Assignment = new Map()

const wanted = (atMs = 0): MemberEvent => ({ kind: 'wanted', atMs })
const due: MemberEvent = { kind: 'round-due' }
const sent: MemberEvent = { kind: 'join-sent' }
const failed: MemberEvent = { kind: 'round-failed' }
const lost: MemberEvent = { kind: 'lost' }
const named = (memberId: string): MemberEvent => ({ kind: 'named', memberId })
const joined = (memberId: string, generation: number, sentAtMs = 0): MemberEvent => ({
  kind: 'joined',
  memberId,
  generation,
  sentAtMs,
})
const finished = (assignment = given, sentAtMs = 0): MemberEvent => ({ kind: 'round-finished', assignment, sentAtMs })

const after = (...events: readonly MemberEvent[]): MemberState => events.reduce(nextMember, newMember)
const stable = [wanted(), sent, joined('m1', 5), finished()] as const

/** What came to pass, and the fields of the state that follows that say something about it. */
const table: readonly [string, readonly MemberEvent[], Partial<Extract<MemberState, { state: 'joining' }>> | object][] =
  [
    ['a new member has a round to begin', [wanted(7)], { state: 'due', memberId: '', generation: -1, aliveAtMs: 7 }],
    ['a name is not a membership', [wanted(), sent, named('m1')], { state: 'due', memberId: 'm1', generation: -1 }],
    ['a finished round is as old as its join', stable, { state: 'stable', generation: 5, finishedGeneration: 5 }],
    ['a rebalance makes a round due', [...stable, due], { state: 'due', generation: 5, assignment: given }],
    [
      'a round under way carries the new generation and claims of the old one',
      [...stable, due, sent, joined('m1', 6)],
      { state: 'joining', generation: 6, finishedGeneration: 5, assignment: given },
    ],
    [
      'a round that failed is due again, and keeps its claims as old as they were',
      [...stable, due, sent, joined('m1', 6), failed],
      { state: 'due', generation: 6, finishedGeneration: 5, assignment: given },
    ],
    [
      'what is revoked while a round is under way makes another one due',
      [...stable, due, sent, joined('m1', 6), due, finished(other)],
      { state: 'due', finishedGeneration: 6, assignment: other },
    ],
    ['a loss forgets who the member was', [...stable, lost], { state: 'lost', memberId: '' }],
    ['a lost member begins no round by itself', [...stable, lost, due, failed], { state: 'lost' }],
    [
      'a lost member that is wanted again begins as a new one',
      [...stable, lost, wanted(9)],
      { state: 'due', memberId: '', generation: -1, finishedGeneration: -1, assignment: noAssignment, aliveAtMs: 9 },
    ],
    [
      'an answer that a loss has overtaken gives the id alone',
      [...stable, due, sent, lost, joined('m2', 6), finished()],
      { state: 'lost', memberId: 'm2' },
    ],
    [
      'an answer that a loss has overtaken gives the id alone, also when the member is wanted again',
      [...stable, due, sent, lost, wanted(), joined('m2', 6), finished()],
      { state: 'due', memberId: 'm2', generation: -1, assignment: noAssignment },
    ],
    ['what has failed stays so', [{ kind: 'ended', failed: true }, wanted(), sent], { state: 'ended', failed: true }],
    [
      'what has left is not lost',
      [...stable, { kind: 'ended', failed: false }, lost],
      { state: 'ended', failed: false },
    ],
  ]

for (const [claim, events, expected] of table) {
  test(claim, () => {
    const { ...state } = after(...events)
    assert.deepEqual({ ...state, ...expected }, state)
  })
}

test('the newest request that was answered counts for the session, not the answer that came last', () => {
  const state = after(wanted(10), sent, joined('m1', 5, 20), finished(given, 15), {
    kind: 'heartbeat-answered',
    sentAtMs: 12,
  })
  assert.equal(isSilent(state, 120, 100), false)
  assert.equal(isSilent(state, 121, 100), true)
  assert.equal(isSilent(after(wanted(10)), 1000, 100), false)
})

test('a request to join in doubt explains a fence for a minute, whatever comes after it', () => {
  const inDoubt: MemberEvent = { kind: 'join-in-doubt', atMs: 1000 }
  for (const later of [[failed], [lost], [lost, wanted()], [joined('m1', 5), finished()]]) {
    const state = after(wanted(), sent, inDoubt, ...later)
    assert.equal(explainsFence(state, 60_999), true)
    assert.equal(explainsFence(state, 61_000), false)
  }
  assert.equal(explainsFence(after(...stable), 0), false)
})

test('an id that came with a round explains a fence until a round is finished with it', () => {
  const again = [...stable, lost, wanted(), sent, joined('m2', 6)]
  for (const later of [[], [failed], [failed, sent, joined('m2', 7), failed, sent]])
    assert.equal(explainsFence(after(...again, ...later), 0), true)
  assert.equal(explainsFence(after(...again, finished()), 0), false)
  for (const known of [[due], [due, sent], [due, sent, joined('m1', 6), failed]])
    assert.equal(explainsFence(after(...stable, ...known), 0), false)
})

const anyEvent: fc.Arbitrary<MemberEvent> = fc.oneof(
  fc.nat(100).map(wanted),
  fc.constantFrom(due, sent, failed, lost, finished(), finished(other)),
  fc.constantFrom(named('m1'), joined('m1', 5), joined('m2', 6)),
  fc.nat(100).map((atMs): MemberEvent => ({ kind: 'join-in-doubt', atMs })),
  fc.constantFrom<MemberEvent>({ kind: 'ended', failed: true }, { kind: 'ended', failed: false }),
)

test('an assignment comes with a finished round alone, and goes with the membership alone', () => {
  const assignmentOf = (state: MemberState): Assignment => ('assignment' in state ? state.assignment : noAssignment)
  fc.assert(
    fc.property(fc.array(anyEvent, { minLength: 20, maxLength: 30 }), (events) => {
      let state = newMember
      for (const event of events) {
        const next = nextMember(state, event)
        if (assignmentOf(next) !== assignmentOf(state)) {
          if (event.kind === 'round-finished') assert.equal(state.state, 'joining')
          else assert.ok(next.state === 'lost' || next.state === 'ended', `${event.kind}: ${next.state}`)
        }
        if (next.state === 'stable') assert.equal(next.generation, next.finishedGeneration)
        state = next
      }
    }),
  )
})
