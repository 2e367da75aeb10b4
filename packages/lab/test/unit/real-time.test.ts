import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from 'firebreak'
import { LiveTime } from '../../src/live/process/time.ts'

/** A machine whose clock moves by hand, and by half a ms each time that it is asked. */
function machine(): { readonly clock: Clock; readonly delays: number[]; pass(ms: number): void } {
  let atMs = 5000
  const delays: number[] = []
  return {
    clock: {
      now: () => 1_000_000 + Math.floor(atMs),
      monotonic: () => {
        atMs += 0.5
        return atMs
      },
      schedule: (delayMs) => {
        delays.push(delayMs)
        return { cancel: () => undefined }
      },
    },
    delays,
    pass: (ms) => {
      atMs += ms
    },
  }
}

test('the time of a scenario is 0 when the run begins, and stretched', () => {
  const { clock, delays, pass } = machine()
  const live = new LiveTime({ system: clock, startsAtMs: clock.now() + 1000, dilation: 4 })
  assert.ok(Math.abs(live.clock.monotonic() + 250) < 1)
  pass(1000)
  assert.ok(Math.abs(live.clock.monotonic()) < 1)
  pass(400)
  assert.ok(Math.abs(live.clock.monotonic() - 100) < 1)
  live.clock.schedule(10, () => undefined)
  assert.deepEqual(delays, [40])
})

test('what is due fires before what comes from outside, at the instants that were planned', () => {
  const { clock, pass } = machine()
  const live = new LiveTime({ system: clock, startsAtMs: clock.now(), dilation: 1 })
  const seen: (string | number)[] = []
  live.enter(() => {
    for (const us of [20_000, 10_000]) live.calendar.at(us, { ticket: 0, fire: () => seen.push(live.calendar.nowUs) })
  })
  pass(50)
  live.enter(() => {
    seen.push('outside')
    live.calendar.after(0, { ticket: 0, fire: () => seen.push('at once') })
    live.enter(() => seen.push('inside'))
  })
  assert.deepEqual(seen, [10_000, 20_000, 'outside', 'inside', 'at once'])
})
