import { resolve } from 'node:path'
import { keptEngines, runsHere } from './data-dir.ts'
import {
  databaseEngines,
  defaultDataDir,
  type EngineChoice,
  type EngineSettings,
  engineName,
  logEngines,
  settingsFromEnvironment,
} from './engine-settings.ts'
import { UsageError } from './flags.ts'
import { env, newId } from './machine.ts'
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

/** Of the LogiFlow that runs in this folder without a `--data` of its own; undefined when none does. */
const runningDataDir = (): string | undefined =>
  logEngines.flatMap((log) => databaseEngines.map((database) => defaultDataDir({ log, database }))).find(runsHere)

/**
 * For tools beside a LogiFlow: the one that LOGIFLOW_LOG and LOGIFLOW_DATABASE or LOGIFLOW_DATA say, or else the one that
 * runs. What they leave open is in its data folder.
 */
export const settingsForTools = (): EngineSettings => {
  const said = settingsFromEnvironment()
  const isChosen = Boolean(env('LOGIFLOW_LOG') || env('LOGIFLOW_DATABASE'))
  const dataDir = env('LOGIFLOW_DATA') || (isChosen ? undefined : runningDataDir()) || said.dataDir
  const kept = keptEngines(dataDir)
  const { log, database } = isChosen ? said : (kept ?? said)
  const namespace = kept?.namespace ?? said.namespace
  return { log, database, dataDir, namespace, ...placesFor({ log, database }) }
}
