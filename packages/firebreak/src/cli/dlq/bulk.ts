import { errorMessage, isFirebreakError } from '../../contracts/errors.ts'
import { visibleLine } from '../../contracts/text/visible.ts'
import type { Decision } from '../../runtime/operator/operator-deps.ts'
import { isStranded } from '../../runtime/operator/record-letters.ts'
import type { OptionSpec } from '../program/args.ts'
import type { Call } from '../program/command.ts'
import { type ExitCode, exit, usageError } from '../program/exit.ts'
import { failureText } from '../program/output.ts'
import { letters, type Pick, refuseUnlessOpen, subjectOf } from './letter-pick.ts'

/** What is done to each of many letters. */
export interface BulkAction {
  readonly verb: 'replay' | 'discard'
  readonly past: 'replayed' | 'discarded'
  readonly note: string
  apply(pick: Pick, decision: Decision): Promise<void>
}

/** What a change is about. */
export interface Chosen {
  readonly count: number
  /** The first of them, to look at. */
  readonly sample: readonly Pick[]
  /** They were not named one by one, so nobody may have looked at them. */
  readonly byFilter: boolean
  /** In the order of the log, as they are when it is their turn. */
  each(): AsyncIterable<Pick>
}

export const changeOptions: Readonly<Record<string, OptionSpec>> = {
  by: { value: 'name', help: 'who decides; default your user name' },
  'dry-run': { help: 'say what would happen, change nothing' },
}

export const bulkOptions: Readonly<Record<string, OptionSpec>> = {
  ...changeOptions,
  yes: { short: 'y', help: 'do not ask' },
}

/** How many of them are shown before somebody is asked. */
export const sampleSize = 5

interface Failure {
  readonly id: string
  readonly code: string | null
  readonly message: string
}

/** Does it, after asking where many are concerned. One letter alone ends with its own error. */
export async function runBulk(call: Call, chosen: Chosen, action: BulkAction): Promise<ExitCode> {
  const { args, output, io } = call
  const isBulk = chosen.byFilter || chosen.count > 1
  if (args.flag('dry-run')) return rehearse(call, chosen, action)
  if (isBulk && !args.flag('yes') && !(await agreed(call, chosen, action))) {
    output.note('Nothing was changed.')
    return io.signal.aborted ? exit.interrupted : exit.failed
  }
  const failed = await applyToEach(call, { chosen, isBulk }, action)
  if (io.signal.aborted) return exit.interrupted
  return failed > 0 ? exit.partial : exit.ok
}

/** Tells each as soon as it is done. **Shape** how many failed. */
async function applyToEach(
  { io, args, output }: Call,
  { chosen, isBulk }: { readonly chosen: Chosen; readonly isBulk: boolean },
  action: BulkAction,
): Promise<number> {
  const document = output.openList({ action: action.verb, dryRun: false, matched: chosen.count }, 'done')
  // Of those that failed only the reason is kept, and only where it is told at the end.
  const failures: Failure[] = []
  let [done, failed, first]: [number, number, string | undefined] = [0, 0, undefined]
  for await (const pick of chosen.each()) {
    if (io.signal.aborted) break
    const { id } = pick.letter
    try {
      await action.apply(pick, { by: args.text('by') ?? io.user, note: action.note })
    } catch (error) {
      if (!isBulk) throw error
      failed++
      const failure = { id, code: isFirebreakError(error) ? error.code : null, message: errorMessage(error) }
      if (output.json) failures.push(failure)
      else output.note(`failed   ${id}: ${failure.message}`)
      continue
    }
    done++
    first ??= id
    if (output.json) document.add(id)
    else output.line(`${action.past} ${id}`)
  }
  if (output.json) document.end({ failed: failures })
  else {
    if (chosen.count > 1) output.note(`${letters(done)} ${action.past}, ${failed} failed, of ${chosen.count}.`)
    if (first && action.verb === 'replay') output.note(`Its outcome: firebreak dlq show ${first}`)
  }
  return failed
}

async function rehearse({ output }: Call, { each, count }: Chosen, action: BulkAction): Promise<ExitCode> {
  const document = output.openList({ action: action.verb, dryRun: true, matched: count }, 'would')
  const refused: string[] = []
  const sample: Pick[] = []
  let ready = 0
  for await (const pick of each()) {
    const isReady =
      pick.letter.state === 'open' || (action.verb === 'discard' && isStranded(pick.ledger.service, pick.letter))
    if (count === 1 && !isReady) refuseUnlessOpen(pick.letter, action.past)
    if (!isReady) {
      refused.push(pick.letter.id)
      continue
    }
    if (ready++ < sampleSize) sample.push(pick)
    if (output.json) document.add(pick.letter.id)
  }
  if (output.json) document.end({ refused })
  else {
    showSample(output.line, sample, ready)
    output.note(`Would ${action.verb} ${letters(ready)}; nothing was changed.`)
  }
  return exit.ok
}

async function agreed({ io, output }: Call, { sample, count }: Chosen, action: BulkAction): Promise<boolean> {
  showSample(output.note, sample, count)
  if (!io.canAsk) {
    throw usageError(
      `This would ${action.verb} ${letters(count)}; without a terminal to ask on, say --yes.`,
      'Look first with --dry-run. Nothing was changed.',
    )
  }
  const answer = await output.ask(`${action.verb === 'replay' ? 'Replay' : 'Discard'} ${letters(count)}? [y/N] `)
  return /^y(es)?$/i.test(answer.trim())
}

function showSample(write: (text: string) => void, sample: readonly Pick[], count: number): void {
  for (const { ledger, letter } of sample)
    write(visibleLine(`  ${letter.id}  ${ledger.service.name}  ${subjectOf(letter)}  ${failureText(letter)}`))
  if (count > sample.length) write(`  and ${count - sample.length} more`)
}
