import { errorMessage, FirebreakError } from 'firebreak/internal'
import type { ReadOptions, ReadResult } from './read-scenario-sync.ts'

/**
 * Reads the text of a scenario file.
 *
 * **Errors** `FB_CONFIG` when the packages `yaml` and `zod` are not installed. Mistakes of the text are no errors: all of
 * them are in `problems`, each with its line.
 */
export async function readScenario(text: string, options: ReadOptions): Promise<ReadResult> {
  const { readScenarioSync } = await import('./read-scenario-sync.ts').catch(notInstalled)
  return readScenarioSync(text, options)
}

function notInstalled(error: unknown): never {
  const missing = /Cannot find package '(yaml|zod)'/.exec(errorMessage(error))?.[1]
  if (missing === undefined) throw error
  const problems = `reading a scenario needs the package "${missing}", which is not installed: npm install yaml zod`
  throw new FirebreakError('FB_CONFIG', { problems }, error)
}
