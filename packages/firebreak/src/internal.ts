/**
 * For packages of the same version, as `@firebreak/lab` is one. Nothing here keeps its name or its shape between two versions, so
 * such a package names the exact version of firebreak as its peer; everybody else imports the other entries.
 */
import './node/supported-node.ts'

export type { Arguments, OptionSpec } from './cli/program/args.ts'
export type { Call, Command } from './cli/program/command.ts'
export { CommandError, type ExitCode, exit, usageError } from './cli/program/exit.ts'
export { counted, type Output } from './cli/program/output.ts'
export { didYouMean } from './cli/program/suggest.ts'
export { sleep } from './contracts/clock.ts'
export { errorMessage, FirebreakError } from './contracts/errors.ts'
export { nearestName } from './contracts/text/nearest-name.ts'
export { systemClock } from './node/clock.ts'
export { systemEntropy } from './node/entropy.ts'
export type { Io, Surroundings } from './node/process.ts'
export { nextTurn } from './node/turn.ts'
export type { Attempt, AttemptFailure, Caller, CallFailure } from './policy/attempt.ts'
export { type Backoff, backoffMs } from './policy/definition/backoff.ts'
export { policyDefaults, policyProblems, withDefaults } from './policy/definition/policy.ts'
export { Executor } from './policy/executor.ts'
export { ServerQueue } from './policy/server-queue.ts'
