import { takeProcess } from '../node/process.ts'
import { runCli } from './cli.ts'

/** The program: what `bin/firebreak.js` starts. */
export async function main(): Promise<void> {
  const { io, args, exit } = takeProcess()
  exit(await runCli(args, io))
}
