import { type Command, counted, exit } from 'firebreak/internal'
import { readScenario } from '../file/read-scenario.ts'
import type { Scenario } from '../model/scenario.ts'
import { problemLines, scenarioText } from './scenario.ts'

const filesMax = 1000

/** `firebreak lab validate`: everything that is wrong with scenario files. */
export const labValidate: Command = {
  name: 'lab validate',
  summary: 'read scenario files and say everything that is wrong with them',
  operands: '<file...>',
  operandsMin: 1,
  operandsMax: filesMax,
  examples: [
    { line: 'lab validate shop.yaml', what: 'every mistake, each with its line' },
    { line: 'lab validate scenarios/*.yaml --json', what: 'many, for a build' },
  ],
  options: {},
  notes: [
    'Exit code 1 when there is a mistake. Editors complete the format with the schema:\n# yaml-language-server: $schema=<docs/lab.schema.json>',
  ],
  async run({ io, args, output }) {
    const documents: unknown[] = []
    let ok = true
    for (const operand of args.operands) {
      const { path, name, text, format } = await scenarioText(io, operand)
      const { scenario, problems } = await readScenario(text, { name, format })
      ok &&= scenario !== undefined
      documents.push({ file: path, ok: scenario !== undefined, problems })
      if (output.json) continue
      for (const line of problemLines(path, problems)) output.line(line)
      if (scenario === undefined) output.note(`${path}: ${counted(problems.length, 'problem')}.`)
      else output.line(`${path}: ${sizesOf(scenario)}`)
    }
    if (output.json) output.document({ ok, files: documents })
    return ok ? exit.ok : exit.failed
  },
}

function sizesOf({ arms, expect }: Scenario): string {
  const services = new Set(arms.flatMap((arm) => arm.services.map(({ name }) => name)))
  return `sound, ${counted(arms.length, 'arm')}, ${counted(services.size, 'service')}, ${counted(expect.length, 'claim')}`
}
