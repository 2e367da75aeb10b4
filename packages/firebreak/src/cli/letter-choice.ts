import type { OptionSpec } from './args.ts'
import { type BulkAction, type Chosen, runBulk } from './bulk.ts'
import type { Call } from './command.ts'
import { type ExitCode, exit, usageError } from './exit.ts'
import { filterOf, filterOptions, letters, type Pick, pickByFilter, pickById } from './letter-pick.ts'

const bulkMax = 10_000

/** Which letters a change is about. */
export const choiceOptions: Readonly<Record<string, OptionSpec>> = {
  ...filterOptions,
  all: { help: 'every open letter that the filters leave' },
  max: { value: 'n', help: `at most so many, the newest; default ${bulkMax}` },
}

/** Picks the letters that the command line names and applies `action` to them. */
export async function changeLetters(call: Call, action: BulkAction): Promise<ExitCode> {
  const { args, output } = call
  const isFiltered = args.flag('fingerprint') || args.flag('all')
  if (args.operands.length > 0 === isFiltered) {
    throw usageError(
      isFiltered
        ? 'Name ids or a filter, not both.'
        : `Say which ones to ${action.verb}: ids, --fingerprint F or --all.`,
      `See: firebreak dlq ${action.verb} --help`,
    )
  }
  if (!isFiltered) return runBulk(call, await byIds(call), action)
  const { picks, total } = await pickByFilter(call, filterOf(args), args.count('max') ?? bulkMax)
  if (total > picks.length) output.note(`${letters(total)} match; this is about the newest ${picks.length}.`)
  if (picks.length > 0) return runBulk(call, { picks, byFilter: true }, action)
  if (output.json)
    output.document({ action: action.verb, dryRun: args.flag('dry-run'), matched: 0, done: [], failed: [] })
  else output.note('No open dead letters match.')
  // A filter that finds nothing is a mistyped one, or somebody was faster; nothing at all is the good case.
  return args.flag('fingerprint') ? exit.notFound : exit.ok
}

// All of them are looked up before one is touched: a mistyped id must not leave half of the work done.
async function byIds(call: Call): Promise<Chosen> {
  const picks = new Map<string, Pick>()
  for (const id of call.args.operands) {
    const pick = await pickById(call, id)
    picks.set(pick.letter.id, pick)
  }
  return { picks: [...picks.values()], byFilter: false }
}
