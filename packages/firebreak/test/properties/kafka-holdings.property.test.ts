/** The holdings of a cursor against a model that keeps them as five collections, as the cursor once did. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { partitionId } from '../../src/contracts/log.ts'
import type { Assigned, Assignment } from '../../src/kafka/group/membership.ts'
import { Holdings } from '../../src/kafka/reading/holdings.ts'

const idsMax = 4
const drainTimeoutMs = 50
const start = { offset: 0, leaderEpoch: -1 }

class Model {
  readonly view = new Map<string, number>()
  readonly leaving = new Map<string, number>()
  readonly fenced = new Set<string>()
  readonly starts = new Map<string, { round: number; isKnown: boolean }>()
  readonly lostAtMs = new Map<string, number>()

  follow(assignment: Assignment, nowMs: number): string[] {
    for (const id of this.starts.keys()) if (!assignment.has(id)) this.starts.delete(id)
    for (const id of this.view.keys()) {
      if (assignment.has(id)) this.lostAtMs.delete(id)
      else if (!this.fenced.has(id) && !this.lostAtMs.has(id)) this.lostAtMs.set(id, nowMs)
    }
    const fresh = [...assignment].filter(
      ([id, { round }]) => !this.view.has(id) && !this.leaving.has(id) && this.starts.get(id)?.round !== round,
    )
    for (const [id, { round }] of fresh) this.starts.set(id, { round, isKnown: false })
    return fresh.map(([id]) => id)
  }

  lose(): void {
    for (const id of this.view.keys()) this.fenced.add(id)
    this.leaving.clear()
    this.lostAtMs.clear()
    this.starts.clear()
  }

  settle(id: string, round: number, isFound: boolean): void {
    const waiting = this.starts.get(id)
    if (waiting?.round !== round || waiting.isKnown) return
    if (isFound) this.starts.set(id, { round, isKnown: true })
    else this.starts.delete(id)
  }

  take(): string[] {
    const known = [...this.starts].filter(([, { isKnown }]) => isKnown)
    for (const [id, { round }] of known) {
      this.starts.delete(id)
      this.view.set(id, round)
    }
    return known.map(([id]) => id)
  }

  show(): string[] {
    const lost = [...this.view].filter(([id]) => this.fenced.has(id) || this.lostAtMs.has(id))
    for (const [id, round] of lost) {
      this.view.delete(id)
      if (!this.fenced.delete(id)) this.leaving.set(id, round)
    }
    return lost.map(([id]) => id)
  }

  drained(): boolean {
    const some = this.leaving.size > 0
    for (const id of this.leaving.keys()) this.lostAtMs.delete(id)
    this.leaving.clear()
    return some
  }

  expire(nowMs: number): boolean {
    const late = [...this.lostAtMs].filter(([, atMs]) => atMs + drainTimeoutMs <= nowMs)
    for (const [id] of late) {
      if (!this.leaving.delete(id)) this.fenced.add(id)
      this.lostAtMs.delete(id)
    }
    return late.length > 0
  }

  claimed(assignment: Assignment): Set<string> {
    const all = new Set([...this.view.keys(), ...this.leaving.keys(), ...this.starts.keys()])
    for (const id of this.fenced) all.delete(id)
    for (const id of assignment.keys()) all.add(id)
    return all
  }

  commitRound(id: string): number | undefined {
    return this.fenced.has(id) ? undefined : (this.view.get(id) ?? this.leaving.get(id))
  }
}

const id = fc.nat(idsMax - 1)
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('round' as const), ids: fc.uniqueArray(id) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('settle' as const), id, isFound: fc.boolean(), age: fc.nat(1) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom<'take' | 'show' | 'drained'>('take', 'show', 'drained') }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(10, 25, 40) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

class Run {
  readonly #holdings = new Holdings()
  readonly #model = new Model()
  #assignment = new Map<string, Assigned>()
  #round = 0
  #nowMs = 0

  step(one: Step): void {
    const [holdings, model] = [this.#holdings, this.#model]
    if (one.kind === 'lose') {
      this.#assignment = new Map()
      holdings.lose()
      model.lose()
    } else if (one.kind === 'round') this.#assign(one.ids)
    else if (one.kind === 'settle') this.#settle(`t/${one.id}`, one.age, one.isFound)
    else if (one.kind === 'take')
      assert.deepEqual(
        holdings
          .take()
          .map(({ partition }) => partitionId(partition))
          .sort(),
        model.take().sort(),
      )
    else if (one.kind === 'show') assert.deepEqual(holdings.show().toSorted(), model.show().sort())
    else if (one.kind === 'drained') assert.equal(holdings.drained(), model.drained())
    else if (one.kind === 'pass') {
      this.#nowMs += one.ms
      assert.equal(holdings.expire(this.#nowMs, drainTimeoutMs), model.expire(this.#nowMs))
    }
    const fresh = holdings.follow(this.#assignment, this.#nowMs)
    assert.deepEqual([...fresh.keys()], model.follow(this.#assignment, this.#nowMs))
    this.#compare()
  }

  #assign(ids: readonly number[]): void {
    this.#round++
    const given = ids.map((partition): [string, Assigned] => {
      const one = `t/${partition}`
      return [one, this.#assignment.get(one) ?? { partition: { topic: 't', partition }, round: this.#round }]
    })
    this.#assignment = new Map(given)
  }

  #settle(one: string, age: number, isFound: boolean): void {
    const round = (this.#assignment.get(one)?.round ?? 0) - age
    if (isFound) this.#holdings.place(one, round, start)
    else this.#holdings.unplace(one, round)
    this.#model.settle(one, round, isFound)
  }

  #compare(): void {
    const ids = Array.from({ length: idsMax }, (_, i) => `t/${i}`)
    const [holdings, model] = [this.#holdings, this.#model]
    assert.deepEqual(holdings.view().map(partitionId).sort(), [...model.view.keys()].sort())
    const claimed = holdings.claimed(this.#assignment).map(partitionId)
    assert.deepEqual(claimed.toSorted(), [...model.claimed(this.#assignment)].sort())
    for (const one of ids) {
      const round = holdings.commitRound(one)
      assert.equal(round, model.commitRound(one), one)
      assert.ok(round === undefined || claimed.includes(one), `${one} can be committed and is not claimed`)
    }
    const oldest = Math.min(...model.lostAtMs.values())
    assert.equal(holdings.drainingSinceMs, oldest === Number.POSITIVE_INFINITY ? undefined : oldest)
  }
}

test('holdings equal a model of five collections, whatever the group and the caller do', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 60, maxLength: 80 }), (steps) => {
      const run = new Run()
      for (const one of steps) run.step(one)
    }),
    { numRuns: 200 },
  )
})
