import { type Config, defineConfig } from 'firebreak'
import { openLog } from './platform/engines.ts'
import { env } from './platform/machine.ts'
import { systemIn } from './system.ts'

const dataDir = env('LOGIFLOW_DATA') ?? '.logiflow'

/** What the `firebreak` command line needs to know of LogiFlow. */
export const config: Config = defineConfig({ log: () => openLog(dataDir), services: systemIn(dataDir) })
