import { sleep } from '../contracts/clock.ts'
import type { Database } from '../contracts/database.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { Log } from '../contracts/log.ts'
import type { ServiceDefinition } from '../define/service.ts'
import type { Caller } from './caller.ts'
import type { Engine, Limits } from './engine.ts'

interface SetUp {
  readonly service: ServiceDefinition
  readonly log: Log
  readonly database?: Database
  readonly caller?: Caller | undefined
}

/** Everything that is wrong with a set-up, in words, so that it is mended in one go. */
export function bootProblems(options: SetUp, limits: Limits): readonly string[] {
  const problems: string[] = []
  const { service, database, log, caller } = options
  if (service.handlers.size > 0 && database === undefined) {
    problems.push(`${service.name} has handlers, so it needs a database: pass one to createRuntime`)
  }
  if (service.calls.size > 0 && caller === undefined) {
    problems.push(`${service.name} declares calls, so it needs a caller: pass createCaller({ … }) to createRuntime`)
  }
  problems.push(...(caller?.dependencies.problems(service.calls) ?? []))
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

// The log notices only after a while that the member before us has died.
const companyMaxMs = 30_000
const lookEveryMs = 500

/**
 * Members of a group can run on several machines, a database that is not shared cannot: each would keep an inbox of its own,
 * and what moves from one to the other would take effect twice.
 */
export function mustBeAlone({ service, database, log }: SetUp): boolean {
  const shared = database?.capabilities.shared ?? true
  return !shared && log.capabilities.multiMachine && service.topics.length > 0
}

/** **Errors** `FB_CONFIG` when the group keeps having members. */
export async function waitUntilAlone(engine: Pick<Engine, 'log' | 'service' | 'clock' | 'tell'>): Promise<void> {
  const { log, service, clock } = engine
  const untilMs = clock.now() + companyMaxMs
  for (let looks = 1; ; looks++) {
    const members = await log.inspect().members(service.name)
    if (members.length === 0) return
    const error = company(service.name, members)
    if (looks === 1) engine.tell?.({ kind: 'trouble', where: 'log', error })
    if (clock.now() >= untilMs) throw error
    await sleep(clock, lookEveryMs)
  }
}

/** Partitions have come or gone: where others must not be in the group, it is the end. **Errors** `FB_CONFIG`. */
export async function refuseCompany(setUp: SetUp): Promise<void> {
  if (!mustBeAlone(setUp)) return
  const members = await setUp.log.inspect().members(setUp.service.name)
  if (members.length > 1) throw company(setUp.service.name, members)
}

function company(group: string, members: readonly string[]): FirebreakError {
  const problems = `${group} has ${members.length} members, and a database that they cannot share: use PostgreSQL, or run one instance`
  return new FirebreakError('FB_CONFIG', { problems })
}
