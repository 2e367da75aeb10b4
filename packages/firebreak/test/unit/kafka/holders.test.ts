import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { Cursor, Log, Partition } from '../../../src/contracts/log.ts'
import { partitionId } from '../../../src/contracts/log.ts'
import { seededEntropy } from '../../../src/testing/virtual-time/seeded-entropy.ts'
import { pollOnce } from './scripted-group.ts'
import { SimulatedGroup } from './simulated-group.ts'

const partitions = 5
const membersMax = 4
// Longer than a run, so that nobody loses what it takes its time with.
const slow = { sessionTimeoutMs: 600_000, heartbeatMs: 300, drainTimeoutMs: 500_000 } as const

/** How what was begun before a partition has left, or before the end, may fail. */
function unlessOver(error: unknown): void {
  const isOver = ['FB_FENCED', 'FB_CLOSED', 'FB_LOG_UNAVAILABLE'] as const
  if (!isOver.some((code) => isFirebreakError(error, code))) throw error
}

/** An instance: what it works on is what it holds, and what it has lost until it polls again. */
class Worker {
  readonly works = new Map<string, Partition>()
  readonly #log: Log
  #cursor: Cursor | undefined

  constructor(log: Log) {
    this.#log = log
    log.open('g', ['t']).then((cursor) => {
      this.#cursor = cursor
      this.#take()
    }, unlessOver)
  }

  get holds(): number {
    return this.#cursor?.assignment().length ?? 0
  }

  async poll(): Promise<void> {
    if (this.#cursor === undefined) return
    this.works.clear()
    this.#take()
    await pollOnce(this.#cursor)
    this.#take()
  }

  commit(next: (id: string) => number): void {
    const positions = [...this.works].map(([id, partition]) => ({ ...partition, offset: next(id) }))
    this.#cursor?.commit(positions).catch(unlessOver)
  }

  close(): Promise<void> {
    this.works.clear()
    return this.#log.close()
  }

  #take(): void {
    for (const partition of this.#cursor?.assignment() ?? []) this.works.set(partitionId(partition), partition)
  }
}

const step = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ kind: 'open' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), who: fc.nat(membersMax) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('poll' as const), who: fc.nat(membersMax) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('commit' as const), who: fc.nat(membersMax) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(300) }) },
)

test('whatever comes when: no partition has two holders, no position goes back, and all is held and even in the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 120 }), fc.nat(), async (steps, seed) => {
      const group = new SimulatedGroup({ t: partitions }, seededEntropy(seed))
      const workers: Worker[] = []
      const closing: Promise<void>[] = []
      const offsets = new Map<string, number>()
      const next = (id: string): number => {
        const offset = (offsets.get(id) ?? 0) + 1
        offsets.set(id, offset)
        return offset
      }
      const check = (): void => {
        const worked = workers.flatMap(({ works }) => [...works.keys()])
        assert.equal(new Set(worked).size, worked.length, `two holders: ${worked.sort().join()}`)
        assert.deepEqual(group.wentBack, [])
      }
      for (const one of [{ kind: 'open' as const }, ...steps]) {
        const who = 'who' in one ? one.who % Math.max(1, workers.length) : 0
        if (one.kind === 'open' && workers.length < membersMax) workers.push(new Worker(group.log(slow)))
        else if (one.kind === 'close') closing.push(...workers.splice(who, 1).map((worker) => worker.close()))
        else if (one.kind === 'poll') await workers[who]?.poll()
        else if (one.kind === 'commit') workers[who]?.commit(next)
        else if (one.kind === 'pass') await group.clock.advance(one.ms)
        check()
      }
      const held = (): number[] => workers.map(({ holds }) => holds)
      for (let i = 0; i < 200 && held().reduce((sum, count) => sum + count, 0) < partitions; i++) {
        for (const worker of workers) {
          await worker.poll()
          check()
        }
        await group.clock.advance(200)
        check()
      }
      if (workers.length > 0)
        assert.equal(
          held().reduce((sum, count) => sum + count, 0),
          partitions,
        )
      closing.push(...workers.map((worker) => worker.close()))
      await group.clock.advance(60_000)
      await Promise.all(closing)
    }),
    { numRuns: 40 },
  )
})
