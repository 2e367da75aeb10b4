import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { codelTimeoutMs, isStanding } from '../../../src/policy/codel.ts'
import { ServerQueue, type ServerQueueSpec } from '../../../src/policy/server-queue.ts'
import { WaitingLine } from '../../../src/policy/waiting-line.ts'

const spec: ServerQueueSpec = { concurrency: 1, queueMax: 100, order: 'fifo', waitMaxMs: 1000, codel: null }
const codel = { targetMs: 5, intervalMs: 100 }

interface Watched<T> {
  readonly queue: ServerQueue<T>
  readonly shed: [item: T, waitedMs: number][]
  /** All that start at `atMs`. */
  starts(atMs: number): T[]
}

function watched<T = string>(changes: Partial<ServerQueueSpec> = {}): Watched<T> {
  const shed: [T, number][] = []
  const queue = new ServerQueue<T>({ ...spec, ...changes }, (item, waitedMs) => void shed.push([item, waitedMs]))
  const starts = (atMs: number): T[] => {
    const started: T[] = []
    for (let item = queue.next(atMs); item !== undefined; item = queue.next(atMs)) started.push(item)
    return started
  }
  return { queue, shed, starts }
}
/** One worker after the other becomes free at `atMs`, until nothing waits. */
const drain = <T>({ queue, starts }: Watched<T>, atMs: number): T[] => {
  const order: T[] = []
  do {
    queue.finish(atMs)
    order.push(...starts(atMs))
  } while (queue.queued > 0)
  return order
}
const offer = ({ queue }: Watched<string>, atMs: number, items: string, critical = false): string[] =>
  [...items].map((item) => queue.offer(atMs, item, critical))

test('what finds a free worker starts, what finds a place waits, the rest is turned away', () => {
  const server = watched({ concurrency: 2, queueMax: 1 })
  assert.deepEqual(offer(server, 0, 'abcd'), ['start', 'start', 'queued', 'full'])
  assert.deepEqual([server.queue.busy, server.queue.queued], [2, 1])
  assert.deepEqual(server.starts(1), [])
  server.queue.finish(2)
  assert.deepEqual(server.starts(2), ['c'])
  assert.deepEqual([server.queue.busy, server.queue.queued], [2, 0])
})

test('without room to wait only a free worker counts', () => {
  const server = watched({ queueMax: 0 })
  assert.deepEqual(offer(server, 0, 'ab'), ['start', 'full'])
  assert.deepEqual(offer(server, 0, 'C', true), ['full'])
  server.queue.finish(1)
  assert.deepEqual(offer(server, 1, 'd'), ['start'])
})

test('fifo starts the oldest, lifo the newest', () => {
  for (const [order, expected] of [
    ['fifo', 'bcde'],
    ['lifo', 'edcb'],
  ] as const) {
    const server = watched({ order })
    offer(server, 0, 'abcde')
    assert.equal(drain(server, 1).join(''), expected)
  }
})

test('adaptive lifo starts the oldest while the queue comes and goes, and the newest while it stands', () => {
  for (const changes of [{}, { codel: { targetMs: 50, intervalMs: 100 } }]) {
    const server = watched({ ...changes, order: 'adaptive-lifo' })
    offer(server, 0, 'ab')
    offer(server, 60, 'c')
    server.queue.finish(100)
    assert.deepEqual(server.starts(100), ['b'])
    offer(server, 101, 'de')
    assert.deepEqual(drain(server, 101).join(''), 'edc')
    offer(server, 102, 'fg')
    server.queue.finish(103)
    assert.deepEqual(server.starts(103), ['f'])
    assert.deepEqual(server.shed, [])
  }
})

test('who waits longer than waitMaxMs is shed when its turn comes, and told how long it waited', () => {
  const server = watched({ waitMaxMs: 20 })
  offer(server, 0, 'ab')
  offer(server, 5, 'c')
  server.queue.finish(20)
  assert.deepEqual(server.starts(20), ['b'])
  server.queue.finish(25.5)
  assert.deepEqual(server.starts(25.5), [])
  assert.deepEqual(server.shed, [['c', 20.5]])
})

test('the oldest that waited too long make room for newcomers, also while the newest are served', () => {
  for (const order of ['fifo', 'lifo'] as const) {
    const server = watched({ order, queueMax: 2, waitMaxMs: 20 })
    offer(server, 0, 'abc')
    assert.deepEqual(offer(server, 20, 'd'), ['full'])
    assert.deepEqual(offer(server, 21, 'd'), ['queued'])
    assert.deepEqual(server.shed.map(([item]) => item).join(''), 'bc')
    offer(server, 30, 'e')
    server.queue.finish(42)
    assert.equal(server.shed.length, 3, 'an end of work sheds them too')
    const critical = watched({ order, queueMax: 2, waitMaxMs: 20 })
    offer(critical, 0, 'aXY', true)
    assert.deepEqual(offer(critical, 21, 'd'), ['queued'])
  }
})

test('CoDel: a queue that has not been empty for longer than the interval stands, and a request that joins it waits the target', () => {
  assert.deepEqual([isStanding(100, 100), isStanding(100.1, 100)], [false, true])
  assert.deepEqual([codelTimeoutMs(codel, 100), codelTimeoutMs(codel, 101)], [100, 5])
  const server = watched({ codel })
  offer(server, 0, 'ab')
  offer(server, 100, 'c')
  offer(server, 101, 'd')
  server.queue.finish(102)
  assert.deepEqual(server.starts(102), ['c'])
  assert.deepEqual(server.shed, [['b', 101]])
  server.queue.finish(107)
  assert.deepEqual(server.starts(107), [])
  assert.deepEqual(server.shed[1], ['d', 6])
  // It has been empty: the next burst has the interval again.
  offer(server, 108, 'xe')
  server.queue.finish(208)
  assert.deepEqual(server.starts(208), ['e'])
})

/** Calls every `everyMs` against workers of 50 ms; returns the waits of those that started. */
function overload(changes: Partial<ServerQueueSpec>, everyMs: number, criticalEvery = Number.POSITIVE_INFINITY) {
  const offeredAt: number[] = []
  const waits: number[] = []
  const lost = { critical: 0, other: 0 }
  const isCritical = (call: number): boolean => call % criticalEvery === 0
  const lose = (call: number): void => void lost[isCritical(call) ? 'critical' : 'other']++
  const queue = new ServerQueue<number>({ ...spec, concurrency: 20, queueMax: 1000, ...changes }, lose)
  const ends: number[] = []
  const begin = (call: number, atMs: number): void => {
    waits.push(atMs - (offeredAt[call] as number))
    ends.push(atMs + 50)
  }
  const endUntil = (untilMs: number): void => {
    while (ends.length > 0 && (ends[0] as number) <= untilMs) {
      const atMs = ends.shift() as number
      queue.finish(atMs)
      for (let call = queue.next(atMs); call !== undefined; call = queue.next(atMs)) begin(call, atMs)
    }
  }
  const calls = Math.floor(20_000 / everyMs)
  for (let call = 0; call < calls; call++) {
    const atMs = call * everyMs
    endUntil(atMs)
    offeredAt.push(atMs)
    const answer = queue.offer(atMs, call, isCritical(call))
    if (answer === 'start') begin(call, atMs)
    if (answer === 'full') lose(call)
  }
  assert.equal(calls, waits.length + lost.critical + lost.other + queue.queued)
  return { calls, waits, lost, workMax: (20_000 / 50) * 20 }
}

test('under twice the load CoDel keeps the workers busy and the waits short, where a plain queue makes all wait', () => {
  const plain = overload({ waitMaxMs: 10_000 }, 1.25)
  const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number
  assert.ok(median(plain.waits) > 2000)
  for (const order of ['fifo', 'adaptive-lifo'] as const) {
    const { waits, workMax } = overload({ codel, order, waitMaxMs: 10_000 }, 1.25)
    assert.ok(waits.length > workMax * 0.98, `${waits.length} of ${workMax}`)
    assert.ok(median(waits) <= codel.targetMs, `${median(waits)} ms`)
    assert.ok(Math.max(...waits) <= codel.intervalMs)
  }
})

test('CoDel leaves a load alone that the workers can take', () => {
  const { calls, waits } = overload({ codel }, 2.5)
  assert.equal(waits.length, calls)
})

test('under twice the load not one critical call is lost while others can be', () => {
  for (const order of ['fifo', 'lifo', 'adaptive-lifo'] as const)
    for (const changes of [{ codel }, { codel: null, waitMaxMs: 60 }, { queueMax: 5 }]) {
      const { lost } = overload({ ...changes, order }, 1.25, 5)
      assert.equal(lost.critical, 0, `${order} ${JSON.stringify(changes)}`)
      assert.ok(lost.other > 5000)
    }
})

test('I3 a critical item starts first, and takes the place of the newest other one when the queue is full', () => {
  const server = watched({ queueMax: 3 })
  offer(server, 0, 'abcd')
  assert.deepEqual(offer(server, 7, 'XY', true), ['queued', 'queued'])
  assert.deepEqual(server.shed, [
    ['d', 7],
    ['c', 7],
  ])
  assert.deepEqual(offer(server, 7, 'e'), ['full'])
  assert.deepEqual(offer(server, 8, 'ZQ', true), ['queued', 'full'])
  assert.equal(drain(server, 9).join(''), 'XYZ')
})

test('I2 a request that is shed may offer again at once: the bound holds', () => {
  const answers: string[] = []
  const queue = new ServerQueue<string>({ ...spec, queueMax: 1 }, (item) => {
    answers.push(queue.offer(1, `${item}'`, false))
  })
  for (const item of 'ab') queue.offer(0, item, false)
  assert.equal(queue.offer(1, 'X', true), 'full')
  assert.deepEqual([answers, queue.queued], [['queued'], 1])
})

test('I3 a critical item keeps the long time-out in a standing queue', () => {
  const server = watched({ codel })
  for (const [atMs, item] of [
    [0, 'a'],
    [50, 'b'],
    [100, 'c'],
    [151, 'd'],
  ] as const)
    offer(server, atMs, item)
  offer(server, 151, 'X', true)
  server.queue.finish(160)
  assert.deepEqual(server.starts(160), ['X'])
  server.queue.finish(161)
  assert.deepEqual(server.starts(161), ['c'])
  server.queue.finish(162)
  assert.deepEqual(server.starts(162), [])
  assert.deepEqual(server.shed, [
    ['b', 101],
    ['d', 11],
  ])
})

test('who leaves while waiting is neither started nor shed, and frees the place; who does not wait cannot leave', () => {
  const server = watched({ queueMax: 3, waitMaxMs: 50 })
  offer(server, 0, 'abcd')
  offer(server, 0, 'X', true)
  assert.deepEqual(
    ['c', 'X', 'c', 'a', 'nobody'].map((item) => server.queue.remove(item)),
    [true, true, false, false, false],
  )
  assert.equal(server.queue.queued, 1)
  offer(server, 1, 'c')
  assert.equal(drain(server, 2).join(''), 'bc')
  assert.deepEqual(server.shed, [['d', 0]])
})

test('fewer workers stop nothing and start nothing; more workers start what waits', () => {
  const server = watched({ concurrency: 3 })
  offer(server, 0, 'abcdefg')
  server.queue.setConcurrency(1)
  for (const atMs of [1, 2]) {
    server.queue.finish(atMs)
    assert.deepEqual(server.starts(atMs), [])
  }
  server.queue.setConcurrency(0)
  server.queue.finish(3)
  assert.deepEqual([server.queue.busy, server.starts(3).length], [0, 0])
  assert.deepEqual(offer(server, 4, 'h'), ['queued'])
  server.queue.setConcurrency(4)
  assert.deepEqual(server.starts(5).join(''), 'defg')
})

test('I2 a worker is freed once, and an item waits once', () => {
  const server = watched()
  assert.throws(() => server.queue.finish(0), /freed once/)
  offer(server, 0, 'ab')
  assert.throws(() => server.queue.offer(0, 'b', false), /one place/)
})

test('I2 a place that is free holds no item, and is used again', () => {
  const line = new WaitingLine<string>()
  const place = line.push('a')
  assert.equal(line.take(place), 'a')
  assert.equal(place.item, undefined)
  assert.equal(line.push('b'), place)
  assert.deepEqual(
    [line.size, line.oldest, line.newest, place.older, place.newer],
    [1, place, place, undefined, undefined],
  )
})

test('a million may wait, start in order, and leave from the middle', () => {
  const count = 1_000_000
  const server = watched<number>({ queueMax: count })
  for (let item = 0; item <= count; item++) server.queue.offer(0, item, false)
  for (let item = count - 1; item > 0; item -= 2) assert.ok(server.queue.remove(item))
  for (let expected = 2; expected <= count; expected += 2) {
    server.queue.finish(1)
    assert.equal(server.queue.next(1), expected)
  }
  assert.deepEqual([server.queue.queued, server.shed.length], [0, 0])
})

const specs = fc.record({
  concurrency: fc.integer({ min: 0, max: 3 }),
  queueMax: fc.integer({ min: 0, max: 6 }),
  order: fc.constantFrom('fifo' as const, 'lifo' as const, 'adaptive-lifo' as const),
  waitMaxMs: fc.constantFrom(0, 30, Number.POSITIVE_INFINITY),
  codel: fc.constantFrom(null, { targetMs: 3, intervalMs: 20 }),
})
const plans = fc.array(
  fc.record({
    does: fc.constantFrom('offer', 'offer', 'offer', 'critical', 'finish', 'finish', 'next', 'remove', 'workers'),
    waitMs: fc.constantFrom(0, 0, 1, 4, 25),
    pick: fc.nat(100),
  }),
  { minLength: 30, maxLength: 200, size: 'max' },
)

type Waiting = ReadonlyMap<number, { readonly atMs: number; readonly critical: boolean }>

/** Critical ones first; among its equals as `order` says. */
function assertItsTurn(item: number, isCritical: boolean, waiting: Waiting, order: string): void {
  assert.ok(isCritical || ![...waiting.values()].some(({ critical }) => critical))
  const others = [...waiting].filter(([, { critical }]) => critical === isCritical).map(([id]) => id)
  if (order === 'fifo') assert.ok(others.every((other) => other > item))
  if (order === 'lifo') assert.ok(others.every((other) => other < item))
}

test('I1 I2 I3 in any order of events: everything offered ends in exactly one way, and the bounds hold', () => {
  fc.assert(
    fc.property(specs, plans, (changed, plan) => {
      const ended = new Map<number, string>()
      const waiting = new Map<number, { atMs: number; critical: boolean }>()
      let [atMs, items, started, finished, concurrency] = [0, 0, 0, 0, changed.concurrency]
      const end = (item: number, how: string): void => {
        assert.ok(!ended.has(item), `${item} ends twice`)
        ended.set(item, how)
      }
      const queue = new ServerQueue<number>(changed, (item, waitedMs) => {
        const { atMs: sinceMs, critical } = waiting.get(item)!
        assert.equal(waitedMs, atMs - sinceMs)
        const isPatient = changed.codel !== null && waitedMs <= changed.codel.targetMs
        const isEarly =
          changed.codel === null ? waitedMs <= changed.waitMaxMs : isPatient && waitedMs <= changed.waitMaxMs
        assert.ok(!isEarly || (!critical && queue.queued < changed.queueMax), 'shed early only for room')
        waiting.delete(item)
        end(item, 'shed')
      })
      for (const { does, waitMs, pick } of plan) {
        atMs += waitMs
        if (does === 'offer' || does === 'critical') {
          const item = items++
          const answer = queue.offer(atMs, item, does === 'critical')
          if (answer === 'queued') waiting.set(item, { atMs, critical: does === 'critical' })
          else end(item, answer)
          if (answer === 'start') started++
        } else if (does === 'finish' && started > finished) {
          queue.finish(atMs)
          finished++
        } else if (does === 'next') {
          const item = queue.next(atMs)
          if (item === undefined) assert.ok(queue.queued === 0 || queue.busy >= concurrency)
          else {
            const one = waiting.get(item)!
            waiting.delete(item)
            assert.ok(atMs - one.atMs <= changed.waitMaxMs && queue.busy <= concurrency)
            assertItsTurn(item, one.critical, waiting, changed.order)
            end(item, 'start')
            started++
          }
        } else if (does === 'remove') {
          const item = pick % (items + 1)
          assert.equal(queue.remove(item), waiting.delete(item))
          if (ended.get(item) === undefined && item < items) end(item, 'removed')
        } else if (does === 'workers') {
          concurrency = pick % 4
          queue.setConcurrency(concurrency)
        }
        assert.equal(queue.busy, started - finished)
        assert.equal(queue.queued, waiting.size)
        assert.ok(queue.queued <= changed.queueMax)
        assert.equal(items, ended.size + waiting.size)
      }
    }),
    { numRuns: 500 },
  )
})
