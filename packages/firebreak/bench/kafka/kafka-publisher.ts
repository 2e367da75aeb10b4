import { setTimeout as wait } from 'node:timers/promises'
import { createRuntime, service } from 'firebreak'
import { eventsOn, measured } from '../common/events.ts'
import { openLog } from './kafka-rates.ts'

// The other process of kafka-parked.ts: publishes at a steady rate, and says when it begins.
interface Job {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly ratePerSec: number
  readonly forMs: number
}

const { brokers, topic, ratePerSec, forMs } = JSON.parse(process.argv[2] ?? '{}') as Job
const { Happened } = eventsOn(topic.replace(/\.events$/, ''))
const log = openLog(brokers)
const runtime = createRuntime({ service: service({ name: 'fb-bench-publisher', publishes: [Happened] }), log })
await runtime.start()
process.send?.('started')
const count = Math.round((ratePerSec * forMs) / 1000)
const started = performance.now()
const sent: Promise<unknown>[] = []
for (let n = 0; n < count; n++) {
  const dueMs = started + (n * 1000) / ratePerSec - performance.now()
  if (dueMs > 0) await wait(dueMs)
  sent.push(runtime.publish(Happened, measured(n)))
}
await Promise.all(sent)
await runtime.stop()
await log.close()
process.disconnect?.()
