import { join } from 'node:path'
import { errorMessage, isFirebreakError } from '../contracts/errors.ts'
import { fieldOf, textOf } from '../contracts/text/text-of.ts'
import type { Io } from '../node/process.ts'
import { commands } from './commands.ts'
import { findLab, type LabCommands } from './lab.ts'
import { type Arguments, globalOptions, type OptionSpec, readArguments } from './program/args.ts'
import type { Command } from './program/command.ts'
import { CommandError, type ExitCode, exit, exitOf, usageError } from './program/exit.ts'
import { commandHelp, overview } from './program/help.ts'
import { loadConfig } from './program/load-config.ts'
import { type Output, outputOf } from './program/output.ts'
import { openSession } from './program/session.ts'
import { didYouMean } from './program/suggest.ts'

const shownMax = 16 * 1024

/** Runs one command line; never throws. */
export async function runCli(argv: readonly string[], io: Io): Promise<ExitCode> {
  const output = outputOf(io, { json: argv.includes('--json'), color: !argv.includes('--no-color') })
  try {
    const lab = needsLab(argv) ? await findLab(io, await ownVersion(io)) : { commands: [] }
    // Before the options are read: without the lab, nobody knows its own.
    if (lab.problem !== undefined && firstWord(argv) === 'lab') throw lab.problem
    return await dispatch(readArguments(argv, everyOption(lab)), { io, output, lab })
  } catch (error) {
    report(error, output)
    return exitOf(error)
  }
}

const nounsOf = (all: readonly Command[]): readonly string[] => [
  ...new Set(all.map(({ name }) => name.split(' ')[0] ?? '')),
]

const firstWord = (argv: readonly string[]): string | undefined =>
  argv.find((word, i) => !word.startsWith('-') && argv[i - 1] !== '--config')

// Reading it takes time that a command of this package does not need.
function needsLab(argv: readonly string[]): boolean {
  return !argv.includes('--version') && !nounsOf(commands).includes(firstWord(argv) ?? '')
}

async function ownVersion(io: Io): Promise<string> {
  const manifest: { readonly version: string } = JSON.parse(
    await io.readFile(join(import.meta.dirname, '../../package.json')),
  )
  return manifest.version
}

interface Program {
  readonly io: Io
  readonly output: Output
  readonly lab: LabCommands
}

async function dispatch(args: Arguments, { io, output, lab }: Program): Promise<ExitCode> {
  if (args.flag('version')) {
    const version = await ownVersion(io)
    if (output.json) output.document({ version })
    else output.line(version)
    return exit.ok
  }
  const words = args.operands[0] === 'help' ? args.operands.slice(1) : args.operands
  const wantsHelp = args.flag('help') || args.operands[0] === 'help'
  const command = commandOf(words, lab)
  const screen = { style: output.style, width: io.columns }
  if (typeof command === 'string') {
    const missing = lab.problem?.hint
    for (const parts of overview([...commands, ...lab.commands], { ...screen, noun: command, missing }))
      output.line(...parts)
    return exit.ok
  }
  if (wantsHelp) {
    for (const parts of commandHelp(command, screen)) output.line(...parts)
    return exit.ok
  }
  return run(command, args, { io, output })
}

async function run(command: Command, args: Arguments, at: { io: Io; output: Output }): Promise<ExitCode> {
  const own = { ...command.options, ...globalOptions }
  const foreign = args.names.find((name) => !Object.hasOwn(own, name))
  if (foreign !== undefined) {
    throw usageError(
      `"${command.name}" has no option --${foreign}.${didYouMean(foreign, Object.keys(own), '--')}`,
      helpLine(command),
    )
  }
  const operands = args.operands.slice(command.name.split(' ').length)
  if (operands.length < command.operandsMin) {
    throw usageError(`"${command.name}" needs ${command.operands}.`, helpLine(command))
  }
  if (operands.length > command.operandsMax) {
    throw usageError(`Unexpected argument "${operands[command.operandsMax]}".`, helpLine(command))
  }
  const session = openSession(at.io, () => loadConfig(at.io, args.text('config')))
  try {
    return await command.run({ ...at, args: { ...args, operands }, session })
  } finally {
    await session.close()
  }
}

const helpLine = (command: Command): string => `See: firebreak ${command.name} --help`

/** The command that the words begin with; a string is a noun that needs a verb behind it, '' no words at all. */
function commandOf(words: readonly string[], lab: LabCommands): Command | string {
  const [first = '', second] = words
  if (first === 'lab' && lab.problem !== undefined) throw lab.problem
  const all = [...commands, ...lab.commands]
  const found = all.find(({ name }) => name === `${first} ${second}`) ?? all.find(({ name }) => name === first)
  if (found !== undefined) return found
  const nouns = nounsOf(all)
  if (first === '' || (nouns.includes(first) && second === undefined)) return first
  if (!nouns.includes(first)) {
    // `replay` alone means `dlq replay`.
    const owner = all.find(({ name }) => name.endsWith(` ${first}`))?.name
    const meant = owner === undefined ? didYouMean(first, [...nouns, 'help']) : ` Did you mean "${owner}"?`
    throw usageError(`There is no command "${first}".${meant}`, 'See: firebreak help')
  }
  const verbs = all.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name.split(' ')[1] ?? '')
  const meant = didYouMean(second ?? '', verbs, `${first} `)
  throw usageError(`There is no command "${first} ${second}".${meant}`, `See: firebreak ${first} --help`)
}

// Before the command is known, any option of any command may stand on the line.
const everyOption = (lab: LabCommands): Readonly<Record<string, OptionSpec>> =>
  Object.assign({}, ...[...commands, ...lab.commands].map(({ options }) => options), globalOptions)

function report(error: unknown, output: Output): void {
  const hint = error instanceof CommandError ? error.hint : isFirebreakError(error) ? error.remedy : undefined
  if (output.json) {
    const code = isFirebreakError(error) ? error.code : null
    const candidates = error instanceof CommandError ? error.candidates : undefined
    const shown = { exit: exitOf(error), code, message: errorMessage(error), hint, candidates }
    output.note(JSON.stringify({ error: shown }))
    return
  }
  const isOurs = error instanceof CommandError || isFirebreakError(error)
  output.note(`firebreak: ${isOurs ? errorMessage(error) : textOf(fieldOf(error, 'stack') ?? error, shownMax)}`)
  if (hint !== undefined) output.note(hint)
}
