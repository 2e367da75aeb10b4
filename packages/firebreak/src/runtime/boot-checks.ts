import type { Database } from '../contracts/database.ts'
import type { Log } from '../contracts/log.ts'
import type { ServiceDefinition } from '../define/service.ts'
import type { Limits } from './engine.ts'

interface SetUp {
  readonly service: ServiceDefinition
  readonly log: Log
  readonly database?: Database
}

/** Everything that is wrong with a set-up, in words, so that it is mended in one go. */
export function bootProblems(options: SetUp, limits: Limits): readonly string[] {
  const problems: string[] = []
  const { service, database, log } = options
  if (service.handlers.size > 0 && database === undefined) {
    problems.push(`${service.name} has handlers, so it needs a database: pass one to createRuntime`)
  }
  for (const [name, value] of Object.entries(limits)) {
    const least = name === 'drainMs' ? 0 : 1
    if (!(typeof value === 'number' && value >= least))
      problems.push(`limits.${name} must be ${least} or more, not ${value}`)
  }
  if (limits.payloadBytesMax > log.capabilities.recordBytesMax) {
    problems.push(
      `limits.payloadBytesMax ${limits.payloadBytesMax} is above what ${log.capabilities.name} takes: ${log.capabilities.recordBytesMax}`,
    )
  }
  if (service.handlersMax > limits.recordsMax) {
    problems.push(
      `handlersMax ${service.handlersMax} of ${service.name} is above limits.recordsMax ${limits.recordsMax}`,
    )
  }
  return problems
}
