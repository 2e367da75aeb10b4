import { join } from 'node:path'
import { createRuntime, handle, type Log, service, sqliteDatabase, sqliteLog } from 'firebreak'
import { Happened, measured } from '../common/events.ts'
import { median, perSecond } from '../common/settings.ts'

export interface BacklogRates {
  readonly consumePerSec: number
  readonly publishPerSec: number
}

const perRound = 10_000
const rounds = 5

/** Rates with `records` in the log: rounds of 10,000 consumed by a new group each, and as many published. */
export async function ratesWithBacklog(
  folder: string,
  records: number,
  progress: (done: number) => void,
): Promise<BacklogRates> {
  const log = sqliteLog({ path: folder })
  await log.ensureTopics([{ name: Happened.topic, partitions: Happened.partitions }])
  await fill(log, records, progress)
  const consume: number[] = []
  const publish: number[] = []
  for (let round = 0; round < rounds; round++) {
    consume.push(await consumeRound(folder, log, round))
    publish.push(await publishRound(log))
  }
  await log.close()
  return { consumePerSec: median(consume), publishPerSec: median(publish) }
}

async function fill(log: Log, records: number, progress: (done: number) => void): Promise<void> {
  const value = new TextEncoder().encode(JSON.stringify(measured(0)))
  const headersOf = (n: number): Record<string, string> => ({
    ce_id: `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`,
    ce_source: '/bench',
    ce_type: Happened.type,
    ce_schemaversion: '1',
  })
  const batch = 5000
  let under: Promise<unknown> = Promise.resolve()
  for (let done = 0; done < records; done += batch) {
    const next = Array.from({ length: Math.min(batch, records - done) }, (_, i) => ({
      topic: Happened.topic,
      key: `key-${(done + i) % 1000}`,
      value,
      headers: headersOf(done + i),
    }))
    await under
    under = log.append(next)
    progress(done)
  }
  await under
}

async function consumeRound(folder: string, log: Log, round: number): Promise<number> {
  const database = sqliteDatabase({ path: join(folder, `round-${round}.db`) })
  let seen = 0
  let firstAt = 0
  let finish = (): void => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const observe = (fact: { kind: string }): void => {
    if (fact.kind !== 'done') return
    if (seen++ === 0) firstAt = performance.now()
    if (seen === perRound) finish()
  }
  const consumer = service({ name: `bench-round-${round}`, handlers: [handle(Happened, () => {})] })
  const runtime = createRuntime({ service: consumer, log, database, observe })
  await runtime.start()
  await finished
  const rate = perSecond(perRound, performance.now() - firstAt)
  await runtime.stop({ drainMs: 10_000 })
  await database.close()
  return rate
}

async function publishRound(log: Log): Promise<number> {
  const runtime = createRuntime({ service: service({ name: 'bench-publisher', publishes: [Happened] }), log })
  await runtime.start()
  const started = performance.now()
  let next = 0
  const line = async (): Promise<void> => {
    while (next < perRound) await runtime.publish(Happened, measured(next++))
  }
  await Promise.all(Array.from({ length: 2000 }, line))
  const rate = perSecond(perRound, performance.now() - started)
  await runtime.stop()
  return rate
}
