import { stderr } from 'node:process'
import { createRuntime, type Fact } from 'firebreak'
import { partitionId } from '../src/contracts/log.ts'
import { type ChildPlace, tell, type Work } from './child.ts'
import { openDatabase, openLog } from './engines.ts'
import { historyFolder, openHistory } from './history.ts'
import { recordedLog } from './recorded-log.ts'
import { type Scene, type ServiceName, serviceOf } from './services.ts'

const newsEveryMs = 40

/**
 * Joins the group of a service as one more instance, and tells the torturer what it handles. `process` is its name in the
 * history, which no other instance has: two in one operating system's process know as little of each other as any.
 */
export async function startInstance(name: ServiceName, process: string, { folder, spec }: ChildPlace): Promise<Work> {
  const scene: Scene = { folder, history: openHistory(historyFolder(folder), process) }
  const log = recordedLog(await openLog(spec), scene.history)
  const database = await openDatabase(spec, name)
  let handled = 0
  const observe = (fact: Fact): void => {
    if (fact.kind === 'done') handled++
    else if (fact.kind === 'trouble') stderr.write(`${name}, ${fact.where}: ${String(fact.error)}\n`)
    else if (fact.kind === 'claimed') {
      const { epoch, unclean } = fact
      const value = { partition: partitionId(fact.partition), epoch, unclean }
      scene.history.note({ f: 'claim', type: 'info', group: name, value })
    }
  }
  const close = async (): Promise<void> => {
    await log.close()
    await database.close()
    scene.history.close()
  }
  try {
    const runtime = createRuntime({ service: serviceOf(name, scene), log, database, observe })
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
        await close()
      },
    }
  } catch (error) {
    await close().catch(() => undefined)
    throw error
  }
}
