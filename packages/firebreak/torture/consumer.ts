/** Entry of a process that runs one instance of a service. */
import { join } from 'node:path'
import { createRuntime, type Fact, sqliteDatabase, sqliteLog } from 'firebreak'
import { type ChildPlace, runChild, tell, type Work } from './child.ts'
import { createEffects, firstService, secondService } from './services.ts'

const newsEveryMs = 40

await runChild(start)

async function start({ folder, slot }: ChildPlace): Promise<Work> {
  const service = slot.startsWith('first') ? firstService(folder) : secondService(folder)
  const log = sqliteLog({ path: folder })
  const database = sqliteDatabase({ path: join(folder, `${service.name}.db`) })
  await createEffects(database)
  let handled = 0
  const observe = (fact: Fact): void => {
    if (fact.kind === 'done') handled++
    if (fact.kind === 'trouble') process.stderr.write(`${fact.where}: ${String(fact.error)}\n`)
  }
  const runtime = createRuntime({ service, log, database, observe })
  await runtime.start()
  const reporter = setInterval(() => {
    if (handled > 0) tell({ handled })
    handled = 0
  }, newsEveryMs)
  return {
    done: runtime.done,
    async stop() {
      clearInterval(reporter)
      await runtime.stop()
      await log.close()
      await database.close()
    },
  }
}
