import { errorMessage, FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import { visibleLine } from '../../contracts/text/visible.ts'
import type { Decision } from '../../runtime/operator/operator-deps.ts'
import { bulkOptions, sampleSize } from '../dlq/bulk.ts'
import type { OptionSpec } from '../program/args.ts'
import type { Call } from '../program/command.ts'
import { type ExitCode, exit, usageError } from '../program/exit.ts'
import { failureText } from '../program/output.ts'
import { ledgersOf } from '../program/pick-by-id.ts'
import {
  type BlockedPick,
  blockedByNumber,
  blockedEvents,
  blockedFilterOf,
  blockedPages,
  countOfBlocked,
  outboxFilterOptions,
} from './pick.ts'

const bulkMax = 10_000

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
  const chosen = isFiltered ? await byFilter(call) : await byNumbers(call)
  const isDry = args.flag('dry-run')
  const isBulk = isFiltered || chosen.count > 1
  if (!isBulk && chosen.sample[0]) refuseUnlessBlocked(chosen.sample[0], action.past)
  if (isBulk && !isDry && chosen.count > 0 && !args.flag('yes') && !(await agreed(call, chosen, action))) {
    output.note('Nothing was changed.')
    return io.signal.aborted ? exit.interrupted : exit.failed
  }
  const failed = await applyToEach(call, { chosen, isBulk, isDry }, action)
  if (io.signal.aborted) return exit.interrupted
  return failed > 0 ? exit.partial : exit.ok
}

/** What a change is about. */
interface Chosen {
  readonly count: number
  /** The first of them, to look at. */
  readonly sample: readonly BlockedPick[]
  each(): AsyncIterable<BlockedPick>
}

// All of them are looked up before one is touched: a mistyped number must not leave half of the work done.
async function byNumbers(call: Call): Promise<Chosen> {
  const picks: BlockedPick[] = []
  for (const number of new Set(call.args.operands)) picks.push(await blockedByNumber(call, number))
  return {
    count: picks.length,
    sample: picks.slice(0, sampleSize),
    async *each() {
      yield* picks
    },
  }
}

/** As many as there are now, page by page: what is refused meanwhile comes behind them. */
async function byFilter(call: Call): Promise<Chosen> {
  const [ledgers, filter] = [await ledgersOf(call), blockedFilterOf(call.args)]
  const total = await countOfBlocked(ledgers, filter)
  const count = Math.min(total, call.args.count('max') ?? bulkMax)
  const query = { ledgers, filter, after: undefined }
  const sample: BlockedPick[] = []
  for await (const page of blockedPages({ ...query, max: Math.min(count, sampleSize) })) sample.push(...page)
  return {
    count,
    sample,
    async *each() {
      for await (const page of blockedPages({ ...query, max: count })) yield* page
    },
  }
}

/** Throws as the change itself would, for those who only want to know. */
export function refuseUnlessBlocked({ event: { number, state } }: BlockedPick, action: string): void {
  if (state !== 'blocked') throw new FirebreakError('FB_BLOCKED_STATE', { number, state, action })
}

interface Failure {
  readonly number: number
  readonly code: string | null
  readonly message: string
}

/** Tells each as soon as it is done. **Shape** how many failed. */
async function applyToEach(
  { args, io, output }: Call,
  { chosen, isBulk, isDry }: { readonly chosen: Chosen; readonly isBulk: boolean; readonly isDry: boolean },
  action: OutboxAction,
): Promise<number> {
  const document = output.openList({ action: action.verb, dryRun: isDry }, isDry ? 'would' : 'done')
  const failures: Failure[] = []
  let [done, failed] = [0, 0]
  for await (const pick of chosen.each()) {
    if (io.signal.aborted) break
    const { number } = pick.event
    try {
      if (!isDry) await action.apply(pick, { by: args.text('by') ?? io.user, note: action.note })
    } catch (error) {
      if (!isBulk) throw error
      failed++
      const failure = { number, code: isFirebreakError(error) ? error.code : null, message: errorMessage(error) }
      if (output.json) failures.push(failure)
      else output.note(`failed   ${number}: ${failure.message}`)
      continue
    }
    done++
    if (output.json) document.add(number)
    else if (!isDry) output.line(`${action.past} ${number}`)
  }
  if (output.json) document.end({ failed: failures })
  else if (isDry) output.note(`Would ${action.verb} ${blockedEvents(done)}; nothing was changed.`)
  else if (done + failed !== 1) output.note(`${blockedEvents(done)} ${action.past}, ${failed} failed.`)
  return failed
}

async function agreed({ io, output }: Call, { sample, count }: Chosen, action: OutboxAction): Promise<boolean> {
  for (const { ledger, event } of sample)
    output.note(
      visibleLine(`  ${event.number}  ${ledger.service.name}  ${event.eventType ?? '?'}  ${failureText(event)}`),
    )
  if (count > sample.length) output.note(`  and ${count - sample.length} more`)
  if (!io.canAsk)
    throw usageError(
      `This would ${action.verb} ${blockedEvents(count)}; without a terminal to ask on, say --yes.`,
      'Look first with --dry-run. Nothing was changed.',
    )
  const answer = await output.ask(`${action.verb === 'retry' ? 'Retry' : 'Discard'} ${blockedEvents(count)}? [y/N] `)
  return /^y(es)?$/i.test(answer.trim())
}
