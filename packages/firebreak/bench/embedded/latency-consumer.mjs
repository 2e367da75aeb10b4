// Plain JavaScript on the build: memory is measured as users have it, without the loader that strips types here.
import { createRuntime, event, handle, service, sqliteDatabase, sqliteLog } from 'firebreak'

const [folder, databasePath] = process.argv.slice(2)
const latenciesMs = []
const schema = { '~standard': { version: 1, vendor: 'bench', validate: (value) => ({ value }) } }
const Happened = event({ type: 'bench.happened', topic: 'bench.events', key: 'id', schema })
const log = sqliteLog({ path: folder })
const database = sqliteDatabase({ path: databasePath })
// As `machineMs` in events.ts: the same clock as in the process that sends.
const note = (payload) => {
  const [seconds, nanoseconds] = process.hrtime()
  latenciesMs.push(seconds * 1000 + nanoseconds / 1e6 - payload.sentAtMs)
}
const runtime = createRuntime({
  service: service({ name: 'bench-consumer', handlers: [handle(Happened, note)] }),
  log,
  database,
})
await runtime.start()
process.send('ready')
process.once('message', async () => {
  process.send({ latenciesMs, rssMb: Math.round(process.memoryUsage().rss / 2 ** 20) })
  await runtime.stop()
  await database.close()
  await log.close()
  process.disconnect()
})
