/** What the commands of the lab call, and which mode runs a scenario. */
import { type Arguments, usageError } from 'firebreak/internal'
import { runReal } from '../live/live.ts'
import { reportHtml } from '../report/report-html.ts'
import { reportLines } from '../report/report-text.ts'
import { runScenario } from '../run/run.ts'

/** What the commands of the lab call; tests pass their own. */
export interface LabTools {
  readonly runScenario: typeof runScenario
  readonly runReal: typeof runReal
  readonly reportLines: typeof reportLines
  readonly reportHtml: typeof reportHtml
}

/** Those of the program. */
export const labTools: LabTools = { runScenario, runReal, reportLines, reportHtml }

/** What runs a scenario in the mode that is asked for. **Errors** a usage error for any other. */
export function runnerOf(args: Arguments, tools: LabTools): LabTools['runScenario'] {
  const mode = args.text('mode') ?? 'sim'
  const brokers = args.text('kafka')
  if (mode === 'sim' && brokers !== undefined) throw usageError('--kafka goes with --mode real.')
  if (mode === 'sim') return tools.runScenario
  if (mode !== 'real') throw usageError(`--mode must be sim or real, not "${mode}".`)
  return (scenario, { onProgress, ...options } = {}) =>
    tools.runReal(scenario, {
      ...options,
      ...(brokers !== undefined && { kafka: brokers.split(',').map((broker) => broker.trim()) }),
      onProgress: (done, total, arm) => onProgress?.({ arm, replication: 0, done, total }),
    })
}
