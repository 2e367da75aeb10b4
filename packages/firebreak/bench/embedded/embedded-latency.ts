import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createRuntime, service, sqliteLog } from 'firebreak'
import { Happened, measured } from '../common/events.ts'
import { quantile } from '../common/settings.ts'

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly consumerRssMb: number
}

/** From the call of `publish` in one process to the start of the handler in another, at a steady rate; the consumer's memory with it. */
export async function latencyAt(folder: string, ratePerSec: number, forMs: number): Promise<Latency> {
  const log = sqliteLog({ path: folder })
  const runtime = createRuntime({ service: service({ name: 'bench-publisher', publishes: [Happened] }), log })
  await runtime.start()
  const child = fork(
    fileURLToPath(new URL('./latency-consumer.mjs', import.meta.url)),
    [folder, join(folder, 'consumer.db')],
    { execArgv: [], env: { ...process.env, NODE_OPTIONS: '' } },
  )
  await once(child, 'message')
  const count = Math.round((ratePerSec * forMs) / 1000)
  const started = performance.now()
  for (let n = 0; n < count; n++) {
    const dueMs = started + (n * 1000) / ratePerSec - performance.now()
    if (dueMs > 0) await wait(dueMs)
    void runtime.publish(Happened, measured(n))
  }
  await wait(500)
  child.send('report')
  const [report] = (await once(child, 'message')) as [{ latenciesMs: readonly number[]; rssMb: number }]
  await once(child, 'exit')
  await runtime.stop()
  await log.close()
  // The first second warms both processes up.
  const steady = report.latenciesMs.slice(ratePerSec)
  return { p50Ms: quantile(steady, 0.5), p99Ms: quantile(steady, 0.99), consumerRssMb: report.rssMb }
}
