import { type Call, type Command, counted, exit } from 'firebreak/internal'
import { readScenario } from '../file/read-scenario.ts'
import { type ScenarioFile, scenarioFiles, shownPath } from './files.ts'
import { scenarioText } from './scenario.ts'

/** `firebreak lab list`: the scenarios that there are, and what each shows. */
export const labList: Command = {
  name: 'lab list',
  summary: 'the scenarios in ./scenarios and those that come with the package',
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  examples: [{ line: 'lab list', what: 'names for "lab run", and what each shows' }],
  options: {},
  async run(call) {
    const { io, output } = call
    const entries = await Promise.all((await scenarioFiles(io)).map((file) => entryOf(call, file)))
    if (output.json) {
      output.document({ scenarios: entries })
      return exit.ok
    }
    if (entries.length > 0)
      output.table(
        [{ title: 'NAME', paint: output.style.cyan }, { title: 'ARMS' }, { title: 'SHOWS', flexible: true }],
        entries.map(({ name, arms, shows }) => [name, arms === null ? '-' : String(arms.length), shows]),
      )
    output.note(entries.length === 0 ? 'There are no scenarios in ./scenarios.' : 'Run one: firebreak lab run <name>')
    return exit.ok
  },
}

interface ListEntry {
  readonly name: string
  readonly file: string
  readonly isShipped: boolean
  /** Names; null for a file that cannot be read. */
  readonly arms: readonly string[] | null
  readonly shows: string
}

async function entryOf({ io }: Call, { name, path, isShipped }: ScenarioFile): Promise<ListEntry> {
  const { text, format } = await scenarioText(io, path)
  const { scenario, problems } = await readScenario(text, { name, format })
  const shows = scenario?.description ?? `${counted(problems.length, 'problem')}: firebreak lab validate ${name}`
  const arms = scenario?.arms.map((arm) => arm.name) ?? null
  return { name, file: shownPath(io, path), isShipped, arms, shows }
}
