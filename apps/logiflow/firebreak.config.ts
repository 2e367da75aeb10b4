import { type Config, defineConfig } from 'firebreak'
import { loadEngines } from './platform/engines.ts'
import { settingsForTools } from './platform/settle-engines.ts'
import { systemOn } from './system.ts'

const engines = await loadEngines(settingsForTools())

/** What the `firebreak` command line needs to know of LogiFlow. */
export const config: Config = defineConfig({ log: () => engines.openLog(), services: systemOn(engines) })
