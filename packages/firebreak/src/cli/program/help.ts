import { globalOptions, type OptionSpec } from './args.ts'
import type { Command } from './command.ts'
import type { Style } from './paint.ts'
import { commandLines, type Lines, namedLines, type Pair } from './pairs.ts'
import { wrap } from './text-width.ts'

const pageMax = 100

/** What a page is written for. */
export interface Screen {
  readonly style: Style
  readonly width: number
}

/** The page of one command, examples first. */
export function commandHelp(command: Command, { style, width }: Screen): Lines {
  const page = Math.min(width, pageMax)
  const usage = ['firebreak', command.name, command.operands, '[options]'].filter((part) => part !== '').join(' ')
  return [
    ...titleLines(`firebreak ${command.name}`, command.summary, { style, width: page }),
    [],
    [style.bold('Examples')],
    ...commandLines(command.examples.map(exampleOf), page, style),
    [],
    [style.bold('Usage')],
    [`  ${usage}`],
    [],
    [style.bold('Options')],
    ...namedLines([...optionRows(command.options), ...optionRows(globalOptions)], page),
    [],
    ...(command.notes ?? []).flatMap((note) => [...noteLines(note, page), []]),
  ]
}

/** What an overview is about. */
interface Overview extends Screen {
  /** Only commands that begin with it; '' for all. */
  readonly noun: string
  /** How to get the lab, where it is not installed. */
  readonly missing: string | undefined
}

/** The overview of all commands, or of those that begin with a noun. */
export function overview(commands: readonly Command[], { style, width, noun, missing }: Overview): Lines {
  const page = Math.min(width, pageMax)
  const shown = commands.filter(({ name }) => noun === '' || name.startsWith(`${noun} `))
  const names = shown.map(({ name, summary }): Pair => [name, summary])
  if (noun === '' && missing !== undefined) names.push(['lab', `scenarios under load. ${missing}`])
  return [
    ...titleLines(noun === '' ? 'firebreak' : `firebreak ${noun}`, aboutOf(noun), { style, width: page }),
    [],
    [style.bold('Examples')],
    ...commandLines(shown.flatMap(({ examples }) => examples.slice(0, 1)).map(exampleOf), page, style),
    [],
    [style.bold('Commands')],
    ...namedLines(names, page),
    [],
    [style.bold('Options')],
    ...namedLines(optionRows(globalOptions), page),
    [],
    [style.bold('Exit codes')],
    ...namedLines(exitRows, page),
    [],
    ['More about a command: firebreak <command> --help'],
  ]
}

const about: Readonly<Record<string, string>> = {
  '': 'inspect and operate event-driven services, safely while they run',
  dlq: 'dead letters, which failed for good and wait for a decision',
  jobs: 'work that a service was asked to do, and how it ended',
  outbox: 'events that the log refuses, which wait for a decision',
  schedules: 'jobs that a service enqueues by the clock',
  lab: 'scenarios under load, simulated or run',
}
const aboutOf = (noun: string): string => about[noun] ?? `commands that begin with ${noun}`

function titleLines(name: string, what: string, { style, width }: Screen): Lines {
  const [first = '', ...rest] = wrap(`${name}: ${what}`, width)
  return [[style.bold(name), first.slice(name.length)], ...rest.map((text) => [text])]
}

const exampleOf = ({ line, what }: Command['examples'][number]): Pair => [`firebreak ${line}`, what]

/** A note keeps its own lines where they fit. */
function noteLines(note: string, width: number): Lines {
  const lines = note.split('\n')
  const fitting = lines.every((line) => line.length <= width) ? lines : wrap(lines.join(' '), width)
  return fitting.map((text) => [text])
}

const exitRows: readonly Pair[] = [
  ['0', 'done'],
  ['1', 'failed, "verify" found an imbalance, "topics --plan" something to do, or the output cannot be written'],
  ['2', 'wrong usage; nothing was done'],
  ['3', 'not found'],
  ['4', 'somebody else was first, or the state or the contract does not allow it'],
  ['5', 'many were asked for and some failed'],
  ['130', 'stopped with Ctrl-C'],
]

function optionRows(options: Readonly<Record<string, OptionSpec>>): Pair[] {
  return Object.entries(options).map(([name, spec]) => {
    const short = spec.short === undefined ? '' : `-${spec.short}, `
    const value = spec.value === undefined ? '' : ` <${spec.value}>`
    return [`${short}--${name}${value}`, spec.many === true ? `${spec.help}; may be repeated` : spec.help]
  })
}
