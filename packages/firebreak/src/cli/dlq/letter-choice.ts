import { type DeadLetterFilter, type LetterPlace, lettersInLogOrder } from '../../ledger/letters.ts'
import type { OptionSpec } from '../program/args.ts'
import type { Call } from '../program/command.ts'
import { type ExitCode, exit, usageError } from '../program/exit.ts'
import { ledgersOf } from '../program/pick-by-id.ts'
import type { ServiceLedger } from '../program/session.ts'
import { type BulkAction, type Chosen, runBulk, sampleSize } from './bulk.ts'
import { countOf, filterOf, filterOptions, letterPages, letters, type Pick, pickById } from './letter-pick.ts'

const bulkMax = 10_000
const pageMax = 100

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
  const ledgers = await ledgersOf(call)
  const filter = filterOf(args)
  const total = await countOf(ledgers, filter)
  const chosen = await byFilter(ledgers, filter, args.count('max') ?? bulkMax)
  if (total > chosen.count) output.note(`${letters(total)} match; this is about the newest ${chosen.count}.`)
  if (chosen.count > 0) return runBulk(call, chosen, action)
  if (output.json)
    output.document({ action: action.verb, dryRun: args.flag('dry-run'), matched: 0, done: [], failed: [] })
  else output.note('No open dead letters match.')
  // A filter that finds nothing is a mistyped one, or somebody was faster; nothing at all is the good case.
  return args.flag('fingerprint') ? exit.notFound : exit.ok
}

// All of them are looked up before one is touched: a mistyped id must not leave half of the work done.
async function byIds(call: Call): Promise<Chosen> {
  const found = new Map<string, Pick>()
  for (const id of call.args.operands) {
    const pick = await pickById(call, id)
    found.set(pick.letter.id, pick)
  }
  const picks = [...found.values()]
  const inLogOrder = picks.toSorted(
    ({ letter: { entry: a } }, { letter: { entry: b } }) => a.partition - b.partition || a.offset - b.offset,
  )
  return {
    count: picks.length,
    sample: picks.slice(0, sampleSize),
    byFilter: false,
    async *each() {
      yield* inLogOrder
    },
  }
}

/**
 * The newest `max` letters. What is kept of them is the range of their ids: letters that are added meanwhile are newer, and those
 * that were decided before it was their turn are open no more.
 */
async function byFilter(ledgers: readonly ServiceLedger[], filter: DeadLetterFilter, max: number): Promise<Chosen> {
  const sample: Pick[] = []
  let count = 0
  let least = ''
  for await (const page of letterPages({ ledgers, filter, after: undefined, max })) {
    sample.push(...page.slice(0, sampleSize - sample.length))
    count += page.length
    least = page.at(-1)?.letter.id ?? least
  }
  const ids = { least, most: sample[0]?.letter.id ?? least }
  return { count, sample, byFilter: true, each: () => eachInLogOrder(ledgers, { ...filter, ids }) }
}

// A running service may take a letter up as soon as it is back: those of one key must come back in their order.
async function* eachInLogOrder(ledgers: readonly ServiceLedger[], filter: DeadLetterFilter): AsyncGenerator<Pick> {
  for (const ledger of ledgers) {
    let after: LetterPlace | undefined
    for (;;) {
      const page = await lettersInLogOrder(ledger.database, filter, { after, max: pageMax })
      for (const letter of page) yield { ledger, letter }
      const last = page.at(-1)
      if (last === undefined) break
      const { topic, partition, offset } = last.entry
      after = { topic, partition, offset, id: last.id }
    }
  }
}
