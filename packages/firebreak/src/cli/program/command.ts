import type { Surroundings } from '../../node/process.ts'
import type { Arguments, OptionSpec } from './args.ts'
import type { ExitCode } from './exit.ts'
import type { Output } from './output.ts'
import type { Session } from './session.ts'

/** One command of the program. Inert data apart from `run`. */
export interface Command {
  /** As typed: `dlq list`. */
  readonly name: string
  /** One line for the overview, without a full stop. */
  readonly summary: string
  /** What stands behind the name: `<id...>`, or ''. */
  readonly operands: string
  readonly operandsMin: number
  readonly operandsMax: number
  readonly examples: readonly Example[]
  /** Beside those that every command has. */
  readonly options: Readonly<Record<string, OptionSpec>>
  readonly notes?: readonly string[]
  run(call: Call): Promise<ExitCode>
}

export interface Example {
  /** Behind `firebreak `. */
  readonly line: string
  readonly what: string
}

/** What a command gets when it runs. */
export interface Call {
  /** Without its ways out: what a command writes goes through `output`. */
  readonly io: Surroundings
  readonly args: Arguments
  readonly output: Output
  readonly session: Session
}
