import { errorMessage, isFirebreakError } from '../contracts/errors.ts'
import type { Decision } from '../runtime/letter-desk.ts'
import type { OptionSpec } from './args.ts'
import type { Call } from './command.ts'
import { type ExitCode, exit, usageError } from './exit.ts'
import { letters, type Pick, refuseUnlessOpen } from './letter-pick.ts'

/** What is done to each of many letters. */
export interface BulkAction {
  readonly verb: 'replay' | 'discard'
  readonly past: 'replayed' | 'discarded'
  readonly note: string
  apply(pick: Pick, decision: Decision): Promise<void>
}

export interface Chosen {
  readonly picks: readonly Pick[]
  /** They were not named one by one, so nobody may have looked at them. */
  readonly byFilter: boolean
}

export const changeOptions: Readonly<Record<string, OptionSpec>> = {
  by: { value: 'name', help: 'who decides; default your user name' },
  'dry-run': { help: 'say what would happen, change nothing' },
}

export const bulkOptions: Readonly<Record<string, OptionSpec>> = {
  ...changeOptions,
  yes: { short: 'y', help: 'do not ask' },
}

const sampleSize = 5

interface Failure {
  readonly pick: Pick
  readonly error: unknown
}

/** Does it, after asking where many are concerned. One letter alone ends with its own error. */
export async function runBulk(call: Call, chosen: Chosen, action: BulkAction): Promise<ExitCode> {
  const { args, output } = call
  const isBulk = chosen.byFilter || chosen.picks.length > 1
  if (args.flag('dry-run')) return rehearse(call, chosen.picks, action)
  if (isBulk && !args.flag('yes') && !(await agreed(call, chosen.picks, action))) {
    output.note('Nothing was changed.')
    return call.io.signal.aborted ? exit.interrupted : exit.failed
  }
  const done: Pick[] = []
  const failed: Failure[] = []
  for (const pick of inLogOrder(chosen.picks)) {
    if (call.io.signal.aborted) break
    try {
      await action.apply(pick, { by: args.text('by') ?? call.io.user, note: action.note })
      done.push(pick)
    } catch (error) {
      if (!isBulk) throw error
      failed.push({ pick, error })
    }
  }
  report(call, { done, failed, asked: chosen.picks.length }, action)
  if (call.io.signal.aborted) return exit.interrupted
  return failed.length > 0 ? exit.partial : exit.ok
}

// A running service may take a letter up as soon as it is back: those of one key must come back in their order.
const inLogOrder = (picks: readonly Pick[]): readonly Pick[] =>
  [...picks].sort(
    ({ letter: { entry: a } }, { letter: { entry: b } }) => a.partition - b.partition || a.offset - b.offset,
  )

function rehearse({ output }: Call, picks: readonly Pick[], action: BulkAction): ExitCode {
  if (picks.length === 1 && picks[0]) refuseUnlessOpen(picks[0].letter, action.past)
  const ready = picks.filter(({ letter }) => letter.state === 'open')
  if (output.json) {
    const ids = (some: readonly Pick[]): unknown => some.map(({ letter }) => letter.id)
    const refused = picks.filter(({ letter }) => letter.state !== 'open')
    output.document({
      action: action.verb,
      dryRun: true,
      matched: picks.length,
      would: ids(ready),
      refused: ids(refused),
    })
    return exit.ok
  }
  sample(output.line, ready)
  output.note(`Would ${action.verb} ${letters(ready.length)}; nothing was changed.`)
  return exit.ok
}

async function agreed({ io, output }: Call, picks: readonly Pick[], action: BulkAction): Promise<boolean> {
  sample(output.note, picks)
  if (!io.canAsk) {
    throw usageError(
      `This would ${action.verb} ${letters(picks.length)}; without a terminal to ask on, say --yes.`,
      'Look first with --dry-run. Nothing was changed.',
    )
  }
  const answer = await output.ask(`${action.verb === 'replay' ? 'Replay' : 'Discard'} ${letters(picks.length)}? [y/N] `)
  return /^y(es)?$/i.test(answer.trim())
}

function sample(write: (text: string) => void, picks: readonly Pick[]): void {
  for (const { ledger, letter } of picks.slice(0, sampleSize)) {
    write(`  ${letter.id}  ${ledger.service.name}  ${letter.eventType ?? '?'}  ${letter.errorClass}`)
  }
  if (picks.length > sampleSize) write(`  and ${picks.length - sampleSize} more`)
}

interface Result {
  readonly done: readonly Pick[]
  readonly failed: readonly Failure[]
  readonly asked: number
}

function report({ output }: Call, { done, failed, asked }: Result, action: BulkAction): void {
  if (output.json) {
    output.document({
      action: action.verb,
      dryRun: false,
      matched: asked,
      done: done.map(({ letter }) => letter.id),
      failed: failed.map(({ pick, error }) => ({
        id: pick.letter.id,
        code: isFirebreakError(error) ? error.code : null,
        message: errorMessage(error),
      })),
    })
    return
  }
  for (const { letter } of done) output.line(`${action.past} ${letter.id}`)
  for (const { pick, error } of failed) output.note(`failed   ${pick.letter.id}: ${errorMessage(error)}`)
  if (asked > 1) output.note(`${letters(done.length)} ${action.past}, ${failed.length} failed, of ${asked}.`)
  const [first] = done
  if (first && action.verb === 'replay') output.note(`Its outcome: firebreak dlq show ${first.letter.id}`)
}
