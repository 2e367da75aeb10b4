import { stderr } from 'node:process'
import { createRuntime, type Fact, type Runtime } from 'firebreak'
import { partitionId } from '../../src/contracts/log.ts'
import { historyFolder, openHistory } from '../history/history.ts'
import { hostilityOf } from '../history/hostile-orders.ts'
import { recordedLog } from '../history/recorded-log.ts'
import { type ChildPlace, tell, type Work } from './child.ts'
import { openDatabase, openLog } from './engines.ts'
import { type Scene, type ServiceName, serviceOf } from './services.ts'

const newsEveryMs = 40

/**
 * Joins the group of a service as one more instance, and tells the torturer what it handles. `process` is its name in the
 * history, which no other instance has: two in one operating system's process know as little of each other as any.
 */
export async function startInstance(name: ServiceName, process: string, place: ChildPlace): Promise<Work> {
  const { folder, spec, hostile } = place
  const history = openHistory(historyFolder(folder), process)
  const log = recordedLog(await openLog(spec), history)
  const database = await openDatabase(spec, name)
  const late: { runtime?: Runtime } = {}
  const hostility = hostile ? hostilityOf({ database, history, runtime: () => late.runtime as Runtime }) : undefined
  const scene: Scene = { folder, history, ...(hostility === undefined ? {} : { hostility }) }
  let handled = 0
  const observe = (fact: Fact): unknown => {
    if (fact.kind === 'done') handled++
    else if (fact.kind === 'infrastructure-error') stderr.write(`${name}, ${fact.where}: ${String(fact.error)}\n`)
    else if (fact.kind === 'claimed') {
      const { epoch, unclean } = fact
      const value = { partition: partitionId(fact.partition), epoch, unclean }
      history.note({ f: 'claim', type: 'info', group: name, value })
    } else if (fact.kind === 'halted') {
      history.note({ f: 'halt', type: 'info', group: name, value: String(fact.error) })
    }
    return hostility?.observe(fact)
  }
  const close = async (): Promise<void> => {
    await log.close()
    await database.close()
    history.close()
  }
  try {
    const runtime = createRuntime({ service: serviceOf(name, scene), log, database, observe })
    late.runtime = runtime
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
