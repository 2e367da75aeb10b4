import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayMs, hourMs, runWithJump } from '../jump-scene.ts'

const { calls, found } = await runWithJump({ at: 0, ms: 0 })

test('without a jump the run holds, and is long enough to jump in', () => {
  assert.deepEqual(found, [])
  assert.ok(calls > 100, `${calls} calls`)
})

for (const [name, sign] of [
  ['forward', 1],
  ['back', -1],
] as const) {
  test(`a wall clock that jumps ${name} at any port call changes nothing: deadlines, stops, order, effects, attempts`, async () => {
    for (let at = 1; at <= calls; at++) {
      const ms = sign * (at % 4 < 2 ? hourMs : dayMs)
      assert.deepEqual((await runWithJump({ at, ms })).found, [], `a jump of ${ms} ms at call ${at}`)
    }
  })
}

for (const apartMs of [hourMs, -hourMs, dayMs, -dayMs]) {
  test(`two instances whose clocks are ${apartMs / hourMs} h apart share the work as if they agreed`, async () => {
    assert.deepEqual((await runWithJump({ at: 0, ms: 0, apartMs })).found, [])
  })
}
