import { errorMessage } from '../contracts/errors.ts'
import type { Surroundings } from '../node/process.ts'
import type { Command } from './program/command.ts'
import { CommandError, exit } from './program/exit.ts'

const lab = '@firebreak/lab'

/** The commands of `@firebreak/lab`, which is installed beside this package or is not. */
export interface LabCommands {
  readonly commands: readonly Command[]
  /** Why there are none, with the command that changes it. */
  readonly problem?: CommandError
}

interface LabModule {
  readonly labCommands: readonly Command[]
}

/** Finds the lab that belongs to this version of firebreak: it uses what has no promise between versions. */
export async function findLab(io: Surroundings, version: string): Promise<LabCommands> {
  const without = (code: CommandError['exit'], message: string): LabCommands => ({
    commands: [],
    problem: new CommandError(code, message, `Install it: npm install --save-dev ${lab}@${version}`),
  })
  const [manifest, entry] = [io.resolve(`${lab}/package.json`), io.resolve(`${lab}/cli`)]
  if (manifest === undefined || entry === undefined)
    return without(exit.usage, `"firebreak lab" comes with ${lab}, which is not installed.`)
  try {
    const found: { readonly version: string } = JSON.parse(await io.readFile(manifest))
    if (found.version !== version)
      return without(exit.usage, `firebreak ${version} needs ${lab} ${version}, and ${found.version} is installed.`)
    const { labCommands } = (await io.load(entry)) as LabModule
    return { commands: labCommands }
  } catch (error) {
    return without(exit.failed, `${lab} cannot be loaded: ${errorMessage(error)}`)
  }
}
