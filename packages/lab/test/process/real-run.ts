/** Runs a scenario for real until it is interrupted, or asked to exit; started by a test as a process of its own. */
import { runReal } from '../../src/live/live.ts'
import { arm, model, queue, scenario, steady } from './real-scene.ts'

const endless = scenario(
  [
    arm('event', {
      services: [model('web'), model('work', { latency: { kind: 'constant', ms: 10 } })],
      edges: [queue('web', 'work')],
      traffic: [steady('web', 20)],
    }),
  ],
  { durationMs: 600_000 },
)

process.on('message', () => process.exit(7))
await runReal(endless, { onProgress: (done) => process.send?.(done) })
