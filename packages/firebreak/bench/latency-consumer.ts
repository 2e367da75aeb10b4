import { createRuntime, handle, service, sqliteDatabase, sqliteLog } from 'firebreak'
import { Happened } from './events.ts'

const [folder = '', databasePath = ''] = process.argv.slice(2)
const latenciesMs: number[] = []
const log = sqliteLog({ path: folder })
const database = sqliteDatabase({ path: databasePath })
const consumer = service({
  name: 'bench-consumer',
  handlers: [
    handle(Happened, (payload) => void latenciesMs.push(performance.timeOrigin + performance.now() - payload.sentAtMs)),
  ],
})
const runtime = createRuntime({ service: consumer, log, database })
await runtime.start()
process.send?.('ready')
process.once('message', async () => {
  process.send?.({ latenciesMs, rssMb: Math.round(process.memoryUsage().rss / 2 ** 20) })
  await runtime.stop()
  await database.close()
  await log.close()
  process.disconnect?.()
})
