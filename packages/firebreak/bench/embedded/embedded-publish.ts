import { createRuntime, service, sqliteLog } from 'firebreak'
import { Happened, measured } from '../common/events.ts'
import { perSecond } from '../common/settings.ts'

const publisher = service({ name: 'bench-publisher', publishes: [Happened] })

/** `inFlight` 1 awaits every publish; more keeps that many unconfirmed. */
export async function publishPerSec(folder: string, inFlight: number, count: number): Promise<number> {
  const log = sqliteLog({ path: folder })
  const runtime = createRuntime({ service: publisher, log })
  await runtime.start()
  for (let n = 0; n < 200; n++) await runtime.publish(Happened, measured(n))
  const started = performance.now()
  let next = 0
  const line = async (): Promise<void> => {
    while (next < count) await runtime.publish(Happened, measured(next++))
  }
  await Promise.all(Array.from({ length: inFlight }, line))
  const rate = perSecond(count, performance.now() - started)
  await runtime.stop()
  await log.close()
  return rate
}
