import { type Call, type Command, counted, type ExitCode, exit } from 'firebreak/internal'
import type { LabResult } from '../model/result.ts'
import type { Scenario } from '../model/scenario.ts'
import { writeOut } from './files.ts'
import { failedChecks, formatOf } from './out.ts'
import { cancellable, progressLine } from './progress.ts'
import { armsOf, scenarioOf, scenarioOptions, scenarioText } from './scenario.ts'
import { type LabTools, runnerOf } from './tools.ts'

const formats = ['.html', '.json', '.txt'] as const

/** `firebreak lab run`: a scenario once, with a report. */
export const labRun = (tools: LabTools): Command => ({
  name: 'lab run',
  summary: 'simulate a scenario: its arms beside each other, and whether its claims hold',
  operands: '<file>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [
    { line: 'lab run seed-004', what: 'a scenario that comes with the package' },
    { line: 'lab run shop.yaml --arms direct,queue --replications 10', what: 'two arms, with intervals' },
    { line: 'lab run shop.yaml --out report.html', what: 'a report with plots' },
    { line: 'lab run shop.yaml --mode real', what: 'the same with real processes, in real time' },
  ],
  options: {
    ...scenarioOptions,
    mode: { value: 'mode', help: 'sim: virtual time, the default; real: processes' },
    kafka: { value: 'brokers', help: 'real mode: queues on Kafka, host:port,…' },
    out: { value: 'file', help: 'write the result to a file too: .html, .json or .txt' },
  },
  notes: [
    'The file is a path, - for the standard input, or the name of a scenario in ./scenarios or of the\npackage. Exit code 1: a claim under "expect" does not hold, or a self-check failed.',
    'The same file and seed give the same result, on every machine.',
  ],
  async run(call) {
    const { io, args, output } = call
    const out = args.text('out')
    const format = formatOf(out, formats)
    const runner = runnerOf(args, tools)
    const scenario = await scenarioOf(await scenarioText(io, args.operands[0] ?? ''), args)
    const arms = armsOf(args, scenario)
    const line = progressLine(output)
    const result = await cancellable(io, line, () =>
      runner(scenario, { signal: io.signal, onProgress: line.show, ...(arms !== undefined && { arms }) }),
    )
    if (output.json) output.document(result)
    else for (const text of tools.reportLines(result, Math.min(io.columns, widthMax))) output.line(text)
    if (out !== undefined && format !== undefined) {
      await writeOut(io, out, await written(format, { scenario, result, tools }))
      output.note(`Wrote ${out}.`)
    }
    return verdictOf(call, result)
  },
})

// Longer lines are hard to read, on a wide terminal too.
const widthMax = 120

interface Outcome {
  readonly scenario: Scenario
  readonly result: LabResult
  readonly tools: LabTools
}

async function written(format: (typeof formats)[number], { scenario, result, tools }: Outcome): Promise<string> {
  switch (format) {
    case '.html':
      return tools.reportHtml(scenario, result)
    case '.json':
      return `${JSON.stringify(result, null, 2)}\n`
    case '.txt':
      return `${tools.reportLines(result, widthMax).join('\n')}\n`
  }
}

function verdictOf({ output }: Call, result: LabResult): ExitCode {
  const wrong = result.expect.filter(({ holds }) => !holds)
  const broken = failedChecks(result)
  for (const name of broken)
    output.note(`The self-check "${name}" failed. That is a fault of the lab: do not trust this run.`)
  if (wrong.length > 0) output.note(`${wrong.length} of ${counted(result.expect.length, 'claim')} did not hold.`)
  return wrong.length + broken.length > 0 ? exit.failed : exit.ok
}
