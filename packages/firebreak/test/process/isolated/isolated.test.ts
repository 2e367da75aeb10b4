import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { systemClock } from '../../../src/node/clock.ts'
import { isolated } from '../../../src/node/isolated/isolated.ts'
import type { run } from './works.ts'

const module = new URL('./works.ts', import.meta.url)
const code = (expected: string) => (error: unknown) => isFirebreakError(error) && error.code === expected

for (const place of ['thread', 'process'] as const) {
  const call = isolated<typeof run>(module, { in: place, memoryMb: 200 })

  test(`in a ${place}: gets a copy of its input, and resolves to a copy of what the function returns`, async () => {
    const result = (await call({ do: 'add', numbers: [1, 2, 3] })) as { sum: number; pid: number }
    assert.equal(result.sum, 6)
    assert.equal(result.pid === process.pid, place === 'thread')
  })

  test(`in a ${place}: what the function throws is thrown, with its name and its stack`, async () => {
    await assert.rejects(call({ do: 'throw' }), { name: 'RangeError', message: 'beyond the range', stack: /works\.ts/ })
    await assert.rejects(call({ do: 'refuse' }), code('FB_HANDLER_PERMANENT'))
  })

  test(`scenario 22: in a ${place}, a leak fails the call, and this process goes on`, async () => {
    await assert.rejects(call({ do: 'leak' }), code('FB_ISOLATED_MEMORY'))
    assert.equal(((await call({ do: 'add', numbers: [4] })) as { sum: number }).sum, 4)
  })

  test(`in a ${place}: an exit without an answer is an error`, async () => {
    await assert.rejects(call({ do: 'exit' }), code('FB_ISOLATED_ENDED'))
  })

  test(`in a ${place}: a signal ends what never ends by itself, and keeps no event loop busy`, async () => {
    const abort = new AbortController()
    const calling = call({ do: 'hang' }, { signal: abort.signal })
    let turns = 0
    for (; turns < 5; turns++) await new Promise((resolve) => systemClock.schedule(20, () => resolve(undefined)))
    abort.abort(new Error('enough'))
    await assert.rejects(calling, { message: 'enough' })
    assert.equal(turns, 5)
    await assert.rejects(call({ do: 'add' }, { signal: abort.signal }), { message: 'enough' })
  })

  test(`in a ${place}: what cannot be copied is refused`, async () => {
    await assert.rejects(call({ do: 'function' }), /could not be cloned/)
    await assert.rejects(call({ do: 'add', numbers: (() => 1) as never }), /could not be cloned/)
  })
}

test('scenario 22: of a process, memory outside of the heap counts too', {
  skip: process.platform !== 'linux' && 'is looked at on Linux only',
}, async () => {
  const call = isolated<typeof run>(module, { in: 'process', memoryMb: 300 })
  await assert.rejects(call({ do: 'buffers' }), code('FB_ISOLATED_MEMORY'))
})

test('a wrong set-up is refused at once', () => {
  assert.throws(() => isolated('./works.ts' as never, { in: 'thread', memoryMb: 100 }), /must be new URL/)
  assert.throws(() => isolated(module, {} as never), code('FB_CONFIG'))
})
