import type { Command } from 'firebreak/internal'
import { labList } from './list.ts'
import { labRun } from './run.ts'
import { labSweep } from './sweep.ts'
import { labTools } from './tools.ts'
import { labValidate } from './validate.ts'

/** The commands of the lab, in the order of the overview: what the program of firebreak finds by `@firebreak/lab/cli`. */
export const labCommands: readonly Command[] = [labRun(labTools), labSweep(labTools), labList, labValidate]
