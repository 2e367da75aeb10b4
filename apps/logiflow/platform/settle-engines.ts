import { resolve } from 'node:path'
import { keptEngines } from './data-dir.ts'
import { type EngineChoice, type EngineSettings, engineName, settingsFromEnvironment } from './engine-settings.ts'
import { UsageError } from './flags.ts'
import { newId } from './machine.ts'
import { placesFor, serversFor } from './servers.ts'

/** Databases whose log is in a folder belong to that folder, and to no other one on the same server. */
const namespaceFor = ({ log, database }: EngineChoice): string =>
  log === 'embedded' && database === 'postgres' ? `local${newId().slice(0, 8)}` : ''

/** What was asked for, what the data folder says, and where the servers are, in one. **Errors** `UsageError`. */
export const settleEngines = async (asked: {
  readonly engines: EngineChoice
  readonly data: string
  readonly namespace: string | undefined
}): Promise<EngineSettings> => {
  const { engines, data } = asked
  const dataDir = resolve(data)
  const kept = keptEngines(dataDir)
  const namespace = asked.namespace ?? kept?.namespace ?? namespaceFor(engines)
  if (kept !== undefined && (kept.log !== engines.log || kept.database !== engines.database))
    throw new UsageError(
      `${data} was made with ${engineName(kept)}, not with ${engineName(engines)}. Give another --data.`,
    )
  if (kept !== undefined && kept.namespace !== namespace)
    throw new UsageError(`${data} has the namespace "${kept.namespace}", not "${namespace}". Give another --data.`)
  return { ...engines, ...(await serversFor(engines)), dataDir, namespace }
}

/** For tools beside a running LogiFlow: engines from LOGIFLOW_LOG and LOGIFLOW_DATABASE, the rest from the data folder. */
export const settingsForTools = (): EngineSettings => {
  const settings = settingsFromEnvironment()
  const namespace = keptEngines(settings.dataDir)?.namespace ?? settings.namespace
  return { ...settings, namespace, ...placesFor(settings) }
}
