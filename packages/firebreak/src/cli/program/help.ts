import { globalOptions, type OptionSpec } from './args.ts'
import type { Command } from './command.ts'
import type { Part, Style } from './output.ts'

const pageWidth = 100

/** The lines of a page, each in its parts. */
type Page = readonly (readonly Part[])[]

/** The page of one command, examples first. */
export function commandHelp(command: Command, style: Style): Page {
  const usage = ['firebreak', command.name, command.operands, '[options]'].filter((part) => part !== '').join(' ')
  return [
    [style.bold(`firebreak ${command.name}`), `: ${command.summary}`],
    [],
    ...section(
      'Examples',
      command.examples.map(({ line, what }) => [`firebreak ${line}`, what]),
      style,
    ),
    [style.bold('Usage')],
    [`  ${usage}`],
    [],
    ...section('Options', [...optionRows(command.options), ...optionRows(globalOptions)], style),
    ...(command.notes ?? []).flatMap((note) => [...note.split('\n').map((text) => [text]), []]),
  ]
}

/** What an overview is about. */
interface Overview {
  readonly style: Style
  /** Only commands that begin with it; '' for all. */
  readonly noun: string
  /** How to get the lab, where it is not installed. */
  readonly missing: string | undefined
}

/** The overview of all commands, or of those that begin with a noun. */
export function overview(commands: readonly Command[], { style, noun, missing }: Overview): Page {
  const shown = commands.filter(({ name }) => noun === '' || name.startsWith(`${noun} `))
  return [
    [
      style.bold(noun === '' ? 'firebreak' : `firebreak ${noun}`),
      `: ${noun === '' ? 'look after event-driven services, beside the running ones' : `commands of "${noun}"`}`,
    ],
    [],
    ...section('Examples', examplesOf(shown), style),
    ...section(
      'Commands',
      [
        ...shown.map(({ name, summary }): [string, string] => [name, summary]),
        ...(noun === '' && missing !== undefined ? [['lab', `scenarios under load. ${missing}`] as const] : []),
      ],
      style,
    ),
    ...section('Options', optionRows(globalOptions), style),
    ...section('Exit codes', exitRows, style),
    ['More about a command: firebreak <command> --help'],
  ]
}

const examplesOf = (commands: readonly Command[]): [string, string][] =>
  commands.flatMap(({ examples }) => examples.slice(0, 1)).map(({ line, what }) => [`firebreak ${line}`, what])

const exitRows: readonly [string, string][] = [
  ['0', 'done'],
  ['1', 'failed, "verify" found an imbalance, "topics --plan" something to do, or the output cannot be written'],
  ['2', 'wrong usage; nothing was done'],
  ['3', 'not found'],
  ['4', 'somebody else was first, or the state or the contract does not allow it'],
  ['5', 'many were asked for and some failed'],
  ['130', 'stopped with Ctrl-C'],
]

function optionRows(options: Readonly<Record<string, OptionSpec>>): [string, string][] {
  return Object.entries(options).map(([name, spec]) => {
    const short = spec.short === undefined ? '' : `-${spec.short}, `
    const value = spec.value === undefined ? '' : ` <${spec.value}>`
    return [`${short}--${name}${value}`, spec.many === true ? `${spec.help}; may be repeated` : spec.help]
  })
}

function section(title: string, rows: readonly (readonly [string, string])[], style: Style): Page {
  if (rows.length === 0) return []
  const width = Math.max(...rows.map(([left]) => left.length))
  const isWide = rows.some(([, right]) => width + right.length + 4 > pageWidth)
  if (title === 'Examples' && isWide) {
    return [[style.bold(title)], ...rows.flatMap(([left, right]) => [[`  ${left}`], ['      ', style.dim(right)]]), []]
  }
  return [[style.bold(title)], ...rows.map(([left, right]) => [`  ${left.padEnd(width)}  ${right}`.trimEnd()]), []]
}
