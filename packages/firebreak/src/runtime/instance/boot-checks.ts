import { sleep } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { strangersIn, strangersInWords } from '../../contracts/group-ledger.ts'
import type { GroupMember } from '../../contracts/log.ts'
import { optionProblems } from '../../contracts/option.ts'
import type { Instance } from './instance.ts'
import { type Limits, limitOptions } from './limits.ts'
import { type RuntimeOptions, runtimeOptions, startProblems } from './runtime-options.ts'

/** Everything that is wrong with a set-up, in words, so that it is fixed in one go. */
export function bootProblems(options: RuntimeOptions, limits: Limits): readonly string[] {
  const problems: string[] = []
  const { service, database, log, caller } = options
  if (service.needsDatabase && database === undefined) {
    problems.push(`${service.name} has handlers, so it needs a database: pass one to createRuntime`)
  }
  if (service.calls.size > 0 && caller === undefined) {
    problems.push(`${service.name} declares calls, so it needs a caller: pass createCaller({ … }) to createRuntime`)
  }
  problems.push(...(caller?.dependencies.problems(service.calls) ?? []))
  problems.push(
    ...optionProblems(runtimeOptions, options),
    ...startProblems(options.startFrom),
    ...optionProblems(limitOptions, options.limits, 'limits.'),
  )
  // What is no number is among the problems, and cannot be compared.
  const { payloadBytesMax, recordsMax, handlersMax } = limits
  if (typeof payloadBytesMax === 'number' && payloadBytesMax > log.capabilities.recordBytesMax) {
    problems.push(
      `limits.payloadBytesMax ${payloadBytesMax} is above what ${log.capabilities.name} takes: ${log.capabilities.recordBytesMax}`,
    )
  }
  if (typeof recordsMax === 'number' && typeof handlersMax === 'number' && handlersMax > recordsMax) {
    problems.push(`handlersMax ${handlersMax} of ${service.name} is above limits.recordsMax ${recordsMax}`)
  }
  return problems
}

// The log notices only after a while that the member before us has died.
const othersMaxMs = 30_000
const lookEveryMs = 500

/** Which members may not be in the group, and why, in words; undefined: all may. */
type MemberCheck = (members: readonly GroupMember[]) => string | undefined

/**
 * Members of a group share one ledger: with one of its own, each would keep an inbox of its own, and what moves from one to the
 * other would take effect twice. A database that is not shared cannot know of a second machine at all.
 */
function memberCheckOf({ service, database, log, ledger }: Surroundings, self: number): MemberCheck {
  const shared = database.capabilities.shared || !log.capabilities.multiMachine
  return (members) => {
    if (!shared && members.length > self)
      return `${service.name} has ${members.length} members, and a database that they cannot share: use PostgreSQL, or run one instance`
    const { length } = strangersIn(members, ledger.id)
    return length === 0 ? undefined : strangersInWords(service.name, length)
  }
}

type Surroundings = Pick<Instance, 'log' | 'service' | 'database' | 'ledger'>

/** **Errors** `FB_CONFIG` when the group keeps having members that it must not have beside this one. */
export async function waitForOtherMembers(instance: Surroundings & Pick<Instance, 'clock' | 'emit'>): Promise<void> {
  const { log, service, clock } = instance
  if (service.topics.length === 0) return
  const problemsOf = memberCheckOf(instance, 0)
  const untilMs = clock.monotonic() + othersMaxMs
  for (let looks = 1; ; looks++) {
    const problems = problemsOf(await log.inspect().members(service.name))
    if (problems === undefined) return
    const error = new FirebreakError('FB_CONFIG', { problems })
    if (looks === 1) instance.emit({ kind: 'infrastructure-error', where: 'log', error })
    if (clock.monotonic() >= untilMs) throw error
    await sleep(clock, lookEveryMs)
  }
}

/** Partitions have come or gone: where others must not be in the group, it is the end. **Errors** `FB_CONFIG`. */
export async function assertMembers(instance: Surroundings): Promise<void> {
  const problems = memberCheckOf(instance, 1)(await instance.log.inspect().members(instance.service.name))
  if (problems !== undefined) throw new FirebreakError('FB_CONFIG', { problems })
}
