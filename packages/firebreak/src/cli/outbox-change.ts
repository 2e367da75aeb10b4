import { errorMessage, FirebreakError, isFirebreakError } from '../contracts/errors.ts'
import type { Decision } from '../runtime/letter-desk.ts'
import type { OptionSpec } from './args.ts'
import { bulkOptions } from './bulk.ts'
import type { Call } from './command.ts'
import { type ExitCode, exit, usageError } from './exit.ts'
import {
  type BlockedPick,
  blockedByFilter,
  blockedByNumber,
  blockedEvents,
  outboxFilterOptions,
} from './outbox-pick.ts'

const bulkMax = 10_000
const sampleSize = 5

/** What is done to each of many blocked events. */
export interface OutboxAction {
  readonly verb: 'retry' | 'discard'
  readonly past: 'retried' | 'discarded'
  readonly note: string
  apply(pick: BlockedPick, decision: Decision): Promise<void>
}

export const outboxChangeOptions: Readonly<Record<string, OptionSpec>> = {
  ...outboxFilterOptions,
  all: { help: 'every blocked event that the filters leave' },
  max: { value: 'n', help: `at most so many, the oldest; default ${bulkMax}` },
  ...bulkOptions,
}

/** Applies `action` to those that the command line names, after asking where they are many. */
export async function changeBlocked(call: Call, action: OutboxAction): Promise<ExitCode> {
  const { args, output, io } = call
  const isFiltered = args.flag('all')
  if (args.operands.length > 0 === isFiltered)
    throw usageError(
      isFiltered ? 'Name numbers or --all, not both.' : `Say which ones to ${action.verb}: numbers, or --all.`,
      `See: firebreak outbox ${action.verb} --help`,
    )
  const picks = isFiltered
    ? (await blockedByFilter(call, args.count('max') ?? bulkMax)).picks
    : await byNumbers(call, args.operands)
  const isDry = args.flag('dry-run')
  const isBulk = isFiltered || picks.length > 1
  if (!isBulk && picks[0]) refuseUnlessBlocked(picks[0], action.past)
  if (isBulk && !isDry && picks.length > 0 && !args.flag('yes') && !(await agreed(call, picks, action))) {
    output.note('Nothing was changed.')
    return io.signal.aborted ? exit.interrupted : exit.failed
  }
  const result = isDry ? { done: picks, failed: [] } : await applyAll(call, { picks, isBulk }, action)
  report(call, { ...result, isDry }, action)
  if (io.signal.aborted) return exit.interrupted
  return result.failed.length > 0 ? exit.partial : exit.ok
}

interface Failure {
  readonly pick: BlockedPick
  readonly error: unknown
}

interface Result {
  readonly done: readonly BlockedPick[]
  readonly failed: readonly Failure[]
}

// All of them are looked up before one is touched: a mistyped number must not leave half of the work done.
async function byNumbers(call: Call, typed: readonly string[]): Promise<readonly BlockedPick[]> {
  const picks: BlockedPick[] = []
  for (const number of new Set(typed)) picks.push(await blockedByNumber(call, number))
  return picks
}

/** Throws as the desk would, for those who only want to know. */
export function refuseUnlessBlocked({ event: { number, state } }: BlockedPick, action: string): void {
  if (state !== 'blocked') throw new FirebreakError('FB_BLOCKED_STATE', { number, state, action })
}

async function applyAll(
  { args, io }: Call,
  { picks, isBulk }: { picks: readonly BlockedPick[]; isBulk: boolean },
  action: OutboxAction,
): Promise<Result> {
  const done: BlockedPick[] = []
  const failed: Failure[] = []
  for (const pick of picks) {
    if (io.signal.aborted) break
    try {
      await action.apply(pick, { by: args.text('by') ?? io.user, note: action.note })
      done.push(pick)
    } catch (error) {
      if (!isBulk) throw error
      failed.push({ pick, error })
    }
  }
  return { done, failed }
}

async function agreed({ io, output }: Call, picks: readonly BlockedPick[], action: OutboxAction): Promise<boolean> {
  for (const { ledger, event } of picks.slice(0, sampleSize))
    output.note(`  ${event.number}  ${ledger.service.name}  ${event.eventType ?? '?'}  ${event.errorClass}`)
  if (picks.length > sampleSize) output.note(`  and ${picks.length - sampleSize} more`)
  if (!io.canAsk)
    throw usageError(
      `This would ${action.verb} ${blockedEvents(picks.length)}; without a terminal to ask on, say --yes.`,
      'Look first with --dry-run. Nothing was changed.',
    )
  const answer = await output.ask(
    `${action.verb === 'retry' ? 'Retry' : 'Discard'} ${blockedEvents(picks.length)}? [y/N] `,
  )
  return /^y(es)?$/i.test(answer.trim())
}

function report({ output }: Call, { done, failed, isDry }: Result & { isDry: boolean }, action: OutboxAction): void {
  const numbers = done.map(({ event }) => event.number)
  if (output.json) {
    const failures = failed.map(({ pick, error }) => ({
      number: pick.event.number,
      code: isFirebreakError(error) ? error.code : null,
      message: errorMessage(error),
    }))
    const about = { action: action.verb, dryRun: isDry }
    output.document({ ...about, [isDry ? 'would' : 'done']: numbers, failed: failures })
    return
  }
  if (isDry) {
    output.note(`Would ${action.verb} ${blockedEvents(numbers.length)}; nothing was changed.`)
    return
  }
  for (const number of numbers) output.line(`${action.past} ${number}`)
  for (const { pick, error } of failed) output.note(`failed   ${pick.event.number}: ${errorMessage(error)}`)
  if (numbers.length + failed.length !== 1)
    output.note(`${blockedEvents(numbers.length)} ${action.past}, ${failed.length} failed.`)
}
